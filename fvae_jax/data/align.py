"""Face alignment (5.2): find a face, its landmarks, and the similarity that brings it to the crop.

Points are (x, y) in pixels and the center of the first pixel is (0, 0), in photos and in crops, so
a point at the fraction f of a side of n pixels has the coordinate f·n - 0.5. Transforms are 2×3
matrices [A | t] that take photo points to crop points: p ↦ A p + t.

Landmarks are the five of dlib: outer and inner corner of the eye on the right of the picture, outer
and inner corner of the eye on its left, bottom of the nose. Everything but `detect_faces` is plain
geometry and needs no detector.
"""

import dataclasses
import functools
import importlib.util
import itertools
import math
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.ops.frame import Frame

_DETECTION_SIDE = 1000  # px; larger photos are searched on a reduced copy
# dlib rounds landmarks to whole pixels and reads single ones. Reading them on an upright patch in
# which the eyes are 120 px apart, from nine shifted boxes, puts the eye centers of a rotated or
# scaled photo within 0.1 px (median, in a crop of 128) of where they were; one reading is 0.35 off.
_PATCH_SIDE = 600
_PATCH_FRAME = Frame(0.40, 0.40)
# In films, whose landmarks are smoothed over time, less is read, and on a smaller patch.
_FILM_PATCH_SIDE = 400
_FILM_SHIFTS = ((0.0, 0.0), (-0.04, -0.04), (-0.04, 0.04), (0.04, -0.04), (0.04, 0.04))
_SMALL_PATCH_SIDE = 240  # px; the face has half of it, a little more than the least that the detector finds
_DOUBTFUL = -0.5  # the score from which a face that was there a moment ago may still be one
_BOX_PLACES = tuple(itertools.product((-0.04, 0.0, 0.04), repeat=2))
# The mean box of dlib's frontal detector, in eye distances: side, and center below the eyes.
_BOX_SIDE = 2.45
_BOX_DROP = 0.49
_REFINEMENTS = 2


@dataclasses.dataclass(frozen=True)
class Detection:
    """One detected face.

    Attributes:
      box: (left, top, right, bottom) of the detector, in photo pixels.
      landmarks: (5, 2) float64, photo pixels, in dlib's order.
      score: The detector's confidence; about 0 is doubtful, above 0.5 is sure.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    score: float


def detect_faces(image: np.ndarray) -> list[Detection]:
    """Finds the upright, roughly frontal faces of a photo with dlib (5.2, [11]).

    Args:
      image: (H, W, 3) uint8 RGB of any size.

    Returns:
      The faces, largest box first; empty when there is none, also after doubling the photo once.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f'expected an (H, W, 3) uint8 image, got {image.shape} {image.dtype}')
    height, width = image.shape[:2]
    shrink = min(1.0, _DETECTION_SIDE / max(height, width))
    small_size = max(1, round(width * shrink)), max(1, round(height * shrink))
    small = cv2.resize(image, small_size, interpolation=cv2.INTER_AREA)
    ratio = np.array([width / small_size[0], height / small_size[1]])

    boxes, scores, _ = _detector().run(small, 0, 0.0)
    if not boxes:
        boxes, scores, _ = _detector().run(small, 1, 0.0)
    faces = []
    for box, score in zip(boxes, scores):
        # A dlib rectangle holds its last row and column.
        corners = np.array([[box.left(), box.top()], [box.right() + 1, box.bottom() + 1]])
        corners = corners * ratio - 0.5
        faces.append(Detection(tuple(corners.ravel().tolist()), _landmarks(image, corners), score))
    return sorted(faces, key=lambda face: face.box[2] - face.box[0], reverse=True)


def find_again(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Reads the landmarks of a face where it was a moment ago, in a film.

    Args:
      image: (H, W) or (H, W, 3) uint8.
      landmarks: (5, 2), px, where they are expected: within a tenth of the distance between the eyes or so.

    Returns:
      (5, 2) float64, px. It is not asked whether a face is there; see `certainty`.
    """
    matrix = crop_transform(landmarks, _FILM_PATCH_SIDE, _PATCH_FRAME)
    patch, eyes = align_crop(image, matrix, _FILM_PATCH_SIDE), _PATCH_FRAME.eye_centers(_FILM_PATCH_SIDE)
    found = read_landmarks(_predictor(), patch, *eyes, _BOX_SIDE, _BOX_DROP, _FILM_SHIFTS)
    return transform_points(invert(matrix), found)


def certainty(image: np.ndarray, landmarks: np.ndarray) -> float:
    """How sure the detector is of a face whose landmarks are known, about 0 and more; -inf where it finds none.

    Args:
      image: (H, W) or (H, W, 3) uint8.
      landmarks: (5, 2), px.
    """
    patch = align_crop(image, crop_transform(landmarks, _SMALL_PATCH_SIDE, _PATCH_FRAME), _SMALL_PATCH_SIDE)
    boxes, scores, _ = _detector().run(patch, 0, _DOUBTFUL)
    left, right = _PATCH_FRAME.eye_centers(_SMALL_PATCH_SIDE)
    goal = (left + right) / 2 + [0, _BOX_DROP * (right - left)[0]]
    near = [
        score
        for box, score in zip(boxes, scores)
        if np.hypot(*(np.array([box.center().x, box.center().y]) - goal)) < (right - left)[0]
    ]
    return max(near, default=-np.inf)


def main_face(faces: Sequence[Detection]) -> Detection | None:
    """The subject of a portrait: the largest face that is not far less certain than the surest one.

    Large patches of cloth or wall are sometimes taken for a face, with a low score.
    """
    surest = max((face.score for face in faces), default=0.0)
    return next((face for face in faces if face.score >= surest / 2), None)


def eye_centers(landmarks: np.ndarray) -> np.ndarray:
    """The eye centers: the middle of the two corners of each eye.

    Args:
      landmarks: (5, 2), px.

    Returns:
      (2, 2) float64, px: the eye on the left of the picture, then the one on the right.
    """
    landmarks = np.asarray(landmarks, np.float64)
    return np.stack([landmarks[2:4].mean(axis=0), landmarks[0:2].mean(axis=0)])


def crop_transform(landmarks: np.ndarray, size: int, frame: Frame) -> np.ndarray:
    """The similarity that takes a face to its aligned crop (5.2).

    Args:
      landmarks: (5, 2), photo px.
      size: Side of the crop, px.
      frame: Where the eye centers go.

    Returns:
      2×3 float64 matrix [A | t], photo px to crop px.

    Raises:
      InputError: The two eye centers coincide.
    """
    left, right = eye_centers(landmarks)
    goal_left, goal_right = frame.eye_centers(size)
    span = complex(*(right - left))
    if abs(span) < 1e-6:
        raise InputError('both eyes were found at one place; use a larger or sharper photo')
    turn = complex(*(goal_right - goal_left)) / span  # scale and rotation as one complex factor
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, goal_left - linear @ left])


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Applies a 2×3 transform to points (..., 2), px."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def invert(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a 2×3 transform: crop px to photo px."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def align_crop(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Resamples a photo to its crop: bicubic, antialiased when it reduces, border replicated.

    Where the crop is smaller than the photo it is first sampled k times finer, at no less than the
    photo's own resolution, then averaged over k×k squares.

    Args:
      image: (H, W) or (H, W, C), uint8, uint16 or float32, any number of channels.
      matrix: 2×3 similarity, photo px to crop px.
      size: Side of the crop, px.

    Returns:
      (size, size) or (size, size, C), the type of `image`.
    """
    planes = image.reshape(*image.shape[:2], -1)
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    finer = max(1, math.ceil(1 / scale - 1e-6))
    fine_matrix = finer * np.asarray(matrix, np.float64)
    fine_matrix[:, 2] += (finer - 1) / 2  # the finer grid has its pixel centers elsewhere
    # OpenCV takes four channels at a time.
    crops = [
        _warp(planes[..., channel : channel + 4], fine_matrix, size, finer) for channel in range(0, planes.shape[2], 4)
    ]
    return np.concatenate(crops, axis=2).reshape(size, size, *image.shape[2:])


def _warp(planes: np.ndarray, fine_matrix: np.ndarray, size: int, finer: int) -> np.ndarray:
    fine = cv2.warpAffine(
        np.ascontiguousarray(planes),
        fine_matrix,
        (size * finer, size * finer),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    averaged = fine if finer == 1 else cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    return averaged.reshape(size, size, -1)  # OpenCV drops a single channel


def _landmarks(image: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(5, 2) landmarks of the face in a box, read again on the upright face they define."""
    side = (corners[1, 0] - corners[0, 0]) / _BOX_SIDE
    middle = corners.mean(axis=0) - [0.0, _BOX_DROP * side]
    left, right = middle - [side / 2, 0.0], middle + [side / 2, 0.0]
    points = np.stack([right, right, left, left, middle])  # the eyes where the box expects them
    for _ in range(1 + _REFINEMENTS):
        points = _read_upright(image, points)
    return points


def _read_upright(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(5, 2) landmarks, read on the upright face that about these define."""
    matrix = crop_transform(points, _PATCH_SIDE, _PATCH_FRAME)
    patch = align_crop(image, matrix, _PATCH_SIDE)
    eyes = _PATCH_FRAME.eye_centers(_PATCH_SIDE)
    return transform_points(invert(matrix), read_landmarks(_predictor(), patch, *eyes, _BOX_SIDE, _BOX_DROP))


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


_PER_THREAD = threading.local()


def _detector():
    """Dlib's frontal detector; one for each thread: it has scratch memory and frees the GIL."""
    import dlib

    if not hasattr(_PER_THREAD, 'detector'):
        _PER_THREAD.detector = dlib.get_frontal_face_detector()
    return _PER_THREAD.detector


@functools.lru_cache(maxsize=1)
def _predictor():
    import dlib

    return dlib.shape_predictor(model_file('shape_predictor_5_face_landmarks'))


def model_file(name: str) -> str:
    """The path of one of dlib's models in the package face_recognition_models."""
    # Importing it needs pkg_resources, which setuptools no longer has.
    package = importlib.util.find_spec('face_recognition_models').submodule_search_locations[0]
    return os.path.join(package, 'models', f'{name}.dat')
