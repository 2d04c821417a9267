"""What a report looks at: pairs, true middle frames and true flows of people kept out of training."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

import ml_collections
import numpy as np

from fvae_jax.data import index, pairs as pairs_lib, pipeline
from fvae_jax.data.drawn import expressions
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.editing import latent
from fvae_jax.evaluation.baselines.base import Pair
from fvae_jax.ops import image as image_ops
from fvae_jax.training import experiment

MIDDLES = (0.25, 0.5, 0.75)
# A frame whose strength is that close to one of them stands for it: sets are drawn with some scatter.
_CLOSE = 0.02


class Middle(NamedTuple):
    """Two ends and the true frame between them.

    Attributes:
      identity, expression: Who, and the label of the second end; the first is neutral.
      t: Where the frame lies, one of `MIDDLES`.
      first, second, truth: (H, W, 3) float32 in [-1, 1].
    """

    identity: str
    expression: str
    t: float
    first: np.ndarray
    second: np.ndarray
    truth: np.ndarray


class KnownFlow(NamedTuple):
    """A pair whose true flow is known.

    Attributes:
      pair: S and T.
      displacement: Where each pixel of T is found in S, (H, W, 2), px.
      exposed: Pixels of T that S does not have, (H, W) bool.
      known: Where the two are known, (H, W) bool.
    """

    pair: Pair
    displacement: np.ndarray
    exposed: np.ndarray
    known: np.ndarray


class Change(NamedTuple):
    """A person's neutral photo and one with an expression, as they are: what Algorithm 1 should do.

    Attributes:
      identity, expression: Who, and what.
      neutral, expressive: (H, W, 3) float32 in [-1, 1].
    """

    identity: str
    expression: str
    neutral: np.ndarray
    expressive: np.ndarray


def pairs(
    faces: experiment.Faces, part: str, config: ml_collections.ConfigDict, limit: int | None = None
) -> Iterator[Pair]:
    """Yields ordered pairs of 'train' or 'test' people, at most `limit`, spread evenly over all.

    Images of partial strength stay out: their labels do not say what they show, so that a method that knows labels
    alone, the average flow, could not be asked.
    """
    config = config.copy_and_resolve_references()
    config.data.true_flow = False
    chosen = _whole_pairs(faces, part)
    for source, target in pipeline.thin(chosen, limit or len(chosen)):
        yield _pair(faces, int(source), int(target), config)[0]


def _whole_pairs(faces: experiment.Faces, part: str) -> np.ndarray:
    """The pairs of images that are neutral or of full strength, (pairs, 2)."""
    whole = [r.expression == index.NEUTRAL or r.strength >= latent.FULL_STRENGTH for r in faces.data.records]
    return np.asarray([pair for pair in faces.pairs(part) if all(whole[i] for i in pair)]).reshape(-1, 2)


def known_flows(faces: experiment.Faces, config: ml_collections.ConfigDict, limit: int) -> Iterator[KnownFlow]:
    """Yields test pairs of full strength with known flow, at most `limit`; none if the set ships no flow."""
    config = config.copy_and_resolve_references()
    config.data.true_flow = True
    records = faces.data.records
    chosen = np.asarray(
        [
            (s, t)
            for s, t in _whole_pairs(faces, 'test')
            if records[s].reference and records[s].reference == records[t].reference
        ]
    )
    for source, target in pipeline.thin(chosen, limit):
        pair, example = _pair(faces, int(source), int(target), config)
        yield KnownFlow(pair, example['displacement'], example['exposed'], example['known'])


def _pair(
    faces: experiment.Faces, source: int, target: int, config: ml_collections.ConfigDict
) -> tuple[Pair, dict[str, np.ndarray]]:
    records, plain = faces.data.records, pairs_lib.Augmentation()
    example = pairs_lib.load_pair(faces.data, source, target, plain, config.data)
    others = [
        i
        for i, record in enumerate(records)
        if record.identity == records[target].identity and i not in (source, target)
    ]
    second = None
    if others:
        # Which one does not matter, as long as it is always the same.
        other = others[(source + target) % len(others)]
        second = pairs_lib.load_pair(faces.data, other, target, plain, config.data)['source']
    names = (records[i].expression for i in (source, target))
    return Pair(records[source].identity, *names, example['source'], example['target'], second), example


def middle_frames(faces: experiment.Faces, config: ml_collections.ConfigDict) -> Iterator[Middle]:
    """Yields the true frames between neutral and full expressions of test people.

    Drawn faces are drawn at the strengths wanted; other sets have them where someone's images show an expression at
    a quarter, a half or three quarters of its full strength.
    """
    if config.data.set == 'synthetic':
        yield from _drawn_middles(faces, config)
    else:
        yield from _stored_middles(faces)


def _drawn_middles(faces: experiment.Faces, config: ml_collections.ConfigDict) -> Iterator[Middle]:
    for name in faces.split.test:
        face = DrawnFace(0, int(name.rpartition('_')[2]), config.data.image_size)
        neutral = image_ops.to_float(face.image(index.NEUTRAL, 0.0))
        for expression in expressions.EXPRESSIONS:
            if expression != index.NEUTRAL:
                full = image_ops.to_float(face.image(expression, 1.0))
                for t in MIDDLES:
                    yield Middle(name, expression, t, neutral, full, image_ops.to_float(face.image(expression, t)))


def _stored_middles(faces: experiment.Faces) -> Iterator[Middle]:
    for name, shown in _by_person(faces).items():
        neutral = shown.pop(index.NEUTRAL, None)
        for expression, members in shown.items():
            strength, full = max(members)
            if not neutral or strength < latent.FULL_STRENGTH:
                continue
            for t in MIDDLES:
                between = [i for s, i in members if abs(s / strength - t) < _CLOSE]
                if between:
                    images = (_image(faces, i) for i in (neutral[0][1], full, between[0]))
                    yield Middle(name, expression, t, *images)


def changes(faces: experiment.Faces, expressions: Collection[str]) -> Iterator[Change]:
    """Yields every full expression of every test person, beside the person's neutral photo.

    Args:
      faces: The set and its division.
      expressions: Those that the model knows; a rare one may be shown by test people alone.
    """
    for name, shown in _by_person(faces).items():
        neutral = shown.pop(index.NEUTRAL, None)
        for expression, members in shown.items():
            strength, full = max(members)
            if neutral and strength >= latent.FULL_STRENGTH and {expression, index.NEUTRAL} <= set(expressions):
                yield Change(name, expression, _image(faces, neutral[0][1]), _image(faces, full))


def _by_person(faces: experiment.Faces) -> dict[str, dict[str, list[tuple[float, int]]]]:
    """{test person: {expression: [(strength, index of the image)]}}."""
    people: dict[str, dict[str, list[tuple[float, int]]]] = {name: {} for name in faces.split.test}
    for i, record in enumerate(faces.data.records):
        if record.identity in people:
            people[record.identity].setdefault(record.expression, []).append((float(record.strength), i))
    return people


def _image(faces: experiment.Faces, i: int) -> np.ndarray:
    return image_ops.to_float(faces.data[i]['image'])
