"""Face alignment (5.2): find a face, its landmarks, and the similarity that brings it to the crop.

Points are (x, y) in pixels and the center of the first pixel is (0, 0), in photos and in crops, so
a point at the fraction f of a side of n pixels has the coordinate f·n - 0.5. Transforms are 2×3
matrices [A | t] that take photo points to crop points: p ↦ A p + t.

Landmarks are the five of dlib: outer and inner corner of the eye on the right of the picture, outer and inner corner of
the eye on its left, bottom of the nose. Everything but `detect_faces` is plain geometry and needs no detector.
"""

import dataclasses
import functools
import importlib.util
import itertools
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from fvae_jax.data import detect
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import Frame

# dlib rounds landmarks to whole pixels and reads single ones. Reading them on an upright patch in
# which the eyes are 120 px apart, from nine shifted boxes, puts the eye centers of a rotated or
# scaled photo within 0.1 px (median, in a crop of 128) of where they were; one reading is 0.35 off.
_PATCH_SIDE = 600
_PATCH_FRAME = Frame(0.40, 0.40)
# In films, whose landmarks are smoothed over time, less is read, and on a smaller patch.
_FILM_PATCH_SIDE = 400
_FILM_SHIFTS = ((0.0, 0.0), (-0.04, -0.04), (-0.04, 0.04), (0.04, -0.04), (0.04, 0.04))
_BOX_PLACES = tuple(itertools.product((-0.04, 0.0, 0.04), repeat=2))
# The mean box of dlib's frontal detector, in eye distances: side, and center below the eyes.
_BOX_SIDE = 2.45
_BOX_DROP = 0.49
_READINGS = 3  # each on the face that the one before it has made upright
# A face whose eyes are at least so far apart, px, is read on the photo reduced by a whole number, where they are at
# least as far apart as on the patch: three readings do not go over millions of pixels each.
_LARGE, _FINE_ENOUGH = 480, 120
_REACH = 4.0  # of that distance from the eyes, all that the patch shows
# From the detector's eyes to dlib's (the middle of the corners), and half of an eye, in distances between the eyes:
# means of 60 portraits, of which single ones are 0.04 off.
_INWARD, _DOWN, _CORNER = 0.042, 0.041, 0.194
SMALL = 40  # px: what an edit makes of a face that is less wide is coarse
CUT = 0.1  # of a face: with more of it outside of the photo an edit goes wrong; of 60 portraits none has any
_APART = 0.2  # of that distance: dlib's eyes are somewhere else


@dataclasses.dataclass(frozen=True)
class Detection:
    """One detected face.

    Attributes:
      box: (left, top, right, bottom) around the face, in photo pixels.
      landmarks: (5, 2) float64, photo pixels, in dlib's order; left and right are those of the upright face, whichever
        way it is turned.
      score: The detector's confidence, at most 1; above 0.9 is sure.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    score: float

    @property
    def width(self) -> float:
        """Of the face, photo pixels."""
        left, top, right, bottom = self.box
        return min(right - left, bottom - top)

    def outside(self, width: int, height: int) -> float:
        """The share of the face, in [0, 1], that lies outside of its photo of this size, px."""
        left, top, right, bottom = self.box
        shown = max(min(right, width) - max(left, 0), 0) * max(min(bottom, height) - max(top, 0), 0)
        return 1 - shown / max((right - left) * (bottom - top), 1e-6)


def detect_faces(image: np.ndarray) -> list[Detection]:
    """Finds the faces of a photo (H, W, 3) uint8 RGB, near and far, the widest first, with landmarks (5.2, [11]).

    Faces that lie on their side or upside down are found where none is upright.
    """
    faces = []
    for face in detect.search(image):
        box = (*face.corners.min(axis=0).tolist(), *face.corners.max(axis=0).tolist())
        faces.append(Detection(box, _landmarks(image, face.points), face.score))
    return sorted(faces, key=lambda face: face.width, reverse=True)


def find_again(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Reads the landmarks, (5, 2) float64, px, of a face where it was a moment ago, in a film.

    The picture is (H, W) or (H, W, 3) uint8. They are expected at `landmarks`: within a tenth of the distance between
    the eyes or so. It is not asked whether a face is there; see `is_face`.
    """
    return _read_upright(image, landmarks, _FILM_PATCH_SIDE, _FILM_SHIFTS)


def is_face(image: np.ndarray, landmarks: np.ndarray) -> bool:
    """Whether the detector sees a whole face, in (H, W) or (H, W, 3) uint8, where landmarks, (5, 2) px, are known."""
    matrix = crop_transform(landmarks, detect.UPRIGHT_SIDE, detect.UPRIGHT_FRAME)
    patch = align_crop(image, matrix, detect.UPRIGHT_SIDE)
    return detect.sees(patch if patch.ndim == 3 else np.repeat(patch[..., None], 3, axis=2))


def main_face(faces: Sequence[Detection]) -> Detection | None:
    """The subject of a portrait: the widest face."""
    return faces[0] if faces else None


def eye_centers(landmarks: np.ndarray) -> np.ndarray:
    """The middles of the two corners of each eye, (2, 2) float64, px: on the left of the picture, on its right."""
    landmarks = np.asarray(landmarks, np.float64)
    return np.stack([landmarks[2:4].mean(axis=0), landmarks[0:2].mean(axis=0)])


def crop_transform(landmarks: np.ndarray, size: int, frame: Frame) -> np.ndarray:
    """The similarity that takes a face to its aligned crop of `size` px (5.2).

    It is a 2×3 float64 matrix [A | t], px of the photo, as of the landmarks, (5, 2), to px of the crop.

    Raises:
      InputError: The two eye centers coincide.
    """
    eyes = eye_centers(landmarks)
    if np.hypot(*(eyes[1] - eyes[0])) < 1e-6:
        raise InputError('both eyes were found at one place; use a larger or sharper photo')
    return detect.similarity(eyes, frame.eye_centers(size))


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Applies a 2×3 transform to points (..., 2), px."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def invert(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a 2×3 transform: crop px to photo px."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def align_crop(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Resamples a photo to its crop of `size` px: bicubic, antialiased when it reduces, border replicated.

    The photo is (H, W) or (H, W, C), uint8, uint16 or float32, with any number of channels, and so is the crop; the
    matrix is a 2×3 similarity, photo px to crop px. Where the crop is smaller than the photo it is first sampled k
    times finer, at no less than the photo's own resolution, then averaged over k×k squares.
    """
    planes = image.reshape(*image.shape[:2], -1)
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    finer = max(1, math.ceil(1 / scale - 1e-6))
    crops = []
    for channel in range(0, planes.shape[2], 4):  # OpenCV takes four channels at a time
        part = np.ascontiguousarray(planes[..., channel : channel + 4])
        crop = detect.reduced_warp(part, matrix, size, finer, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
        crops.append(crop.reshape(size, size, -1))  # OpenCV drops a single channel
    return np.concatenate(crops, axis=2).reshape(size, size, *image.shape[2:])


def _landmarks(image: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(5, 2) landmarks of a face that the detector has seen, px of the photo (H, W, 3) uint8, as `detect.Face.points`.

    They are dlib's, read on the upright face, unless dlib puts the eyes elsewhere: those of faces in profile or half
    hidden it makes up, and the detector's own are taken.
    """
    (left, right, nose), span = seen[:3], seen[1] - seen[0]
    down = np.array([-span[1], span[0]])
    left, right = left + _INWARD * span + _DOWN * down, right - _INWARD * span + _DOWN * down
    half = _CORNER * span
    rough = np.stack([right + half, right - half, left - half, left + half, nose])  # the detector's, in dlib's order
    near, corner, factor = _reduced(image, rough)
    points = (rough - corner + 0.5) / factor - 0.5
    for _ in range(_READINGS):
        points = _read_upright(near, points, _PATCH_SIDE, _BOX_PLACES)
    points = (points + 0.5) * factor - 0.5 + corner
    expected, found = eye_centers(rough), eye_centers(points)
    away = np.hypot(*(found - expected).T).max() / np.hypot(*(expected[1] - expected[0]))
    return points if away < _APART else rough


def _reduced(image: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The photo as a face is read in it, its first pixel (2,), and by how much it is reduced; see `_LARGE`."""
    left, right = eye_centers(points)
    distance = float(np.hypot(*(right - left)))
    if distance < _LARGE:
        return image, np.zeros(2), 1
    factor = int(distance / _FINE_ENOUGH)
    limits = np.array(image.shape[1::-1])
    middle, reach = (left + right) / 2, _REACH * distance
    start = np.clip(middle - reach, 0, limits - factor).astype(int)
    columns, rows = np.maximum(1, (np.minimum(middle + reach, limits).astype(int) - start) // factor)
    x, y = start
    part = image[y : y + rows * factor, x : x + columns * factor]
    return cv2.resize(part, (int(columns), int(rows)), interpolation=cv2.INTER_AREA), start, factor


def _read_upright(
    image: np.ndarray, points: np.ndarray, side: int, shifts: Sequence[tuple[float, float]]
) -> np.ndarray:
    """(5, 2) landmarks, read on the upright face, on a patch of `side` px, that about these define."""
    matrix = crop_transform(points, side, _PATCH_FRAME)
    patch, eyes = align_crop(image, matrix, side), _PATCH_FRAME.eye_centers(side)
    found = read_landmarks(_predictor(), patch, *eyes, _BOX_SIDE, _BOX_DROP, shifts)
    return transform_points(invert(matrix), found)


def read_landmarks(
    predictor: Callable[..., Any],
    patch: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    box_side: float,
    box_drop: float,
    shifts: Sequence[tuple[float, float]] = _BOX_PLACES,
) -> np.ndarray:
    """The mean of several readings, whose boxes lie a little apart, of a dlib landmark model.

    Args:
      predictor: The model.
      patch: (H, W, 3) or (H, W) uint8, a face.
      left: (2,), px of the patch, where the eye center on the left is about.
      right: The same of the other one.
      box_side: Side of the box, in eye distances.
      box_drop: From the eyes down to the center of the box, in eye distances.
      shifts: By how much the boxes lie apart, (x, y), in sides of the box; nine places by default.

    Returns:
      (n, 2) float64, px of the patch; dlib's single readings are whole pixels.
    """
    import dlib

    distance = right[0] - left[0]
    side = box_side * distance
    corner = (left + right) / 2 + [-side / 2, box_drop * distance - side / 2]
    readings = []
    for shift in shifts:
        x, y = corner + np.multiply(shift, side)
        box = dlib.rectangle(round(x), round(y), round(x + side), round(y + side))
        readings.append([(point.x, point.y) for point in predictor(patch, box).parts()])
    return np.mean(readings, axis=0)


@functools.lru_cache(maxsize=1)
def _predictor():
    import dlib

    return dlib.shape_predictor(model_file('shape_predictor_5_face_landmarks'))


def model_file(name: str) -> str:
    """The path of one of dlib's models in the package face_recognition_models."""
    # Importing it needs pkg_resources, which setuptools no longer has.
    package = importlib.util.find_spec('face_recognition_models').submodule_search_locations[0]
    return os.path.join(package, 'models', f'{name}.dat')
