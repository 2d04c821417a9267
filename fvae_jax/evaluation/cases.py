"""What methods are asked to make: pairs, edits, true middle frames and true flows of people kept out of training."""

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import ml_collections
import numpy as np
from tqdm import tqdm

from fvae_jax.data import index, pairs as pairs_lib, pipeline
from fvae_jax.data.builder import Record
from fvae_jax.data.drawn import expressions as drawn_expressions
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.data.people import Faces
from fvae_jax.editing import latent
from fvae_jax.ops import image as image_ops

MIDDLES = (0.25, 0.5, 0.75)
# A frame whose strength is that close to one of them stands for it: sets are drawn with some scatter.
_CLOSE = 0.02
_DRAWN = 8  # drawn images that are kept: a face is drawn at several strengths, its ends are the same for all

# In `judged` each kind names the fields that an answer is held against: the true picture, what sharpness is relative
# to, and what the identity distance is from.
Case = TypeVar('Case', bound=tuple)


class Pair(NamedTuple):
    """Two aligned crops of one person with different labels; what Table 1 is about."""

    identity: str
    source_expression: str
    target_expression: str
    source: np.ndarray  # S with T's color statistics where the run transfers colors (5.2), (H, W, 3) float32 in [-1, 1]
    target: np.ndarray  # T, of the same shape
    # Another image of the person, neither S nor T, with T's color statistics likewise; None where there is none.
    second: np.ndarray | None = None
    # Of `known_flows` alone: where each pixel of T is found in S, (H, W, 2), px; pixels of T that S does not have,
    # (H, W) bool; where the two are known, (H, W) bool.
    displacement: np.ndarray | None = None
    exposed: np.ndarray | None = None
    known: np.ndarray | None = None
    judged = 'target', 'source', 'target'


class Middle(NamedTuple):
    """Two ends and the true frame between them, (H, W, 3) float32 in [-1, 1]."""

    identity: str
    expression: str  # of the second end; the first is neutral
    t: float  # where the frame lies, one of `MIDDLES`
    first: np.ndarray
    second: np.ndarray
    truth: np.ndarray
    judged = 'truth', 'truth', 'truth'


class Edit(NamedTuple):
    """An edit to make from one photo as it is, and what the person's own face did: what Algorithm 1 is about."""

    identity: str
    source: str  # the expression to come from
    target: str  # and to go to
    start: np.ndarray  # the person with the one, (H, W, 3) float32 in [-1, 1]
    truth: np.ndarray  # and with the other
    judged = 'truth', 'start', 'start'

    def made_by(self, method: Any, strength: float = 1.0) -> np.ndarray | None:
        """What a `methods.base.Method` makes of the start."""
        return method.edit(self.start, self.source, self.target, strength)


class Cases(Sequence, Generic[Case]):
    """Cases in order. The images of one are read whenever it is taken, for a set may hold more than fit in memory.

    Args:
      heads: What is known of each without its images: the case, with anything in place of the images; an attribute.
      read: Makes the case of its head; by default the heads are cases already.
    """

    def __init__(self, heads: Iterable[Case], read: Callable[[Any], Case] = lambda head: head):
        self.heads = tuple(heads)
        self._read = read

    def __len__(self) -> int:
        return len(self.heads)

    def __getitem__(self, i: int) -> Case:
        return self._read(self.heads[i])

    @property
    def people(self) -> list[str]:
        """Whose each case is."""
        return [head.identity for head in self.heads]

    def where(self, wanted: Callable[[Case], bool]) -> 'Cases[Case]':
        """Those whose heads are wanted."""
        return Cases(filter(wanted, self.heads), self._read)

    def map(self, change: Callable[[Case], Case]) -> 'Cases[Case]':
        """The cases of changed heads, whose images are read likewise."""
        return Cases(map(change, self.heads), self._read)

    def spread(self, limit: int) -> 'Cases[Case]':
        """At most `limit` of them, spread evenly over all."""
        return Cases([self.heads[i] for i in pipeline.thin(np.arange(len(self)), limit)], self._read)

    def batches(self, size: int, what: str) -> Iterator[list[Case]]:
        """Reads `size` at a time, and shows how far one is if that takes more than two seconds."""
        with tqdm(total=len(self), desc=what, delay=2, leave=False, disable=None) as bar:
            for start in range(0, len(self), size):
                yield [self[i] for i in range(start, min(start + size, len(self)))]
                bar.update(size)


def pairs(faces: Faces, part: str, config: ml_collections.ConfigDict, *, true_flow: bool = False) -> Cases[Pair]:
    """The ordered pairs of 'train' or 'test' people, with what is known of their true flow if it is asked for.

    Images of partial strength stay out: their labels do not say what they show, so that a method that knows labels
    alone, the average flow, could not be asked.
    """
    settings = config.data.copy_and_resolve_references()
    settings.true_flow = true_flow
    load = functools.partial(pairs_lib.load_pair, faces.data, augmentation=pairs_lib.Augmentation(), settings=settings)

    def read(head: Pair) -> Pair:
        second = None if head.second is None else load(head.second, head.target)['source']
        shown = {name: value for name, value in load(head.source, head.target).items() if name in head._fields}
        return head._replace(**shown, second=second)

    return Cases(_pair_heads(faces, part), read)


def known_flows(faces: Faces, config: ml_collections.ConfigDict) -> Cases[Pair]:
    """The test pairs of full strength with known flow, without a second image; none if the set ships no flow."""
    references = [record.reference for record in faces.data.records]
    every = pairs(faces, 'test', config, true_flow=True).map(lambda head: head._replace(second=None))
    return every.where(lambda head: references[head.source] and references[head.source] == references[head.target])


def _pair_heads(faces: Faces, part: str) -> Iterator[Pair]:
    """The pairs of images that are neutral or of full strength, with places in the set in place of images."""
    records = faces.data.records
    members: dict[str, list[int]] = {}
    for i, record in enumerate(records):
        members.setdefault(record.identity, []).append(i)
    for source, target in faces.pairs(part).tolist():
        if is_whole(records[source]) and is_whole(records[target]):
            others = [i for i in members[records[target].identity] if i not in (source, target)]
            # Which one does not matter, as long as it is always the same.
            second = others[(source + target) % len(others)] if others else None
            labels = (records[i].expression for i in (source, target))
            yield Pair(records[source].identity, *labels, source, target, second)


def is_whole(record: Record) -> bool:
    """Whether an image is neutral or shows its expression at full strength."""
    return record.expression == index.NEUTRAL or record.strength >= latent.FULL_STRENGTH


def middle_frames(faces: Faces, config: ml_collections.ConfigDict) -> Cases[Middle]:
    """The true frames between neutral and full expressions of test people.

    Drawn faces are drawn at the strengths wanted; other sets have them where someone's images show an expression at
    a quarter, a half or three quarters of its full strength.
    """
    if config.data.set == 'synthetic':
        return _drawn_middles(faces, config.data.image_size)
    heads = [
        Middle(head.identity, head.target, t, head.start, head.truth, found[0])
        for head, members in _expressive(faces)
        for t in MIDDLES
        if (found := [i for strength, i in members if abs(strength / max(members)[0] - t) < _CLOSE])
    ]
    return Cases(heads, functools.partial(_with_images, faces, ('first', 'second', 'truth')))


def _drawn_middles(faces: Faces, size: int) -> Cases[Middle]:
    face = functools.lru_cache(1)(lambda name: DrawnFace(0, int(name.rpartition('_')[2]), size))

    @functools.lru_cache(_DRAWN)
    def draw(name: str, expression: str, strength: float) -> np.ndarray:
        return image_ops.to_float(face(name).image(expression, strength))

    def read(head: Middle) -> Middle:
        shown = (index.NEUTRAL, 0.0), (head.expression, 1.0), (head.expression, head.t)
        return Middle(*head[:3], *(draw(head.identity, *which) for which in shown))

    shown = [expression for expression in drawn_expressions.EXPRESSIONS if expression != index.NEUTRAL]
    return Cases([Middle(name, e, t, *[None] * 3) for name in faces.split.test for e in shown for t in MIDDLES], read)


def edits(faces: Faces, expressions: Collection[str]) -> Cases[Edit]:
    """From the neutral photo of every test person to each of the person's full expressions that the model knows.

    A rare expression may be shown by test people alone.
    """
    heads = [head for head, _ in _expressive(faces) if {head.target, index.NEUTRAL} <= set(expressions)]
    return Cases(heads, functools.partial(_with_images, faces, ('start', 'truth')))


def by_target(edits: Cases[Edit]) -> dict[str, Cases[Edit]]:
    """The edits to each expression, in alphabetical order."""
    expressions = sorted({edit.target for edit in edits.heads})
    return {name: edits.where(lambda edit, name=name: edit.target == name) for name in expressions}


def back(edit: Edit) -> Edit:
    """The edit the other way, of a case or of its head."""
    return Edit(edit.identity, edit.target, edit.source, edit.truth, edit.start)


def _expressive(faces: Faces) -> Iterator[tuple[Edit, list[tuple[float, int]]]]:
    """Yields the head of an edit for each full expression of a test person, and [(strength, place)] of its images."""
    people: dict[str, dict[str, list[tuple[float, int]]]] = {name: {} for name in faces.split.test}
    for i, record in enumerate(faces.data.records):
        if record.identity in people:
            people[record.identity].setdefault(record.expression, []).append((float(record.strength), i))
    for name, shown in people.items():
        neutral = shown.pop(index.NEUTRAL, None)
        for expression, members in shown.items():
            strength, full = max(members)
            if neutral and strength >= latent.FULL_STRENGTH:
                yield Edit(name, index.NEUTRAL, expression, neutral[0][1], full), members


def _with_images(faces: Faces, fields: Sequence[str], head: Case) -> Case:
    images = {name: image_ops.to_float(faces.data[getattr(head, name)]['image']) for name in fields}
    return head._replace(**images)
