"""Mouths that are open already: lips that meet again, and openings of another shape (beyond the paper).

A network that is shown an open mouth cannot tell which part of another opening is new, and a flow that is smooth over
the line between the lips leaves a thread of teeth when they close. So the network is also shown the face with its lips
closed, and decodes for that one both openings: the one that the photo has, and the one that the edit shall have. Lips
that come nearer are brought together pixel by pixel; a mouth that shall open elsewhere is closed first, then opened.

Openings are (size, size) float32 in [0, 1]: `own` that of the photo, `wanted` that of an edit. `frame` is where the
eyes lie in them.
"""

from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.ops import maps
from fvae_jax.ops.frame import Frame

_OPEN = 0.5  # opening from which a pixel of the crop lies between the lips
_LEAST = 0.012  # squared eye distances: what is smaller is a closed mouth
TOOTHY = 0.03  # squared eye distances: what is smaller shows a line of teeth at most
_DOUBT = 0.07  # eye distances by which an opening may be wrong
# From the first on a mouth is closed before it opens, from the second on altogether: the share of an opening that the
# photo's own does not reach, and by how much its teeth would be stretched upright. What lies between shows bits of
# both, and is therefore next to nothing.
_ELSEWHERE, _STRETCHED = (0.39, 0.41), (1.44, 1.46)
_NEARLY = (0.3, 0.5)  # of the photo's opening: one smaller than the first is none, one larger than the second stays


class Openings(NamedTuple):
    """The openings of a mouth that an edit finds open.

    Attributes:
      own: That of the photo.
      wanted: That of the edit.
      displacement: Where pixels of the wanted one come from in the face with closed lips, (size, size, 2), px.
      reopened: How far the mouth is to be closed first, from 0 to 1.
    """

    own: np.ndarray
    wanted: np.ndarray
    displacement: np.ndarray
    reopened: float


def is_open(opening: np.ndarray, frame: Frame, least: float = _LEAST) -> bool:
    """Whether lips are apart; with `TOOTHY` far enough for teeth."""
    return _area(opening, frame) > least


def _area(opening: np.ndarray, frame: Frame) -> float:
    return np.count_nonzero(opening > _OPEN) / (frame.eye_distance * len(opening)) ** 2


def closed(own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Lets a mouth close that nearly does: teeth on one side are what a network leaves of a smile.

    Nothing is left of a wanted opening that is small beside the photo's own.
    """
    return wanted * np.float32(maps.smooth_step(float(wanted.sum()) / max(float(own.sum()), 1e-6), *_NEARLY))


def another(own: np.ndarray, wanted: np.ndarray, displacement: np.ndarray, frame: Frame) -> float:
    """How far an opening is another one than the photo's own, which the edit moves: from 0, the same, to 1.

    `displacement` is that of the edit, (size, size, 2), px of the crop.
    """
    side = 2 * max(1, round(_DOUBT * frame.eye_distance * len(own))) + 1  # both may be that far off
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    moved = cv2.dilate(maps.moved(own, displacement), around)
    area = max(float(wanted.sum()), 1e-6)
    elsewhere = maps.smooth_step(np.maximum(wanted - moved, 0).sum() / area, *_ELSEWHERE)
    stretched = maps.smooth_step(_height(wanted) / max(_height(own), 1e-6), *_STRETCHED)
    opens = maps.smooth_step(_area(wanted, frame), _LEAST, 2 * _LEAST)
    return float(opens * max(elsewhere, stretched))


def _height(opening: np.ndarray) -> float:
    """How high an opening is, on the mean, for its width."""
    return float(opening.sum()) / max(np.count_nonzero((opening > _OPEN).any(axis=0)), 1) ** 2


def reopen(closing: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """Closes a mouth and then opens it: the field of both edits, (h, w, 2) float32, photo px, as theirs are."""
    return opening + maps.moved(closing, opening)
