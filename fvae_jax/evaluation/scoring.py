"""What methods make of cases, in numbers. A batch of cases is in memory at a time, however many there are."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fvae_jax.evaluation import cases as cases_lib, landmarks, metrics
from fvae_jax.evaluation.cases import Case, Cases, Edit, KnownFlow, Pair
from fvae_jax.evaluation.methods.base import Method
from fvae_jax.evaluation.statistics import known_interval
from fvae_jax.evaluation.tables import Column, Row, Table
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import Frame, Region

SEES = 'sees the answer'
# Where nothing moves every flow is right, so pixels that move are also looked at alone.
_MOVES = 0.5  # px
# A measure belongs to an expression if most people's own photos change it one way, by a visible amount.
_AGREE = 0.75
_VISIBLE = 0.02  # of the distance of the eyes
MOVES = (
    f"a measure moves in an expression if {100 * _AGREE:g} % of the people's own images change it one way, by "
    f'{100 * _VISIBLE:g} % of the distance of the eyes or more on average'
)


class Truth(NamedTuple):
    """Which images of a case its answers are held against, by the names of its fields.

    Attributes:
      target: The true picture.
      reference: What sharpness is relative to.
      person: What the identity distance is from.
    """

    target: str
    reference: str
    person: str


class Scores(NamedTuple):
    """What methods made of cases, scored.

    Attributes:
      people: Whose each case is, (cases,).
      by_row: {row: {score: (cases,)}}, as `metrics.Judge.score` has them, and `metrics.IDENTITY`, if asked for: NaN
        where it was not measured.
      pictures: {row: picture} of each case whose pictures were to be kept.
    """

    people: list[str]
    by_row: dict[str, dict[str, np.ndarray]]
    pictures: list[dict[str, np.ndarray]]


def score(
    judge: metrics.Judge,
    cases: Cases[Case],
    makers: Mapping[str, Callable[[Case], np.ndarray | None]],
    truth: Truth,
    what: str,
    *,
    described: int = 0,
    kept: int = 0,
) -> Scores:
    """Scores what methods make of every case.

    Args:
      judge: Scores images.
      cases: What is to be made.
      makers: What makes it, by the names of the rows; one that has no answer to some case gets no scores, because
        means over other cases cannot be compared.
      truth: What the answers are held against.
      what: The name of the work, where it takes long.
      described: Of how many cases, spread evenly, to measure the identity distance.
      kept: Of how many cases, spread evenly, to keep the pictures.
    """
    values: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in makers}
    to_describe, to_keep = (set(cases_lib.spread(len(cases), count)) for count in (described, kept))
    pictures: list[dict[str, np.ndarray]] = []
    number = 0
    for batch in cases.batches(judge.batch_size, what):
        made: dict[str, list[np.ndarray]] = {name: [] for name in values}
        for i, case in enumerate(batch, number):
            # Case by case, so that what one method has read of an image serves the others.
            answers = {name: makers[name](case) for name in made}
            for name in [name for name, image in answers.items() if image is None]:
                del made[name], values[name], answers[name]
            if i in to_keep:
                pictures.append(answers)
            for name, image in answers.items():
                made[name].append(image)
        targets, references = (np.stack([getattr(c, field) for c in batch]) for field in truth[:2])
        asked = [i for i in range(len(batch)) if number + i in to_describe]
        people = judge.descriptors([getattr(batch[i], truth.person) for i in asked])
        for name, images in made.items():
            scores = judge.score(np.stack(images), targets, references)
            if described:
                scores[metrics.IDENTITY] = np.full(len(batch), np.nan)
                found = judge.descriptors([images[i] for i in asked])
                scores[metrics.IDENTITY][asked] = metrics.identity_distance(found, people)
            values[name].append(scores)
        number += len(batch)
    joined = {
        name: {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        for name, parts in values.items()
        if parts
    }
    return Scores(cases.people, joined, pictures)


def movements(
    method: Method, edits: Cases[Edit], strengths: Sequence[float], frame: Frame
) -> tuple[np.ndarray, np.ndarray]:
    """Measures how far faces move.

    Args:
      method: Makes the edits.
      edits: All to one expression.
      strengths: Of each edit.
      frame: Where the eyes lie in the crops.

    Returns:
      What `landmarks.Measures` change from the start to the truth, (edits, measures), and to the edits,
      (edits, strengths, measures); in distances of the eyes.
    """

    def of(crop: np.ndarray) -> np.ndarray:
        return np.asarray(landmarks.measure(landmarks.landmarks(crop, frame)))

    real, made = [], []
    for (edit,) in edits.batches(1, f'landmarks of {edits.heads[0].target}'):
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


def no_flow(pair: Pair) -> np.ndarray:
    """The flow of copying: (H, W, 2) zeros."""
    return np.zeros((*pair.source.shape[:2], 2), np.float32)


def end_points(
    flows: Mapping[str, Callable[[Pair], np.ndarray | None]],
    known: Cases[KnownFlow],
    size: int,
    frame: Frame,
    ours: str,
    answer: str,
) -> Table:
    """Measures how far flows are from the true ones.

    Args:
      flows: What gives the flow of a pair, (H, W, 2), px, by the names of the rows; None where it has none.
      known: The pairs.
      size: Of their crops, px.
      frame: Where the eyes lie in them.
      ours: The row that the table is about.
      answer: The row that sees the answer.
    """
    people = [head.pair.identity for head in known.heads]
    errors: dict[str, list] = {name: [] for name in flows}
    for (case,) in known.batches(1, 'true flow'):
        for name, found in [(name, flows[name](case.pair)) for name in errors]:
            if found is None:
                del errors[name]
            else:
                errors[name].append(_errors(found, case, frame.mouth))
    rows = []
    for name in flows:
        if name not in errors:
            rows.append(Row(name, note='has no flow for some of the pairs'))
            continue
        values = [known_interval(column, people) for column in np.transpose(errors[name])]
        rows.append(Row(name, values, ours=name == ours, left_out=SEES if name == answer else ''))
    places = ('all', f'moving over {_MOVES} px', 'mouth')
    caption = (
        f'{len(known)} test pairs of {len(set(people))} people, crops of {size} px; means over pairs with 95 % '
        'intervals over people.'
    )
    columns = [Column(place, 'px', 2, 'lower', 'end-point error') for place in places]
    return Table('true-flow', 'End-point error', caption, columns, rows)


def _errors(flow: np.ndarray, case: KnownFlow, mouth: Region) -> tuple[float, float, float]:
    """Mean end-point errors over all pixels with a source, over those that move, over those of the mouth, px."""
    error = np.linalg.norm(flow - case.displacement, axis=-1)
    sourced = case.known & ~case.exposed
    moving = sourced & (np.linalg.norm(case.displacement, axis=-1) > _MOVES)
    there = image_ops.crop_region(np.where(sourced, error, np.nan)[..., None], *mouth)
    return (
        float(error[sourced].mean()),
        float(error[moving].mean()) if moving.any() else np.nan,
        float(np.nanmean(there)) if np.isfinite(there).any() else np.nan,
    )
