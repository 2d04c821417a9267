"""Algorithm 1 on people kept out of training: what an edit changes, beside what the person's own face did."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fvae_jax.data import index
from fvae_jax.evaluation import cases, landmarks, metrics, statistics
from fvae_jax.evaluation.baselines.base import Method
from fvae_jax.evaluation.report import Column, Figure, Row, Section, Table, Value, figures
from fvae_jax.evaluation.sections import COLUMNS, IDENTITY, Context, interval, progress

STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_FULL = STRENGTHS.index(1.0)
# A measure belongs to an expression if most people's own photos change it one way, by a visible amount.
_AGREE = 0.75
_VISIBLE = 0.02  # of the distance of the eyes
MOVES = (
    f"a measure moves in an expression if {100 * _AGREE:g} % of the people's own images change it one way, by "
    f'{100 * _VISIBLE:g} % of the distance of the eyes or more on average'
)
_METRICS = ('psnr', 'psnr_mouth', 'lpips', 'sharpness', IDENTITY)

_TEXT = """From a person's neutral photo alone, Algorithm 1 adds an expression; the person's own photo with that expression is
the truth, though nobody smiles the same twice. The table scores the edits at strength 1 against it (identity distance
and sharpness: against the neutral photo; the last row is how far the person's own two photos are apart).

The plots tell how far the edit goes: the change of 68 landmarks from the neutral photo to the edit, as a share of the
change to the person's own expression, sums over people divided by sums. The diagonal is an edit that does at strength
1 just what the people did. Only measures are shown that most of the people's own photos change one way."""


class Edit(NamedTuple):
    """An edit to make, and what the person's own face did.

    Attributes:
      identity: Who.
      source, target: The expressions to come from and to go to.
      start, truth: The person with either, (H, W, 3) float32 in [-1, 1].
    """

    identity: str
    source: str
    target: str
    start: np.ndarray
    truth: np.ndarray


def edits(changes: Sequence[cases.Change], back: bool = False) -> list[Edit]:
    """Edits from neutral to the expressions, or back."""
    if back:
        return [Edit(c.identity, c.expression, index.NEUTRAL, c.expressive, c.neutral) for c in changes]
    return [Edit(c.identity, index.NEUTRAL, c.expression, c.neutral, c.expressive) for c in changes]


def movements(method: Method, wanted: Sequence[Edit], strengths: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Measures how far faces move.

    Args:
      method: Makes the edits.
      wanted: The edits, all to one expression.
      strengths: Of each edit.

    Returns:
      What `landmarks.Measures` change from the start to the truth, (edits, measures), and to the edits,
      (edits, strengths, measures); in distances of the eyes.
    """

    def of(crop: np.ndarray) -> np.ndarray:
        return np.asarray(landmarks.measure(landmarks.landmarks(crop)))

    real, made = [], []
    for edit in progress(wanted, f'landmarks of {wanted[0].target}'):
        start = of(edit.start)
        real.append(of(edit.truth) - start)
        made.append([of(method.edit(edit.start, edit.source, edit.target, s)) - start for s in strengths])
    return np.asarray(real), np.asarray(made)


def moves(real: np.ndarray) -> bool:
    """Whether a measure moves in an expression, by its change in the people's own images, (people,): see `MOVES`."""
    return abs(real.mean()) >= _VISIBLE and np.mean(np.sign(real) == np.sign(real.mean())) >= _AGREE


def right_way(made: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Which edits go the way that the people's own images go on average; both (people,), bool likewise."""
    return np.sign(made) == np.sign(real.mean())


def section(context: Context) -> Section | None:
    """Edits every neutral photo of the test people; None if nobody has a neutral photo and another."""
    changes = list(cases.changes(context.faces, context.editor.expressions))
    if not changes:
        return None
    tables = [_scores(context, changes)]
    table, drawn = _landmarks(context, changes)
    return Section('Editing (Algorithm 1)', _TEXT, [*tables, *table], drawn)


def _scores(context: Context, changes: Sequence[cases.Change]) -> Table:
    methods = context.methods
    people = [change.identity for change in changes]
    neutral, truth = (np.stack([getattr(change, name) for change in changes]) for name in ('neutral', 'expressive'))
    own = context.judge.descriptors(neutral)
    copy = {**context.judge.score(neutral, truth, neutral), IDENTITY: np.zeros(len(changes))}
    rows = [Row('the neutral photo', _cells(copy, people), left_out='no edit')]
    entries: list[Method] = [methods.average, *methods.vaes, *methods.ours]
    for method in progress(entries, 'edits'):
        made = [method.edit(edit.start, edit.source, edit.target, 1.0) for edit in edits(changes)]
        if any(image is None for image in made):
            rows.append(Row(method.name, note='has no edit for one of the expressions'))
            continue
        scores = context.judge.score(np.stack(made), truth, neutral)
        scores[IDENTITY] = metrics.identity_distance(context.judge.descriptors(made), own)
        rows.append(Row(method.name, _cells(scores, people), ours=method in methods.ours))
    rows += [Row(name, note=note) for name, note in methods.missing.items()]
    real = {
        **context.judge.score(truth, truth, neutral),
        IDENTITY: metrics.identity_distance(context.judge.descriptors(truth), own),
    }
    cells = [
        None if name.startswith('psnr') or name == 'lpips' else cell
        for name, cell in zip(_METRICS, _cells(real, people))
    ]
    rows.append(Row("the person's own expression", cells, left_out='the truth'))
    caption = f'{len(changes)} edits of {len(set(people))} people, neutral to each of their expressions, strength 1.'
    return Table('edits', 'Edits against the truth', caption, [COLUMNS[name] for name in _METRICS], rows)


def _cells(scores: dict[str, np.ndarray], people: Sequence[str]) -> list:
    return [interval(scores[name], people) if name in scores else metrics.LPIPS_MISSING for name in _METRICS]


def _landmarks(context: Context, changes: Sequence[cases.Change]) -> tuple[list[Table], list[Figure]]:
    rows, drawn = [], []
    for number, expression in enumerate(sorted({change.expression for change in changes})):
        chosen = [change for change in changes if change.expression == expression]
        real, made = movements(context.methods.ours[-1], edits(chosen), STRENGTHS)
        curves = {}
        for j, name in enumerate(landmarks.Measures._fields):
            if not moves(real[:, j]):
                continue
            people = [change.identity for change in chosen]
            shares = [
                _percent(statistics.bootstrap_ratio(made[:, k, j], real[:, j], people)) for k in range(len(STRENGTHS))
            ]
            label = name.replace('_', ' ')
            curves[label] = figures.Curve(*zip(*shares))
            right = 100 * float(np.mean(right_way(made[:, _FULL, j], real[:, j])))
            rows.append(Row(f'{expression}: {label}', [shares[STRENGTHS.index(0.5)], shares[_FULL], shares[-1], right]))
        if curves:
            # Numbered: a label need not be a file name.
            path = context.drawings / f'strength{number + 1}.png'
            figures.strength_plot(STRENGTHS, curves, path)
            drawn.append(
                Figure(
                    f'Strength of {expression}',
                    f'{len(chosen)} people; bands are 95 % intervals.',
                    path,
                    f'Landmark change of {expression} against the strength of the edit.',
                )
            )
    if not rows:
        return [], []
    columns = [Column(f'strength {s:g}', '% of the real change', 0) for s in (0.5, 1.0, STRENGTHS[-1])]
    columns.append(Column('right way', '% of people', 0))
    return [
        Table(
            'landmarks',
            'Landmark change of the edits',
            'People as above; strength 1 is right at 100 %.',
            columns,
            rows,
            row_heading='expression and measure',
        )
    ], drawn


def _percent(share: tuple[float, float, float]) -> Value:
    return Value(*(100 * x for x in share))
