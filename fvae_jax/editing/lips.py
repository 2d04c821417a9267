"""Lips of films: those that are held apart, as in a smile, meet where an edit wants that; those that speak stay free.

Of a mouth that speaks what is there is moved, and nothing is laid over it. An edit is decoded from what distinguishes
it from its own source, so a network cannot say where a mouth is open that stays open. It can if it is asked what the
same face shows that it would not with its lips closed.

One frame does not tell speech from a smile. While someone speaks the opening of the mouth changes within a few frames;
in a smile it stays as it is. So lips are brought together as far as the opening has been steady for a while and goes on
to be, and they let go before it changes.
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fvae_jax.editing import edit, mouth, seam as seam_lib
from fvae_jax.editing.latent import NEUTRAL
from fvae_jax.editing.model import CLOSING, Change, EncodedFace, Model
from fvae_jax.editing.opening import Opening
from fvae_jax.ops import maps
from fvae_jax.ops.frame import Frame

# Share of the new content that lies inside the own mouth, from which some is left out, and from which all is.
_SOME, _ALL = 0.08, 0.22
_SPARED = 0.85  # of what `neutral` takes away in a photo, in a film
_OPEN, _NOTHING = 0.5, 0.001  # where a mouth is open; share of the crop that no opening is
_CALM = 25  # frames of a steady opening after which lips that have spoken meet again
_LETTING_GO, _MEETING = 1 / 5, 1 / 20  # of the way, a frame, at most
_SPEAKS, _HOLDS = 0.55, 0.8  # smallest opening by largest, in a few frames, of a mouth that speaks, and that does not
_FOLLOWS = 0.15  # of a new line in those of frames whose lips are held apart: the mouth is as it was
_LESS = 0.7  # of an opening: an edit that leaves more of it closes no mouth
_FINER = 4  # px of the lines to one of the crop


def spared(asked: edit.Edit) -> edit.Edit:
    """An edit that takes away less of what a face shows: a vowel looks like surprise, and shall be spoken."""
    amounts = {name: value * (_SPARED if name == NEUTRAL else 1) for name, value in asked.strengths.items()}
    return dataclasses.replace(asked, strengths=amounts)


def closed(model: Model, face: EncodedFace) -> EncodedFace:
    """The face as the model sees it with its lips closed; one frame of a shot will do for all."""
    return model.encode(model.edit(face, CLOSING), teeth=False)


def is_more_closed(model: Model, face: EncodedFace, lips_closed: EncodedFace) -> bool:
    """Whether a face has its lips closed where those of the frame that stands for closed ones are not."""
    return bool((inside(model, lips_closed, face) > _OPEN).sum() > _NOTHING * model.size**2)


def inside(model: Model, face: EncodedFace, lips_closed: EncodedFace) -> np.ndarray:
    """Where the mouth of a face is open, (size, size) float32 in [0, 1]; by a model with a content layer.

    `lips_closed` is `closed` of another frame of the same shot.
    """
    logits = np.asarray(model.decode(lips_closed, face.latent).alpha_logit, np.float32)
    return np.exp(-np.logaddexp(0, -logits))


def uncovered(change: Change, own: np.ndarray) -> Change:
    """A change, with content, that lays nothing over the `inside` of a mouth, and all the less the wider it is open."""
    moved, alpha = maps.moved(own, change.displacement), change.content.alpha
    share = (alpha * moved).sum() / max(alpha.sum(), 1e-6)
    kept = (1 - moved) * np.float32(1 - maps.smooth_step(share, _SOME, _ALL))
    return change._replace(content=change.content._replace(alpha=alpha * kept))


class Lips(NamedTuple):
    """The lips of a frame.

    Attributes:
      opening: How large the opening between them is, squared eye distances; 0 where they touch.
      seam: Where they meet if they do, and how; None where the edit does not close the mouth, or nothing is to be done.
    """

    opening: float
    seam: seam_lib.Seam | None


def of(
    own: np.ndarray,
    wanted: np.ndarray,
    displacement: np.ndarray,
    edges: Callable[[], Opening | None],
    side: int,
    frame: Frame,
) -> Lips:
    """The lips of an open mouth.

    Its own opening and the wanted one are (size, size) in [0, 1], the displacement of the edit (size, size, 2), px of
    the crop. `edges` finds those of the lips in a finer crop of `side` px; see `contour.of`.
    """
    area = float(own.sum()) / (frame.eye_distance * len(own)) ** 2
    if wanted.sum() > _LESS * own.sum() or (lines := edges()) is None:
        return Lips(area, None)
    seam = seam_lib.find(mouth.Openings(own, wanted, displacement, 0.0), lines, side, displacement, frame)
    return Lips(area, None if seam is None else _over_the_crop(seam, len(own)))


def _over_the_crop(seam: seam_lib.Seam, size: int) -> seam_lib.Seam:
    """The same lines over all columns of the crop, so that those of several frames can be averaged."""
    columns = (np.arange(_FINER * size) + 0.5) * seam.unit / _FINER - 0.5 - seam.columns[0]
    lines = [np.interp(columns, np.arange(len(line)), line) for line in seam[:4]]
    shifts = [np.interp(columns, np.arange(len(line)), line, 0, 0) for line in seam[4:8]]
    return seam_lib.Seam(*lines, *shifts, (0, _FINER * size), _FINER, seam.reach, seam.corners)


class Hold:
    """How the lips of one face in one shot are brought together, frame by frame."""

    def __init__(self):
        self._calm = collections.deque(maxlen=_CALM)
        self._share = self._lines = None

    def share(self, around: Sequence[Lips | None]) -> float:
        """How far those of the next frame are, from 0 to 1, by some before and after it; None of lips that touch."""
        openings = [0.0 if one is None else one.opening for one in around]
        steadiness = min(openings) / max(max(openings), 1e-6)
        self._calm.append(float(maps.ramp(steadiness, _SPEAKS, _HOLDS)))
        goal = min(self._calm)
        # A shot may begin with a smile; whoever speaks in it is heard soon.
        before = goal if self._share is None else self._share
        self._share = float(np.clip(goal, before - _LETTING_GO, before + _MEETING))
        return self._share

    def seam(self, around: Sequence[Lips | None], weights: np.ndarray) -> seam_lib.Seam | None:
        """Where those of the next frame meet, by those around it, of weights of sum 1; None leaves them alone."""
        share = self.share(around)
        known = [(one.seam, weight) for one, weight in zip(around, weights) if one is not None and one.seam is not None]
        whole = sum(weight for _, weight in known)
        if not share or not whole:
            self._lines = None
            return None
        lines = [sum(weight * seam[n] for seam, weight in known) for n in range(8)]
        lines[:4] = [line / whole for line in lines[:4]]  # where nothing is to be done has no rows, and shifts of 0
        if self._lines is not None:
            lines = [before + _FOLLOWS * (line - before) for line, before in zip(lines, self._lines)]
        self._lines = lines
        return seam_lib.Seam(*lines[:4], *(share * shift for shift in lines[4:]), *known[0][0][8:])
