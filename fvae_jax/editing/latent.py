"""Algorithms 1 and 2 in the latent space: pure functions of latents and masks.

Latents are (4, 4, C) or have any leading axes; strengths are any real numbers: 0 is the photo itself, 1 the
expression as the training people show it on average, more exaggerates, less than 0 does the opposite. `stats` are those
of the training people, `kind` is what a direction is; see `direction`.
"""

import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax.bundle import LatentStatistics
from fvae_jax.errors import InputError, meant

NEUTRAL = 'neutral'
BLENDS = ('logit', 'softmax', 'paper')
# Weaker examples of an expression are no examples of what the word means.
FULL_STRENGTH = 0.8
# Directions in which faces are known to differ: at most, images to each of them, and images that tell anything.
_SPREADS, _IMAGES, _FEWEST = 256, 5, 100
# What a share costs, of what it explains: of two explanations the one with fewer expressions is the likelier. And by
# how much less than of training people is read of strangers: 96 of them, 286 images, the built-in model.
_COST, _UNREAD = 0.15, 1.3
# Rows by expression, and gram; see `readings`.
Readings = tuple[dict[str, np.ndarray], np.ndarray]
# How much of what a face shows `neutral` 1 takes away. Observers believed 2 of 12 smiles of which all was taken away,
# and 7 of 12 of which this was: eyes and cheeks go on smiling a little. The lips of both are closed.
AT_REST = 0.75
STRONGEST = 50  # beyond it faces are torn, and far beyond numbers overflow


def statistics(
    latents: np.ndarray, identities: Sequence[str], expressions: Sequence[str], strengths: Sequence[float]
) -> LatentStatistics:
    """Averages the latents of a training set.

    Args:
      latents: μ of each image, (N, 4, 4, C).
      identities: Whose image it is.
      expressions: What it shows.
      strengths: How much of it; images of an expression below `FULL_STRENGTH` are left out.

    Returns:
      Statistics of the expressions that remain; `within_identity` has those that someone shows beside neutral.
      `spread` is None without images enough.
    """
    people: dict[str, dict[str, list[np.ndarray]]] = {}
    for latent, identity, expression, strength in zip(latents, identities, expressions, strengths):
        if expression == NEUTRAL or strength >= FULL_STRENGTH:
            people.setdefault(identity, {}).setdefault(expression, []).append(np.asarray(latent, np.float64))
    names = sorted({name for person in people.values() for name in person})
    means, within, counts = {}, {}, {}
    for name in names:
        images = [latent for person in people.values() for latent in person.get(name, ())]
        means[name], counts[name] = np.mean(images, 0).astype(np.float32), len(images)
        changes = [
            np.mean(person[name], 0) - np.mean(person[NEUTRAL], 0)
            for person in people.values()
            if name in person and NEUTRAL in person
        ]
        if changes:
            within[name] = np.mean(changes, 0).astype(np.float32)
    rest = [latent - means[name] for person in people.values() for name, some in person.items() for latent in some]
    return LatentStatistics(means, within, counts, _spread(rest))


def _spread(differences: Sequence[np.ndarray]) -> np.ndarray | None:
    """The principal directions in which people differ who show the same, as long as `whiten` wants them."""
    if len(differences) < _FEWEST:
        return None
    rows = np.reshape(differences, (len(differences), -1))
    count = min(len(rows) // _IMAGES, rows.shape[1] // 2, _SPREADS)
    _, lengths, directions = np.linalg.svd(rows, full_matrices=False)
    variances = lengths**2 / len(rows)
    rest = variances[count:].sum() / (rows.shape[1] - count)
    scale = 1 - (rest / np.maximum(variances[:count] + rest, np.finfo(np.float64).tiny)) ** 0.25
    spread = np.sqrt(scale)[:, None] * directions[:count]
    return spread.reshape(count, *differences[0].shape).astype(np.float32)


def whiten(values: np.ndarray, stats: LatentStatistics) -> np.ndarray:
    """Makes differences between people who show the same count less, by the square root of how large they are.

    A symmetric linear map, the fourth root of the inverse covariance within expressions (of principal directions, and
    the mean of all others), up to a factor. The square root, which would make all directions alike, trusts the training
    people too much: of strangers it read smiles with twice the error. Nothing is done where the statistics lack it.
    Values are differences of latents, (n, 4 · 4 · C); the result is float64.
    """
    values = values.astype(np.float64)
    if stats.spread is None:
        return values
    rows = stats.spread.reshape(len(stats.spread), -1).astype(np.float64)
    return values - (values @ rows.T) @ rows


def _known(name: str, table: Mapping[str, np.ndarray]) -> np.ndarray:
    if name not in table:
        known = sorted(table)
        raise InputError(f'unknown expression {name!r}{meant(name, known)}; this model has {", ".join(known)}')
    return table[name]


def direction(stats: LatentStatistics, target: str, source: str = NEUTRAL, kind: str = 'class_means') -> np.ndarray:
    """Z_target − Z_source of Algorithm 1.

    Args:
      stats: Of the training people.
      target: The expression to go to.
      source: The expression to come from.
      kind: 'class_means': the difference of the class means. 'within_identity': the mean change within a
        person, which does not mind who shows what. 'paper': as printed, both sums divided by |D|, the size of
        the whole set, so that steps shrink with the share of the class.

    Returns:
      (4, 4, C).

    Raises:
      InputError: An expression is unknown; the message lists those that are known.
    """
    table = stats.within_identity if kind == 'within_identity' else stats.class_means
    z_target, z_source = _known(target, table), _known(source, table)
    if kind == 'paper':
        whole = sum(stats.counts.values())
        return (stats.counts[target] * z_target - stats.counts[source] * z_source) / whole
    return z_target - z_source


def check_strength(what: str, strength: float) -> None:
    """Raises `InputError` unless a strength, which the message names, is one that can leave anything of a face."""
    if not np.isfinite(strength):
        raise InputError(f'{what} is {strength}; it must be a finite number')
    if abs(strength) > STRONGEST:
        raise InputError(
            f'{what} is {strength:g}; give at most {STRONGEST}: 1 is as most people show it, 3 a caricature'
        )


def combine(
    stats: LatentStatistics, strengths: Mapping[str, float], source: str = NEUTRAL, kind: str = 'class_means'
) -> np.ndarray:
    """The sum of several directions, each times its strength: `{'smile': 0.7, 'surprise': 0.2}`.

    Raises:
      InputError: An expression is unknown or a strength is not a number within ± `STRONGEST`.
    """
    for name, strength in strengths.items():
        check_strength(f'strength of {name}', strength)
    terms = [strength * direction(stats, name, source, kind) for name, strength in strengths.items()]
    shape = next(iter(stats.class_means.values()))
    return functools.reduce(np.add, terms, np.zeros_like(shape)).astype(np.float32)


def neutralize(
    latent: np.ndarray, stats: LatentStatistics, kind: str = 'class_means', read: Readings | None = None
) -> np.ndarray:
    """The direction that takes the expression out of a photo, as far as people believe it.

    The photo's distance from the mean neutral latent is written as a sum of the known directions, see `shown`, of which
    `AT_REST` is subtracted; none counts more than once, for beyond that it is the person and not the expression.

    Returns:
      (4, 4, C), to be added to Z(S), which is `latent`.
    """
    names, basis = _basis(stats, kind)
    if not names:
        return np.zeros_like(latent)
    shares = list(shown(latent, stats, kind, read).values())
    return -AT_REST * (basis @ np.minimum(shares, 1)).reshape(latent.shape).astype(np.float32)


def shown(
    latent: np.ndarray, stats: LatentStatistics, kind: str = 'class_means', read: Readings | None = None
) -> dict[str, float]:
    """How much of each expression a photo shows.

    Its distance from the mean neutral latent is mostly the person. So shares of the known directions are sought, none
    negative, that leave the likeliest difference between two people who show the same (generalized least squares; see
    `whiten`), and as little of them as explains it. Unweighted, people of one studio without any expression showed half
    a pucker. (Least squares with negative shares cut off distorts faces: the directions overlap.) `read` are the
    `readings` of the statistics, which take longer than all the rest; they are made if not given.
    """
    rows, gram = read or readings(stats, kind)
    if not rows:
        return {}
    offset = latent.astype(np.float64) - _known(NEUTRAL, stats.class_means)
    return dict(zip(rows, _shares(gram, np.array([(row * offset).sum() for row in rows.values()])).tolist()))


def readings(stats: LatentStatistics, kind: str = 'class_means') -> Readings:
    """The numbers by which `shown` reads a face: its shares are the x ≥ 0 with the least ½ xᵀ gram x − xᵀ goal.

    Returns:
      By expression, (4, 4, C) float64, whose product with Z(S) − Z_neutral, summed, is the goal; and gram, (n, n).
    """
    names, basis = _basis(stats, kind)
    white = whiten(basis.T, stats)
    gram, rows = white @ white.T, whiten(white, stats)
    if stats.spread is not None:
        gram, rows = gram + _COST * np.diag(gram).mean() * np.eye(len(names)), _UNREAD * rows
    shape = next(iter(stats.class_means.values())).shape
    return {name: row.reshape(shape) for name, row in zip(names, rows)}, gram


def gauge(stats: LatentStatistics, kind: str = 'class_means') -> dict[str, np.ndarray]:
    """By expression, (4, 4, C): its product with a change of a latent, summed, is how much of it the change adds.

    By least squares, so that of an edit its strengths are told.
    """
    names, basis = _basis(stats, kind)
    shape = next(iter(stats.class_means.values())).shape
    rows = np.linalg.pinv(basis.astype(np.float64)) if names else ()
    return {name: row.reshape(shape).astype(np.float32) for name, row in zip(names, rows)}


def _basis(stats: LatentStatistics, kind: str) -> tuple[list[str], np.ndarray]:
    """The names of all expressions but neutral, and their directions as columns."""
    table = stats.within_identity if kind == 'within_identity' else stats.class_means
    names = [name for name in table if name != NEUTRAL]
    columns = [direction(stats, name, NEUTRAL, kind).ravel() for name in names]
    return names, np.stack(columns, axis=1) if names else np.zeros((0, 0), np.float32)


def _shares(gram: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """The x ≥ 0 with the least ½ xᵀ gram x − xᵀ goal, (n,), by Lawson and Hanson's active sets (1974).

    As `scipy.optimize.nnls`, whose package takes 0.15 s to import, a twelfth of a whole edit from a new process.
    """
    x, free = np.zeros(len(goal)), np.zeros(len(goal), bool)
    least = 100 * len(goal) * np.finfo(np.float64).eps * np.abs(goal).max()
    for _ in range(3 * len(x)):
        pull = np.where(free, -np.inf, goal - gram @ x)
        if pull.max() <= least:
            break
        free[pull.argmax()] = True
        while True:
            aim = np.zeros_like(x)
            aim[free] = np.linalg.lstsq(gram[np.ix_(free, free)], goal[free])[0]
            if not (ends := free & (aim <= 0)).any():
                x = aim
                break
            x = x + np.min(x[ends] / (x[ends] - aim[ends])) * (aim - x)  # as far as all stay ≥ 0
            free &= x > least
            x[~free] = 0
    return x


def interpolate(first: jax.Array, second: jax.Array, t: float) -> jax.Array:
    """Z_edit of Algorithm 2: Z1 + t (Z2 − Z1); exactly Z1 at 0 and Z2 at 1."""
    return (1 - t) * first + t * second


def blend_weights(first: jax.Array, second: jax.Array, t: float, blend: str = 'logit') -> tuple[jax.Array, jax.Array]:
    """The weights of O1 and O2 in Algorithm 2.

    Args:
      first: Logits l1 of M(S1, Z_edit), (..., H, W).
      second: Logits l2 of M(S2, Z_edit).
      t: How far from S1 to S2, in [0, 1].
      blend: 'logit': w1 = (1 − t) e^l1 / ((1 − t) e^l1 + t e^l2), the exact sources at both ends. 'softmax':
        e^M1 / (e^M1 + e^M2) of the masks M = sigmoid(l). 'paper': e^M1 / e^(M1 + M2), as printed; these do not
        sum to one.

    Returns:
      Both weights, (..., H, W).
    """
    if blend == 'logit':
        if t in (0, 1):
            return jnp.full_like(first, 1 - t), jnp.full_like(first, t)
        share = jax.nn.sigmoid(first - second + np.log1p(-t) - np.log(t))
        return share, 1 - share
    m1, m2 = jax.nn.sigmoid(first), jax.nn.sigmoid(second)
    if blend == 'softmax':
        share = jax.nn.sigmoid(m1 - m2)
        return share, 1 - share
    if blend == 'paper':
        return jnp.exp(m1) / jnp.exp(m1 + m2), jnp.exp(m2) / jnp.exp(m1 + m2)
    raise InputError(f'unknown blend {blend!r}; it is one of {", ".join(BLENDS)}')
