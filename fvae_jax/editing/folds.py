"""Folds of skin, taken from faces that show an expression (expression ratio images: Liu, Shan and Zhang 2001).

A network that minimizes squared errors shades a cheek by the mean of all folds, which is nearly none. Here an edit is
also shaded as one training person's skin is when that expression comes: by the ratio of light, in a map that lies where
the neutral face has its skin, fitted to the eyes and to the corners of the mouth.

A face's own folds go with the expression that made them: where skin is darker than it is broadly, beside a ridge that
is lighter. Both go where people have folds of an expression, but not what only looks alike: the edge of the face, hair,
nostrils, eyes and the rims around them, the dark corners of the mouth.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.bundle import Folds
from fvae_jax.editing import exemplar, opening as opening_lib
from fvae_jax.ops import maps
from fvae_jax.ops.frame import Frame

STEP = 0.5 / 127  # of r, the logarithm of a ratio of light, to a step of the stored maps
_STRONGEST = 1.3  # folds do not become deeper than in an expression of this strength
_NARROWEST = 0.05  # of the crop's side: what is narrower is no mouth
_UNLIKE = 0.5  # of the mouth's place, relatively, that a light twice as different is worth
_LOWER = 2.0  # how much more the distance from eyes to mouth counts than the width of the mouth

_BLACK = 4  # of 255, added to light so that noise in the dark is no fold
# r of a line of which half goes; a deeper one goes altogether, a shallower one is texture. The deepest that is a fold.
_HALF, _DEEPEST = 0.06, 1.6
# Eye distances over which light varies without folds, below which it is texture, and by which a fold may lie elsewhere.
_BROAD, _FINE, _SPREAD = 0.13, 0.003, 0.04
_COARSE = 128  # px of the crop in which broad light is looked for, five of which are wider than a fold
# By how much what is beside a face is darker or lighter, over all three colors, that has no part in its light; and by
# how much light differs within seven of those px where there is such an edge, perhaps and for certain.
_BESIDE, _EDGE = 0.8, (0.2, 0.4)
_USUAL, _CERTAIN = 0.985, 1 / 3  # the quantile of depth that is a fold, and the share of it that is one for certain
# Half axes of what has no folds, across and down: eyes and nose in eye distances, the latter around this share of the
# way from eyes to mouth, the mouth in widths of it; over this share of them folds begin.
_EYE, _NOSE, _NOSE_AT, _MOUTH, _ENDS = (0.36, 0.2), (0.33, 0.28), 0.5, (0.56, 0.25), 0.2
_ASIDE = (0.8, 1.0)  # eye distances from the middle beyond which a fold is none, perhaps and for certain
# Down to so many eye distances below the eyes, for certain and perhaps, what is lighter, or darker than this, is the
# rim of glasses or their shine.
_RIMS, _RIM = (0.3, 0.55), 0.35


class Placed(NamedTuple):
    """The folds of a face.

    Attributes:
      maps: r where the unmoved face has its skin, (s, s) float32, by expression.
      shown: How much of each expression the face shows already.
      own: Gives r that takes away those that the face has itself, see `softening`; None where nobody has looked.
    """

    maps: dict[str, np.ndarray]
    shown: Mapping[str, float]
    own: Callable[[], np.ndarray] | None = None


def corners(opening: np.ndarray, displacement: np.ndarray | None = None) -> np.ndarray | None:
    """The corners of a mouth in a face, by the opening that it has, or would have in an edit.

    The opening is (size, size) in [0, 1], the displacement, of that edit, (size, size, 2), px of the crop; None if the
    face itself has the opening.

    Returns:
      (2, 2) float32, (x, y) of the left and the right one of the picture, as shares of the crop's side; None where
      nothing is open.
    """
    patch, first, width = opening_lib.largest(opening)
    if not width:
        return None
    found = []
    for columns in ((first, first + 1), (first + width - 2, first + width - 1)):
        rows, _ = np.nonzero(patch[:, columns[0] : columns[1] + 1])
        x, y = columns[0] if columns[0] == first else columns[1], float(rows.mean())
        moved = 0 if displacement is None else displacement[round(y), x]
        found.append(np.add((x, y), moved))
    found = np.float32((np.array(found) + 0.5) / len(opening))
    return found if found[1, 0] - found[0, 0] > _NARROWEST else None


def place(folds: Folds, crop: np.ndarray, mouth: np.ndarray, frame: Frame, shown: Mapping[str, float]) -> Placed:
    """The folds of every expression for a face, each taken from the person whose face suits it best.

    Args:
      folds: To choose from.
      crop: The face, (size, size, 3) float32 in [-1, 1].
      mouth: Its corners; see `corners`.
      frame: Where the eyes lie in it.
      shown: How much of each expression it shows.
    """
    light = float(exemplar.skin_light(crop, frame).mean())
    placed = {}
    for expression in dict.fromkeys(folds.expressions):
        numbers = [n for n, shown in enumerate(folds.expressions) if shown == expression]
        number = min(numbers, key=lambda n: _unlike(folds, n, light, mouth, frame))
        placed[expression] = fitted(folds.maps[number], folds.corners[number], mouth, frame)
    return Placed(placed, shown)


def _unlike(folds: Folds, number: int, light: float, mouth: np.ndarray, frame: Frame) -> float:
    (width, below), (own_width, own_below) = (_shape(c, frame) for c in (folds.corners[number], mouth))
    lit = abs(np.log2(max(light, 0.02) / max(float(folds.light[number]), 0.02)))
    return _UNLIKE * lit + abs(width / own_width - 1) + _LOWER * abs(below / own_below - 1)


def _shape(mouth: np.ndarray, frame: Frame) -> tuple[float, float]:
    """How wide a mouth is, and how far below the eyes, as shares of the crop's side."""
    return float(mouth[1, 0] - mouth[0, 0]), float(mouth[:, 1].mean() - frame.eye_y)


def fitted(values: np.ndarray, theirs: np.ndarray, mouth: np.ndarray, frame: Frame) -> np.ndarray:
    """A stored map, stretched between eyes and mouth so that the corners of both mouths fall together."""
    y, x = (np.indices(values.shape, np.float32) + 0.5) / len(values)
    (width, below), (own_width, own_below) = (_shape(c, frame) for c in (theirs, mouth))
    middle, own_middle = theirs[:, 0].mean() - 0.5, mouth[:, 0].mean() - 0.5
    down = np.clip((y - frame.eye_y) / own_below, 0, 1)  # 0 at the eyes, 1 at the mouth and below
    from_x = 0.5 + down * middle + (x - 0.5 - down * own_middle) * (1 + down * (width / own_width - 1))
    from_y = y + down * (below - own_below)
    places = [np.float32(places * len(values) - 0.5) for places in (from_x, from_y)]
    r = values.astype(np.float32) * STEP
    return cv2.remap(r, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def deepened(shown: float, added: float) -> float:
    """How much of its folds an expression adds to a face that shows some of it already, by the strength of the edit."""
    before, after = (min(max(strength, 0.0), _STRONGEST) for strength in (shown, shown + added))
    return max(after - before, 0.0)


def moved(folds: Placed, added: Mapping[str, float], displacement: np.ndarray) -> np.ndarray:
    """Folds that come, carried along with the skin: r of an edit, (s, s) float32.

    `added` is how much of each expression comes, the displacement that of the edit, (size, size, 2), px of the crop.
    """
    amounts = {name: deepened(folds.shown.get(name, 0.0), added.get(name, 0.0)) for name in folds.maps}
    whole = sum(np.float32(amount) * folds.maps[name] for name, amount in amounts.items())
    if not whole.any():
        return whole
    side, size = len(whole), len(displacement)
    field = cv2.resize(np.float32(displacement) * (side / size), (side, side), interpolation=cv2.INTER_CUBIC)
    return maps.moved(whole, field)


def taken(folds: Placed, added: Mapping[str, float]) -> float:
    """How much of the expressions that fold skin, and that a face shows, an edit takes away, from 0 to 1."""
    amounts = (min(max(folds.shown.get(name, 0.0), 0.0), max(-added.get(name, 0.0), 0.0)) for name in folds.maps)
    return min(sum(amounts), 1.0)


def softening(folds: Folds, crop: np.ndarray, mouth: np.ndarray, frame: Frame) -> np.ndarray:
    """Returns r that takes away folds, and the ridges beside them, where people have some.

    Args:
      folds: Those people's.
      crop: The face, (S, S, 3) uint8.
      mouth: Its corners; see `corners`.
      frame: Where the eyes lie in it.

    Returns:
      r of red, green and blue, (S, S, 3) float32: a deep fold is redder than any rule for skin says, and may be thin.
    """
    side, distance = len(crop), frame.eye_distance * len(crop)
    light = cv2.log(crop.astype(np.float32) + _BLACK)
    coarse = _without_folds(light, frame)
    broad = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    depth = np.clip(broad - cv2.GaussianBlur(light, (0, 0), _FINE * distance), -_DEEPEST, _DEEPEST)
    y, x = (np.indices((side, side), np.float32) + 0.5) / side
    where = _usual(folds, mouth, frame, side) * _skin(x, y, mouth, frame) * _inside(coarse, side)
    rims = 1 - maps.ramp((y - frame.eye_y) / frame.eye_distance, *_RIMS)[..., None]
    skin = np.where(depth > 0, np.exp(-np.square(depth / _RIM)), 0)
    square = depth * depth
    return where[..., None] * (1 - rims + rims * skin) * depth * square / (square + _HALF * _HALF)


def _without_folds(light: np.ndarray, frame: Frame) -> np.ndarray:
    """Light as it is broadly, (s, s, 3), of which what is thin has no part, and which ends where the face does."""
    coarse = cv2.medianBlur(cv2.resize(light, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA), 5)
    return cv2.bilateralFilter(coarse, -1, _BESIDE, _BROAD * frame.eye_distance * _COARSE)


def _usual(folds: Folds, mouth: np.ndarray, frame: Frame, side: int) -> np.ndarray:
    """Where people have folds, (side, side) in [0, 1]."""
    depths = [np.maximum(-fitted(r, theirs, mouth, frame), 0) for r, theirs in zip(folds.maps, folds.corners)]
    usual = np.mean(depths, axis=0)
    usual = cv2.GaussianBlur(np.float32(usual), (0, 0), _SPREAD * frame.eye_distance * len(usual))
    usual = np.clip(usual / max(_CERTAIN * float(np.quantile(usual, _USUAL)), 1e-6), 0, 1)
    return cv2.resize(usual, (side, side), interpolation=cv2.INTER_LINEAR)


def _skin(x: np.ndarray, y: np.ndarray, mouth: np.ndarray, frame: Frame) -> np.ndarray:
    """How much of the places of a face, shares of the crop's side, is skin that folds, in [0, 1]."""
    width, (middle_x, middle_y) = mouth[1, 0] - mouth[0, 0], mouth.mean(0)
    down, below = (y - frame.eye_y) / (middle_y - frame.eye_y), (y - frame.eye_y) / frame.eye_distance
    aside = (x - 0.5 - np.clip(down, 0, 1) * (middle_x - 0.5)) / frame.eye_distance
    ellipses = [
        ((np.abs(aside) - 0.5) / _EYE[0], below / _EYE[1]),
        (aside / _NOSE[0], (down - _NOSE_AT) / _NOSE[1]),
        ((x - middle_x) / (_MOUTH[0] * width), (y - middle_y) / (_MOUTH[1] * width)),
    ]
    skin = 1 - maps.ramp(np.abs(aside), *_ASIDE)
    for across, along in ellipses:
        skin *= np.clip((np.hypot(across, along) - 1) / _ENDS + 0.5, 0, 1)
    return skin


def _inside(coarse: np.ndarray, side: int) -> np.ndarray:
    """How far places are from an edge of the face, (side, side) in [0, 1]."""
    around = np.ones((7, 7), np.uint8)
    steep = (cv2.dilate(coarse, around) - cv2.erode(coarse, around)).max(axis=2)
    return cv2.resize(1 - maps.ramp(steep, *_EDGE), (side, side), interpolation=cv2.INTER_LINEAR)
