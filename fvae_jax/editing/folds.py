"""Folds of skin, taken from faces that show an expression (expression ratio images: Liu, Shan and Zhang 2001).

A network that minimizes squared errors shades a cheek by the mean of all folds, which is nearly none. Here an edit is
also shaded as one training person's skin is when that expression comes: by the ratio of light, in a map that lies where
the neutral face has its skin, fitted to the eyes and to the corners of the mouth.
"""

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.bundle import Folds
from fvae_jax.editing import exemplar, opening as opening_lib
from fvae_jax.ops import maps
from fvae_jax.ops.frame import Frame

STEP = 0.5 / 127  # of r, the logarithm of a ratio of light, to a step of the stored maps
_BLACK = 4  # of 255, added to light so that noise in the dark is no fold
_STRONGEST = 1.3  # folds do not become deeper than in an expression of this strength
_NARROWEST = 0.05  # of the crop's side: what is narrower is no mouth
_UNLIKE = 0.5  # of the mouth's place, relatively, that a light twice as different is worth
# Of one's own folds, where others have theirs: a fold of the second depth keeps half of it when the expression goes, a
# deeper one less, and beyond the first it is no fold; the eye distances over which light varies without folds, and
# below which it is texture.
_DEEPEST, _SHALLOW = 0.9, 0.1
_BROAD, _FINE = 0.13, 0.006
# px of the crop in which the former is looked for, five of which are wider than a fold; and by how much what is beside
# a face is darker or lighter, over all three colors, that has no part in its light.
_COARSE, _EDGE = 128, 0.8
# Eye distances by which a fold may lie elsewhere; the quantile of depth that is a fold, and the share of it that is one
# for certain.
_SPREAD, _USUAL, _CERTAIN = 0.04, 0.985, 1 / 3
_MOUTH, _MOUTH_ENDS = (0.6, 0.3), 0.2  # half axes of a mouth, whose corners are no folds, in widths; its soft edge
_LOWER = 2.0  # how much more the distance from eyes to mouth counts than the width of the mouth


class Placed(NamedTuple):
    """The folds of a face.

    Attributes:
      maps: r where the unmoved face has its skin, (s, s) float32, by expression.
      shown: How much of each expression the face shows already.
      own: r that softens the folds which the face has from these, of red, green and blue, (S, S, 3) float32: a deep
        fold is redder than any rule for skin says, and may be thin. None where nobody has looked.
    """

    maps: dict[str, np.ndarray]
    shown: Mapping[str, float]
    own: np.ndarray | None = None


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


def place(
    folds: Folds,
    crop: np.ndarray,
    mouth: np.ndarray,
    frame: Frame,
    shown: Mapping[str, float],
    fine: np.ndarray | None = None,
) -> Placed:
    """The folds of every expression for a face, each taken from the person whose face suits it best.

    Args:
      folds: To choose from.
      crop: The face, (size, size, 3) float32 in [-1, 1].
      mouth: Its corners; see `corners`.
      frame: Where the eyes lie in it.
      shown: How much of each expression it shows.
      fine: A finer crop of it, (S, S, 3) uint8, in which its own folds are seen.
    """
    light = float(exemplar.skin_light(crop, frame).mean())
    placed = {}
    for expression in dict.fromkeys(folds.expressions):
        numbers = [n for n, shown in enumerate(folds.expressions) if shown == expression]
        number = min(numbers, key=lambda n: _unlike(folds, n, light, mouth, frame))
        placed[expression] = _fitted(folds.maps[number], folds.corners[number], mouth, frame)
    return Placed(placed, shown, None if fine is None else _own(folds, fine, mouth, frame))


def _own(folds: Folds, crop: np.ndarray, mouth: np.ndarray, frame: Frame) -> np.ndarray:
    """Returns r that softens folds, and the ridges beside them, where people have some, (S, S, 3) float32."""
    side = len(crop)
    distance = frame.eye_distance * side
    usual = np.mean(
        [np.maximum(-_fitted(r, theirs, mouth, frame), 0) for r, theirs in zip(folds.maps, folds.corners)], axis=0
    )
    usual = cv2.GaussianBlur(np.float32(usual), (0, 0), _SPREAD * frame.eye_distance * len(usual))
    usual = np.clip(usual / max(_CERTAIN * float(np.quantile(usual, _USUAL)), 1e-6), 0, 1)
    usual = cv2.resize(usual, (side, side), interpolation=cv2.INTER_LINEAR)
    light = cv2.log(crop.astype(np.float32) + _BLACK)
    fine = cv2.GaussianBlur(light, (0, 0), _FINE * distance)
    broad = cv2.resize(_without_folds(light, frame), (side, side), interpolation=cv2.INTER_CUBIC)
    y, x = (np.indices((side, side), np.float32) + 0.5) / side
    width, (middle_x, middle_y) = mouth[1, 0] - mouth[0, 0], mouth.mean(0)
    away = np.hypot((x - middle_x) / (_MOUTH[0] * width), (y - middle_y) / (_MOUTH[1] * width))
    outside = np.clip((away - 1) / _MOUTH_ENDS + 0.5, 0, 1)
    depth = np.clip(broad - fine, -_DEEPEST, _DEEPEST)
    return (usual * outside)[..., None] * depth * np.abs(depth) / (np.abs(depth) + _SHALLOW)


def _without_folds(light: np.ndarray, frame: Frame) -> np.ndarray:
    """Light as it is broadly, (s, s, 3), of which what is thin has no part, and which ends where the face does."""
    coarse = cv2.medianBlur(cv2.resize(light, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA), 5)
    return cv2.bilateralFilter(coarse, -1, _EDGE, _BROAD * frame.eye_distance * _COARSE)


def _unlike(folds: Folds, number: int, light: float, mouth: np.ndarray, frame: Frame) -> float:
    (width, below), (own_width, own_below) = (_shape(c, frame) for c in (folds.corners[number], mouth))
    lit = abs(np.log2(max(light, 0.02) / max(float(folds.light[number]), 0.02)))
    return _UNLIKE * lit + abs(width / own_width - 1) + _LOWER * abs(below / own_below - 1)


def _shape(mouth: np.ndarray, frame: Frame) -> tuple[float, float]:
    """How wide a mouth is, and how far below the eyes, as shares of the crop's side."""
    return float(mouth[1, 0] - mouth[0, 0]), float(mouth[:, 1].mean() - frame.eye_y)


def _fitted(values: np.ndarray, theirs: np.ndarray, mouth: np.ndarray, frame: Frame) -> np.ndarray:
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
    return _carried(whole, displacement)


def softened(folds: Placed, added: Mapping[str, float], displacement: np.ndarray) -> np.ndarray | None:
    """Own folds that go with an expression: r as of `moved`, of red, green and blue, (S, S, 3); None where none go."""
    taken = sum(min(max(folds.shown.get(name, 0.0), 0.0), max(-added.get(name, 0.0), 0.0)) for name in folds.maps)
    if folds.own is None or taken <= 0:
        return None
    return _carried(np.float32(min(taken, 1.0)) * folds.own, displacement)


def _carried(whole: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    if not whole.any():
        return whole
    side, size = len(whole), len(displacement)
    field = cv2.resize(np.float32(displacement) * (side / size), (side, side), interpolation=cv2.INTER_CUBIC)
    return maps.moved(whole, field)
