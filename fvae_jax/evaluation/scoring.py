"""What methods make of cases, in numbers. A batch of cases is in memory at a time, however many there are."""

import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from fvae_jax.data import pipeline
from fvae_jax.evaluation import landmarks, metrics
from fvae_jax.evaluation.cases import Case, Cases, Edit, Pair
from fvae_jax.evaluation.methods.base import Method
from fvae_jax.evaluation.statistics import Value, bootstrap_interval
from fvae_jax.evaluation.tables import Column, Table
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import Frame, Region

Name = TypeVar('Name', bound=Hashable)

# Where nothing moves every flow is right, so pixels that move are also looked at alone.
_MOVES = 0.5  # px
# A measure belongs to an expression if most people's own photos change it one way, by a visible amount.
_AGREE = 0.75
_VISIBLE = 0.02  # of the distance of the eyes
MOVES = (
    f"a measure moves in an expression if {100 * _AGREE:g} % of the people's own images change it one way, by "
    f'{100 * _VISIBLE:g} % of the distance of the eyes or more on average'
)


def score(
    cases: Cases[Case],
    makers: Mapping[Name, Callable[[Case], np.ndarray | None]],
    what: str,
    frame: Frame,
    *,
    described: int = 0,
    batch_size: int = 32,
    mouths: bool = False,
) -> dict[Name, dict[str, np.ndarray]]:
    """Scores what methods make of every case.

    Args:
      cases: What is to be made.
      makers: What makes it, by what it is called here; one that has no answer to some case gets no scores, because
        means over other cases cannot be compared.
      what: The name of the work, where it takes long.
      frame: Where the eyes lie in the crops.
      described: Of how many cases, spread evenly, to measure the identity distance.
      batch_size: Cases in memory at a time.
      mouths: Whether the LPIPS of the mouth region is asked for, too.

    Returns:
      {maker: {score: (cases,)}}, as `metrics.score` has them, and `metrics.IDENTITY`, if asked for: NaN where it
      was not measured.
    """
    values: dict[Name, list[dict[str, np.ndarray]]] = {name: [] for name in makers}
    to_describe, number = set(pipeline.thin(np.arange(len(cases)), described).tolist()), 0
    for batch in cases.batches(batch_size, what):
        made = _answers({name: makers[name] for name in values}, batch)
        values = {name: values[name] for name in made}
        targets, references, people = ([getattr(case, field) for case in batch] for field in batch[0].judged)
        asked = [i for i in range(len(batch)) if number + i in to_describe]
        described_people = metrics.descriptors([people[i] for i in asked], frame)
        for name, images in made.items():
            scores = metrics.score(images, targets, references, frame, batch_size, mouths=mouths)
            if described:
                scores[metrics.IDENTITY] = np.full(len(batch), np.nan)
                found = metrics.descriptors([images[i] for i in asked], frame)
                scores[metrics.IDENTITY][asked] = metrics.identity_distance(found, described_people)
            values[name].append(scores)
        number += len(batch)
    return {
        name: {key: np.concatenate([part[key] for part in parts]) for key in parts[0]} for name, parts in values.items()
    }


def _answers(asked: Mapping[Name, Callable[[Case], np.ndarray | None]], cases: Iterable[Case]) -> dict[Name, list]:
    """What is answered to every case, of those that have an answer to all."""
    made: dict[Name, list] = {name: [] for name in asked}
    # Case by case, so that what one method has read of an image serves the others.
    for case in cases:
        for name in list(made):
            answer = asked[name](case)
            if answer is None:
                del made[name]
            else:
                made[name].append(answer)
    return made


class Movement(NamedTuple):
    """How one of `landmarks.Measures` changes, in distances of the eyes."""

    people: list[str]  # whose each edit is, (edits,)
    real: np.ndarray  # from the start to the truth, (edits,)
    made: np.ndarray  # from the start to what a method makes of it at several strengths, (strengths, edits)

    def moves(self) -> bool:
        """Whether the measure moves in the people's own images: see `MOVES`."""
        way = np.sign(self.real.mean())
        return abs(self.real.mean()) >= _VISIBLE and np.mean(np.sign(self.real) == way) >= _AGREE

    def own(self) -> Value:
        """The mean change of the people's own images, % of the distance of the eyes."""
        return bootstrap_interval(self.real, self.people).percent()

    def shares(self) -> list[Value]:
        """How far the edits of each strength go, % of the own change: sums over people divided by sums."""
        return [bootstrap_interval(made, self.people, self.real).percent() for made in self.made]

    def right(self) -> list[Value]:
        """In how many edits of each strength the measure goes the way of the mean own change, %."""
        way = np.sign(self.real.mean())
        return [bootstrap_interval(np.sign(made) == way, self.people).percent() for made in self.made]


def movements(method: Method, edits: Cases[Edit], strengths: Sequence[float], frame: Frame) -> dict[str, Movement]:
    """Measures how far faces move in edits to one expression, by the names of `landmarks.Measures`."""
    of = lambda crop: np.asarray(landmarks.measure(landmarks.landmarks(crop, frame)))
    found = []
    for (edit,) in edits.batches(1, f'landmarks of {edits.heads[0].target}'):
        start = of(edit.start)
        crops = [edit.truth, *(edit.made_by(method, strength) for strength in strengths)]
        found.append([of(crop) - start for crop in crops])
    changes = zip(landmarks.Measures._fields, np.transpose(found, (2, 1, 0)))
    return {name: Movement(edits.people, change[0], change[1:]) for name, change in changes}


def end_points(methods: Sequence[Method], known: Cases[Pair], size: int, frame: Frame) -> Table:
    """Measures how far the flows of methods, in the order of the rows, are from the true ones of `cases.known_flows`.

    The crops have `size` px.
    """
    errors_of = lambda method: lambda pair: _errors(method.flow(pair), pair, frame.mouth)
    pairs = itertools.chain.from_iterable(known.batches(1, 'true flow'))
    errors = _answers({method: errors_of(method) for method in methods}, pairs)
    rows = []
    for method in methods:
        columns = np.transpose(errors.get(method, []))
        values = [bootstrap_interval(column, known.people) for column in columns]
        rows.append(method.row(values, 'has no flow for some of the pairs'))
    places = ('all', f'moving over {_MOVES} px', 'mouth')
    caption = (
        f'{len(known)} test pairs of {len(set(known.people))} people, crops of {size} px; means over pairs with 95 % '
        'intervals over people.'
    )
    columns = [Column(place, 'px', 2, 'lower', 'end-point error') for place in places]
    return Table('true-flow', 'End-point error', caption, columns, rows)


def _errors(flow: np.ndarray | None, pair: Pair, mouth: Region) -> tuple[float, float, float] | None:
    """Mean end-point errors over all pixels with a source, over those that move, over those of the mouth, px."""
    if flow is None:
        return None
    error = np.linalg.norm(flow - pair.displacement, axis=-1)
    sourced = pair.known & ~pair.exposed
    moving = sourced & (np.linalg.norm(pair.displacement, axis=-1) > _MOVES)
    there = image_ops.crop_region(np.where(sourced, error, np.nan)[..., None], *mouth)
    return (
        float(error[sourced].mean()),
        float(error[moving].mean()) if moving.any() else np.nan,
        float(np.nanmean(there)) if np.isfinite(there).any() else np.nan,
    )
