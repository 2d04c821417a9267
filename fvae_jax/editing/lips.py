"""Lips of films: those that are held apart, as in a smile, meet where an edit wants that; those that speak stay free.

One frame does not tell speech from a smile. While someone speaks the opening of the mouth changes within a few frames;
in a smile it stays as it is. So lips are brought together as far as the opening has been steady for a while and goes on
to be, and they let go before it changes.
"""

import collections
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fvae_jax.editing import mouth, seam as seam_lib
from fvae_jax.editing.opening import Opening
from fvae_jax.ops.frame import Frame

_CALM = 25  # frames of a steady opening after which lips that have spoken meet again
_LETTING_GO, _MEETING = 1 / 5, 1 / 20  # of the way, a frame, at most
_SPEAKS, _HOLDS = 0.55, 0.8  # smallest opening by largest, in a few frames, of a mouth that speaks, and that does not
_FOLLOWS = 0.15  # of a new line in those of frames whose lips are held apart: the mouth is as it was
_LESS = 0.7  # of an opening: an edit that leaves more of it closes no mouth
_FINER = 4  # px of the lines to one of the crop


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

    Args:
      own: Its opening, (size, size) in [0, 1].
      wanted: That of the edit.
      displacement: Of the edit, (size, size, 2), px of the crop.
      edges: Finds the edges of the lips in a finer crop; see `contour.of`.
      side: Of that crop, px.
      frame: Where the eyes lie in all of them.
    """
    area = float(own.sum()) / (frame.eye_distance * len(own)) ** 2
    if wanted.sum() > _LESS * own.sum():
        return Lips(area, None)
    if (lines := edges()) is None:
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
        self._calm.append(float(np.clip((steadiness - _SPEAKS) / (_HOLDS - _SPEAKS), 0, 1)))
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
