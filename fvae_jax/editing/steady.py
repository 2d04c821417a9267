"""An expression that holds still: what an edit adds to a frame is smoothed over time, and what is there is not.

The latent of a face changes from frame to frame with noise, pose and speech, and with it what the network answers. A
direction is added to each frame's own latent, so that who speaks goes on speaking; of the change that results, that of
frames nearby which look alike is averaged. Where a mouth opens within a few frames they do not look alike, and count
less.
"""

import collections
import functools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fvae_jax.editing import exemplar, lips as lips_lib, seam as seam_lib, tone as tone_lib
from fvae_jax.editing.model import Change, Content, EncodedFace, Model
from fvae_jax.editing.stream import windows

REACH = 5  # frames before and after that count
_SPREAD = 2.5  # frames, deviation of their weights
_UNLIKE = 0.35  # distance of latents, of that between the frames of a still film and a smile, at which one counts 0.6


class Changed(NamedTuple):
    """What an edit does to one face of a frame.

    Attributes:
      matrix: 2×3 similarity, px of the frame to px of the crop.
      face: The face as the model sees it.
      change: What the edit does to its crop.
      tone: Of a film of one color; None of others.
      lips: Those of an open mouth; None where they touch, or nobody has looked.
      seam: Where lips meet, once that is known; None where they are left alone.
    """

    matrix: np.ndarray
    face: EncodedFace
    change: Change
    tone: tone_lib.Tone | None = None
    lips: lips_lib.Lips | None = None
    seam: seam_lib.Seam | None = None


class Planned(NamedTuple):
    """A frame and what shall be done to it.

    Attributes:
      item: What was given; see `follow.Followed`.
      shot: The number of its shot.
      changes: By number of the face.
    """

    item: Any
    shot: int
    changes: dict[int, Changed]


def steady(model: Model, stream: Iterable[Planned]) -> Iterator[Planned]:
    """Averages the changes of each face over time; `REACH` frames late."""
    shot, holds = None, {}
    for here, around in windows(stream, REACH):
        if here.shot != shot:
            shot, holds = here.shot, collections.defaultdict(lips_lib.Hold)
        changes = {}
        for number, mine in here.changes.items():
            found = [(other.changes.get(number), step) for other, step in around if other.shot == shot]
            change, seam = _mean(model, mine, found, holds[number])
            changes[number] = mine._replace(change=change, seam=seam)
        yield here._replace(changes=changes)


def _mean(
    model: Model, mine: Changed, around: list[tuple[Changed | None, int]], hold: lips_lib.Hold
) -> tuple[Change, seam_lib.Seam | None]:
    """The mean of changes by how many frames away they are; None, where nothing changes, makes it less."""
    near = [(other, step) for other, step in around if other is not None]
    nothing = sum(np.exp(-0.5 * (step / _SPREAD) ** 2) for other, step in around if other is None)
    steps = np.array([step for _, step in near])
    unlike = np.array([np.abs(other.face.latent - mine.face.latent).mean() for other, _ in near])
    weights = np.exp(-0.5 * (steps / _SPREAD) ** 2 - 0.5 * (unlike / _UNLIKE) ** 2)
    weights, share = weights / weights.sum(), weights.sum() / (weights.sum() + nothing)

    def mean(values: list[np.ndarray], factor: float = share) -> np.ndarray:
        return functools.reduce(np.add, map(np.multiply, np.float32(factor * weights), values))

    changes = [other.change for other, _ in near]
    shading = None if mine.change.shading is None else mean([change.shading for change in changes])
    content = mine.change.content
    if content is not None:
        alpha = mean([change.content.alpha for change in changes])
        color = mean([change.content.color for change in changes], 1.0)
        placed = None
        if any(change.content.exemplar is not None for change in changes):
            placed = exemplar.place(mine.face.donor, mine.face.crop, alpha, model.frame)
        content = Content(alpha, color, placed)
    seam = hold.seam([other.lips for other, _ in near], weights)
    return Change(mean([change.displacement for change in changes]), content, shading), seam
