"""The 68 landmarks of an aligned crop, and what they say of its expression.

Points are (x, y) in pixels of the crop, the centre of its first pixel is (0, 0), in the order of iBUG 300-W: jaw
0–16, brows 17–26, nose 27–35, eyes 36–47, outer lips 48–59, inner lips 60–67; "left" is the left of the picture.
dlib's model was trained on 300-W, which is for research: only the evaluation uses it, aligning does without.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import Frame

# The model reads an enlarged copy, because dlib rounds landmarks to whole pixels, and is given boxes instead of a
# detection: the eyes of an aligned crop are where they are. The mean of nine readings is steadier than one; it is
# within 0.38 px of a detection in the whole photo (mean over 164 photos in a crop of 128, without the jaw; 0.47
# from a crop of 64; the jaw 1.3). Other boxes do that as well, but brows raised high are found again only from a
# large box set high: where the motion is known their error is 1.2 px, from the mean box of dlib's detector 2.1 px.
# Lowered brows stay about 2 px off from any box.
_SIDE = 300  # px
_BOX_SIDE = 2.6  # eye distances
_BOX_DROP = 0.3  # eye distances, from the eyes down to the centre of the box

_EYES = ((36, 39), (42, 45))  # corners, of the left and of the right eye
_LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
_BROWS = slice(17, 27)
_NOSE_BASE = slice(31, 36)
_MOUTH_CORNERS = (48, 54)
_INNER_LIPS = ((61, 67), (62, 66), (63, 65))
_FEATURES = (slice(36, 42), slice(42, 48), slice(48, 60))  # eyes and mouth
_AROUND = 0.1  # eye distances: lids and lips end that far from their landmarks


class Measures(NamedTuple):
    """An expression in numbers, in units of the distance of the eye centres; of use as differences of one person.

    Eye centres are the middles of the corners of each eye, which expressions do not move; heights are at a right
    angle to the line between them, positive up. No number depends on where, how large or how upright the face is.
    """

    mouth_corner_lift: float  # mean height of the mouth corners above the base of the nose; negative as a rule
    mouth_width: float  # distance of the mouth corners
    mouth_opening: float  # mean height of the upper above the lower inner lip
    eye_opening: float  # mean height of the upper above the lower lids
    brow_height: float  # mean height of the brows above the eye centers


def landmarks(crop: np.ndarray, frame: Frame) -> np.ndarray:
    """Finds the landmarks of the face of an aligned crop: (68, 2) float32, px of the crop.

    The crop is (H, H, 3), uint8 RGB or floats in [-1, 1]; the frame says where its eyes lie.
    """
    if crop.dtype != np.uint8:
        crop = image_ops.to_uint8(np.asarray(crop))
    patch = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    readings = align.read_landmarks(_predictor(), patch, *frame.eye_centers(_SIDE), _BOX_SIDE, _BOX_DROP)
    return ((readings + 0.5) * len(crop) / _SIDE - 0.5).astype(np.float32)


def measure(points: np.ndarray) -> Measures:
    """Measures an expression by its landmarks, (68, 2)."""
    points = np.asarray(points, np.float64)
    left, right = (points[list(corners)].mean(axis=0) for corners in _EYES)
    across = (right - left) / np.sum((right - left) ** 2)  # a unit vector, per eye distance
    up = np.array([across[1], -across[0]])
    width, height = (points - (left + right) / 2) @ across, (points - (left + right) / 2) @ up

    def gap(pairs: tuple[tuple[int, int], ...]) -> float:
        return float(np.mean([height[upper] - height[lower] for upper, lower in pairs]))

    first, last = _MOUTH_CORNERS
    return Measures(
        mouth_corner_lift=float(height[[first, last]].mean() - height[_NOSE_BASE].mean()),
        mouth_width=float(np.hypot(width[last] - width[first], height[last] - height[first])),
        mouth_opening=gap(_INNER_LIPS),
        eye_opening=gap(_LIDS),
        brow_height=float(height[_BROWS].mean()),
    )


def face_area(points: np.ndarray, side: int) -> np.ndarray:
    """Marks the face as its landmarks (68, 2) enclose it, from the brows down to the chin: (side, side) bool."""
    return _inside([points], side)


def features_area(points: np.ndarray, side: int) -> np.ndarray:
    """Marks the mouth and the eyes with their surroundings; see `face_area`."""
    left, right = (points[list(corners)].mean(axis=0) for corners in _EYES)
    around = round(_AROUND * float(np.linalg.norm(right - left)))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * around + 1,) * 2)
    return cv2.dilate(_inside([points[part] for part in _FEATURES], side).astype(np.uint8), disk) > 0


def _inside(outlines: Sequence[np.ndarray], side: int) -> np.ndarray:
    area = np.zeros((side, side), np.uint8)
    for outline in outlines:
        cv2.fillConvexPoly(area, cv2.convexHull(np.rint(outline).astype(np.int32)), 1)
    return area > 0


@functools.lru_cache(maxsize=1)
def _predictor():
    import dlib

    return dlib.shape_predictor(align.model_file('shape_predictor_68_face_landmarks'))
