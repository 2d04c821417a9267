"""YuNet, a detector of faces, by OpenCV: from a photo to faces whose eyes are roughly known.

The page finds faces the same way, by the same network (`export/page/app/finder.js`): three sizes of the photo are
searched, so that near faces and far ones are found together, and what is found must be found again, upright and of one
size, which patches of cloth or wall are not. Where that leaves nothing sure, the photo is searched on its sides and
upside down.
"""

import pathlib
import threading
from typing import NamedTuple

import cv2
import numpy as np

import fvae_jax.assets
from fvae_jax.ops.frame import Frame

MODEL = pathlib.Path(fvae_jax.assets.__file__).with_name('yunet.onnx')

# px: the longest side of the photo as it is searched. Faces from 10 to 300 px are found, and larger ones in the last,
# which has room around it for a face that fills the photo.
_SIDES = (1280, 640, 256)
_ROOM = 192
_LEAST = 0.5  # a score at which it is worth looking again
_OVERLAP = 0.3  # of the boxes of one face, by OpenCV
# Seen again, the eyes are 80 px apart in a square of 320. Of what is found there true faces have 0.8 to 0.95, other
# things less than 0.5; a face that is not upright after all has less than 0.9.
UPRIGHT_SIDE = 320
UPRIGHT_FRAME = Frame(0.375, 0.453)
_UPRIGHT_LEAST = 0.7
_SURE = 0.9
_SEEN = 0.8  # whole faces have 0.9 and more, half hidden ones 0.6 to 0.8
_FARTHEST = 0.125  # of that square, from where the eyes should be: another face
_FINEST = 8  # times; a face of thousands of pixels is found in a part of them as well
_SAME = 0.7  # of the larger distance between the eyes: one face, found twice


class Face(NamedTuple):
    """A face that was found, its corners and points float64, px of the photo.

    The points are the eye on the left of the upright face, the one on its right, the tip of the nose, and the corners
    of the mouth likewise.
    """

    score: float  # in [0, 1], of the upright face
    corners: np.ndarray  # (4, 2), of the box around the upright face
    points: np.ndarray  # (5, 2)


def search(image: np.ndarray) -> list[Face]:
    """Finds the faces of a photo (H, W, 3) uint8 RGB, each once, in no order."""
    faces = _search(image, 0)
    if not any(face.score >= _SURE for face in faces):
        faces += [face for turns in (1, 2, 3) for face in _search(image, turns)]
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: face.score, reverse=True):
        if not any(_same(face.points, other.points) for other in kept):
            kept.append(face)
    return kept


def sees(upright: np.ndarray) -> bool:
    """Whether a whole face is in the middle of a square of `UPRIGHT_SIDE` px, (h, w, 3) uint8, in `UPRIGHT_FRAME`."""
    return _in_the_middle(upright, _SEEN) is not None


def similarity(points: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """The similarity that takes two points (2, 2) to two others, as a 2×3 float64 matrix [A | t]: p ↦ A p + t."""
    turn = complex(*(goals[1] - goals[0])) / complex(*(points[1] - points[0]))  # scale and rotation
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, goals[0] - linear @ points[0]])


def _search(image: np.ndarray, turns: int) -> list[Face]:
    """The faces that are upright once the photo is turned to the left by so many quarters, some of them twice."""
    height, width = image.shape[:2]
    faces: list[Face] = []
    longest, source = max(height, width), image
    for side in _SIDES if longest > _SIDES[1] and not turns else _SIDES[1:]:
        ratio = min(side, longest) / longest if side == _SIDES[0] else side / longest
        size = max(1, round(ratio * width)), max(1, round(ratio * height))
        reduced = cv2.resize(source, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
        if side == _SIDES[0] < longest:
            source = reduced  # of a large photo, whose pixels are read once; the next is half of this
        scale = np.array([width / size[0], height / size[1]])
        turned = np.ascontiguousarray(np.rot90(reduced, turns))
        room = _ROOM if side == _SIDES[-1] else 0
        if room:
            turned = cv2.copyMakeBorder(turned, room, room, room, room, cv2.BORDER_CONSTANT)
        for row in _run(turned, _LEAST):
            points = _turned_back(row[4:14].reshape(5, 2) - room, turns, size)
            points = (points + 0.5) * scale - 0.5
            if any(face.score >= _SURE and _same(points, face.points) for face in faces):
                continue
            face = _again(image, points)
            if face is not None:
                faces.append(face)
    return faces


def _turned_back(points: np.ndarray, turns: int, size: tuple[int, int]) -> np.ndarray:
    """Points of a picture turned to the left by so many quarters, in the picture before, of (width, height) px."""
    for before in reversed(range(turns)):  # the last quarter first; each swaps width and height
        x, y = points.T
        points = np.stack([size[before % 2] - 1 - y, x], axis=1)
    return points


def _again(image: np.ndarray, points: np.ndarray) -> Face | None:
    """A face looked at again, upright; None if it is none."""
    if np.hypot(*(points[1] - points[0])) < 1:
        return None
    goals = UPRIGHT_FRAME.eye_centers(UPRIGHT_SIDE)
    matrix = similarity(points[:2], goals)
    finer = min(max(1, round(1 / np.hypot(*matrix[:, 0]))), _FINEST)
    upright = reduced_warp(image, matrix, UPRIGHT_SIDE, finer, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    row = _in_the_middle(upright, _UPRIGHT_LEAST)
    if row is None:
        return None
    seen = row[4:14].reshape(5, 2)
    corners = row[:2] + row[2:4] * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    back = np.linalg.inv(matrix[:, :2])
    to_photo = lambda places: (places - goals[0]) @ back.T + points[0]
    return Face(float(row[14]), to_photo(corners), to_photo(seen))


def _in_the_middle(upright: np.ndarray, least: float) -> np.ndarray | None:
    """The row of `_run` of the face whose eyes are nearest to where they should be; None where none is near."""
    middle = UPRIGHT_FRAME.eye_centers(UPRIGHT_SIDE).mean(axis=0)
    away = lambda row: np.hypot(*(row[4:8].reshape(2, 2).mean(axis=0) - middle))
    near = [row for row in _run(upright, least) if away(row) < _FARTHEST * UPRIGHT_SIDE]
    return min(near, key=away, default=None)


def reduced_warp(
    image: np.ndarray, matrix: np.ndarray, side: int, finer: int, interpolation: int, border: int
) -> np.ndarray:
    """The square of `side` px that a 2×3 similarity makes of a photo, sampled so many times finer, then averaged."""
    fine = finer * np.asarray(matrix, np.float64)
    fine[:, 2] += (finer - 1) / 2  # the finer grid has its pixel centers elsewhere
    warped = cv2.warpAffine(image, fine, (finer * side, finer * side), flags=interpolation, borderMode=border)
    return warped if finer == 1 else cv2.resize(warped, (side, side), interpolation=cv2.INTER_AREA)


def _same(points: np.ndarray, others: np.ndarray) -> bool:
    """Whether two finds, by their points, are one face."""
    middles = points[:2].mean(axis=0) - others[:2].mean(axis=0)
    spans = [float(np.hypot(*(one[1] - one[0]))) for one in (points, others)]
    return float(np.hypot(*middles)) < _SAME * max(spans)


def _run(picture: np.ndarray, least: float) -> np.ndarray:
    """What YuNet finds in a picture (h, w, 3) uint8 RGB: (N, 15) rows of box, points and score, px."""
    detector = _detector()
    detector.setInputSize(picture.shape[1::-1])
    detector.setScoreThreshold(least)
    found = detector.detect(np.ascontiguousarray(picture[..., ::-1]))[1]
    return np.empty((0, 15)) if found is None else found.astype(np.float64)


_PER_THREAD = threading.local()
_MAKING = threading.Lock()


def _detector() -> cv2.FaceDetectorYN:
    """YuNet; one for each thread, because it has memory of its own."""
    if not hasattr(_PER_THREAD, 'detector'):
        with _MAKING:  # OpenCV's log is one for the whole process
            level = cv2.utils.logging.getLogLevel()
            cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # warns that there is nothing but a CPU
            try:
                _PER_THREAD.detector = cv2.FaceDetectorYN.create(str(MODEL), '', (320, 320), _LEAST, _OVERLAP, 500)
            finally:
                cv2.utils.logging.setLogLevel(level)
    return _PER_THREAD.detector
