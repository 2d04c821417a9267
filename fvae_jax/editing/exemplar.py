"""Teeth for mouths that open: the inside of another mouth, seen through the opening (beyond the paper, after 3.2).

A network that minimizes squared errors paints the mean of all teeth. Here the opening that it predicts is filled from a
photograph: an exemplar is placed rigidly, as teeth belong to the skull, where the middles of the upper inner lips meet
in the exemplar's expression; in others the lips cover more of them, or less. Where the exemplar's own lips end, below
the teeth and in the corners of the mouth, is the dark that real mouths have there, and in a mouth that opens wide a
cavity with a tongue, which is stretched to fit.

Everywhere `crop` is a face, (size, size, 3) float32 in [-1, 1]; `alpha` an opening of its mouth, how much of each pixel
is new, (size, size) in [0, 1]; `frame` where the eyes lie in both; `distance` from eye to eye, px of the crop.
"""

from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.bundle import Exemplars
from fvae_jax.editing import opening as opening_lib
from fvae_jax.ops import image as image_ops, lines, maps
from fvae_jax.ops.frame import Frame

_SURE_INSIDE = 4  # slope of coverage over alpha at the edge of an exemplar that a network has found
_OPEN = 0.5  # alpha from which a pixel belongs to the opening
_LEAST = 0.004  # squared eye distances: what is smaller shows no teeth
_ZOOMS = (1.0, 0.93, 1.08, 1.16)
# The part of an opening in which teeth are missed: from its middle towards both sides, and from the upper lip down. One
# that is full of teeth to its corners and to the lower lip looks painted.
_ACROSS, _DOWN = 0.9, 0.6
_BEYOND = np.float32([0.40, 0.30, 0.28])  # of the light of painted teeth, where there are none
# Eye distances below the eyes: from the first on what is new may be in a mouth, from the second on it is.
_MOUTH = (0.45, 0.6)
_TUCK = 0.02  # eye distances by which an exemplar is pushed under the upper lip
# A face darker or lighter than the exemplar's owner changes teeth by this power of the ratio, within bounds, and one of
# another tint by the second: 0.45 and 0.5 over 316 smiles in all light, 0.15 and 0 over those of one studio.
_LIGHT, _TINT = 0.35, 0.5
_LEAST_GAIN, _LARGEST_GAIN = 0.75, 1.25
# A lower lip ends so many eye distances below the teeth, where these fill more than the second share of an opening;
# where they fill less than the first it stays where it is.
_GAP, _FILLED = 0.03, (0.4, 0.6)
_EVEN = 0.1  # eye distances over which that edge of a lip is smoothed along
_UNLIKE = 0.05  # uncovered share of the opening that a light twice as different is worth
_SHADE = 0.04  # eye distances from the edge of the opening over which lips shade teeth
_DARKEST = 0.87  # what is left of the light at that edge
# Cheeks shade teeth from this share of the way to a corner of the mouth on, and there leave this much of the light.
_ASIDE, _CORNER = 0.4, 0.9
# Eye distances: an opening less high than the first is that of a smile, one higher than the second a deep one; over how
# many the upper lip shades what is below it then, and what it leaves of the light at its edge.
_DEEP, _SHADOW, _UNDER = (0.18, 0.30), 0.16, 0.62
_FLASH = np.float32(1.7)  # times as light is a tongue in a photo as in the rendered cavities
_WIDE = (0.12, 0.24)  # eye distances: openings less high than the first show no cavity, higher ones more and more of it
_SKIN = (-0.1, 0.9, 0.45)  # for `Frame.region`: the middle of the face, whose light is compared


class Donor(NamedTuple):
    """The exemplar that suits a face.

    Attributes:
      exemplars: Where it is from.
      number: Which one.
      zoom: By how much it is enlarged.
      lip: The middle of the face's upper inner lip in the exemplars' expression, (x, y), px of the crop; None where the
        mouth does not open more than it is open already.
    """

    exemplars: Exemplars
    number: int
    zoom: float
    lip: tuple[float, float] | None = None


class Patch(NamedTuple):
    """A picture where it belongs.

    Attributes:
      pixels: (h, w, 4) uint8, as `bundle.Exemplars` has them.
      matrix: 2×3, crop px to px of the picture.
      gain: (3,) float32, by which its colors are multiplied.
      share: How much of it is seen.
    """

    pixels: np.ndarray
    matrix: np.ndarray
    gain: np.ndarray
    share: float = 1.0

    def over(self, color: np.ndarray, to_crop: np.ndarray, shading: np.ndarray | float = 1.0) -> np.ndarray:
        """Lays it over colors; for the arguments see `Placed.over`."""
        linear = self.matrix[:, :2] @ to_crop[:, :2]
        shift = self.matrix[:, :2] @ to_crop[:, 2] + self.matrix[:, 2]
        pixels, finer = self.pixels, float(np.sqrt(abs(np.linalg.det(linear))))
        if finer > 1:  # several of its pixels to one: what is finer than that is taken out first
            pixels = cv2.GaussianBlur(pixels, (0, 0), 0.45 * finer)
        matrix, flags = np.column_stack([linear, shift]), cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        laid = cv2.warpAffine(pixels, matrix, color.shape[1::-1], flags=flags) * np.float32(self.share / 255)
        light = np.clip(self.gain * laid[..., :3] * shading, 0, 1)
        return np.float32(2 * light + (1 - laid[..., 3:]) * (color + 1) - 1)


class Placed(NamedTuple):
    """An exemplar where it belongs.

    Attributes:
      teeth: The exemplar.
      cavity: What lies behind and below in a mouth that opens wide; None where it does not.
      shading: (size, size) float32 in [0, 1], of the crop: what lips leave of the light on teeth.
    """

    teeth: Patch
    cavity: Patch | None
    shading: np.ndarray

    def over(self, color: np.ndarray, to_crop: np.ndarray, shading: np.ndarray) -> np.ndarray:
        """Lays cavity and teeth over painted colors C, (h, w, 3) float32 in [-1, 1].

        `to_crop` is the 2×3 similarity from their px to px of the model's crop, `shading` that of the exemplar at their
        pixels, (h, w).
        """
        if self.cavity is not None:
            color = self.cavity.over(color, to_crop)
        return self.teeth.over(color, to_crop, shading[..., None])


def skin_light(crop: np.ndarray, frame: Frame) -> np.ndarray:
    """The mean light of the middle of a face, (3,), counted from black, of a crop (S, S, 3) float in [-1, 1]."""
    return (image_ops.crop_region(crop, *frame.region(*_SKIN)).reshape(-1, 3).mean(axis=0) + 1) / 2


def choose(exemplars: Exemplars, crop: np.ndarray, alpha: np.ndarray, frame: Frame) -> Donor:
    """Finds the exemplar that leaves the least of the middle of an opening uncovered, and whose owner was lit alike.

    The opening is that which the face has in the exemplars' expression.
    """
    lip = _upper_lip(alpha, frame)
    lip = None if lip is None else tuple(lip.tolist())
    mine, costs = float(skin_light(crop, frame).mean()), {}
    for number in range(len(exemplars.pixels)):
        unlike = abs(np.log2(max(mine, 0.02) / max(float(exemplars.light[number].mean()), 0.02)))
        # A single one is the face's own, and as large as that has it.
        for order, zoom in enumerate(_ZOOMS if len(exemplars.pixels) > 1 else (1.0,)):
            placed = place(Donor(exemplars, number, zoom, lip), crop, alpha, frame)
            uncovered = 0.0 if placed is None else _uncovered(placed, alpha)
            costs[number, zoom] = uncovered + _UNLIKE * unlike + 0.005 * order
    return Donor(exemplars, *min(costs, key=costs.get), lip)


def own(exemplars: Exemplars, frame: Frame, size: int) -> Donor:
    """Teeth of the face itself, which stay where they are, as `cut` makes them; `size` is the side of its crop, px."""
    ratio = exemplars.eye_distance / (frame.eye_distance * size)
    return Donor(exemplars, 0, 1.0, tuple(((exemplars.lip[0] + 0.5) / ratio - 0.5).tolist()))


def _uncovered(placed: Placed, alpha: np.ndarray) -> float:
    """The share of the part of an opening in which teeth would be missed that has none."""
    covered = _shown(placed, len(alpha))
    patch, first, width = opening_lib.largest(alpha)
    middle, reach = first + (width - 1) / 2, _ACROSS * width / 2
    missed = []
    for column in range(int(np.ceil(middle - reach)), int(np.floor(middle + reach)) + 1):
        rows = np.flatnonzero(patch[:, column])
        missed.append(covered[rows[rows <= rows[0] + _DOWN * (rows[-1] - rows[0])], column])
    return 1 - float(np.concatenate(missed).mean())


def place(donor: Donor | None, crop: np.ndarray, alpha: np.ndarray, frame: Frame) -> Placed | None:
    """Places the exemplar that suits a face in the opening of an edit; None without one, or where nothing opens."""
    lip = None if donor is None else _upper_lip(alpha, frame)
    if lip is None:
        return None
    exemplars, distance = donor.exemplars, frame.eye_distance * len(alpha)
    if donor.lip is not None:  # a lip that rises farther takes the teeth along, one that rises less covers them
        lip = np.minimum(donor.lip, [np.inf, lip[1]])
    scale = exemplars.eye_distance / (distance * donor.zoom)
    there = exemplars.lip[donor.number] + [0, _TUCK * exemplars.eye_distance]
    matrix = np.column_stack([scale * np.eye(2), there - scale * lip])
    light = skin_light(crop, frame)
    teeth = Patch(exemplars.pixels[donor.number], matrix, _gain(light, exemplars.light[donor.number]))
    return Placed(teeth, _cavity(exemplars, light, alpha, distance), _shading(alpha, distance))


def fitted(alpha: np.ndarray, placed: Placed, frame: Frame) -> tuple[np.ndarray, Placed]:
    """Lets the lower lip of a smile reach up to the teeth: below them it would leave a dark band.

    The opening and the exemplar are returned as they are then.
    """
    size = len(alpha)
    distance = frame.eye_distance * size
    patch, first, width = opening_lib.largest(alpha)
    shown = _shown(placed, size) > 0.5
    columns = first + np.flatnonzero((shown & patch)[:, first : first + width].any(0))
    if not columns.size:
        return alpha, placed
    lowest = size - 1 - shown[::-1, columns].argmax(0)
    lowest = lines.smooth(lowest.astype(np.float64), _EVEN * distance)
    filled = (shown & patch)[:, columns].sum() / patch[:, columns].sum()
    share = maps.ramp(filled, *_FILLED)
    farther = _GAP * distance + (1 - share) * patch.sum(0).max()
    ends = np.interp(np.arange(size), columns, lowest + farther)
    kept = np.clip(ends + 1 - np.arange(size)[:, None], 0, 1)
    alpha = np.float32(alpha * kept)
    return alpha, placed._replace(shading=_shading(alpha, distance))


def _shown(placed: Placed, size: int) -> np.ndarray:
    """How much of every pixel of a crop an exemplar covers, (size, size) float32 in [0, 1]."""
    pixels, matrix = placed.teeth.pixels[..., 3], placed.teeth.matrix
    return cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP) / np.float32(255)


def _shading(alpha: np.ndarray, distance: float) -> np.ndarray:
    """What lips and cheeks leave of the light on teeth: less at the edge of the opening and towards its corners.

    In a mouth that opens wide teeth lie deep, and the upper lip shades them.
    """
    inner = cv2.GaussianBlur(np.float32(alpha), (0, 0), _SHADE * distance)
    lips = _DARKEST + (1 - _DARKEST) * np.clip(2 * inner - 1, 0, 1)
    _, first, width = opening_lib.largest(alpha)
    columns, rows = np.arange(len(alpha)), np.arange(len(alpha))[:, None]
    aside = np.abs((columns - first) / ((width - 1) / 2) - 1)
    cheeks = 1 - (1 - _CORNER) * np.clip((aside - _ASIDE) / (1 - _ASIDE), 0, 1)
    if (mouth := opening_lib.outline(alpha)) is None:
        return np.float32(lips * cheeks)
    deep = maps.ramp((mouth.bottom - mouth.top).max() / distance, *_DEEP)
    below = maps.smooth_step(rows - np.interp(columns, mouth.x, mouth.top), 0, _SHADOW * distance)
    upper_lip = 1 - deep * (1 - _UNDER) * (1 - below)
    return np.float32(lips * cheeks * upper_lip)


def beyond(color: np.ndarray, frame: Frame) -> np.ndarray:
    """Makes the mean of all teeth, which a network paints, to the dark that is around those of an exemplar.

    The color is C, (size, size, 3) float32 in [-1, 1].
    """
    below = ((np.arange(len(color)) + 0.5) / len(color) - frame.eye_y) / frame.eye_distance
    share = maps.ramp(below, *_MOUTH)[:, None, None]
    return np.float32((color + 1) * (1 - share * (1 - _BEYOND)) - 1)


def _gain(light: np.ndarray, owner: np.ndarray) -> np.ndarray:
    ratio = np.maximum(light, 0.02) / np.maximum(owner, 0.02)
    gain = np.clip(ratio.mean() ** _LIGHT, _LEAST_GAIN, _LARGEST_GAIN) * (ratio / ratio.mean()) ** _TINT
    return np.float32(gain)


def _cavity(exemplars: Exemplars, light: np.ndarray, alpha: np.ndarray, distance: float) -> Patch | None:
    """Stretches the cavity to an opening, as a tongue follows its jaw: middles and deviations become the same."""
    if exemplars.cavity is None:
        return None
    middle, deviation = _moments(opening_lib.largest(alpha)[0] * alpha)
    share = maps.ramp(4 * deviation[1] / distance, *_WIDE)
    if not share:
        return None
    center, spread = _moments(exemplars.cavity[..., 3])
    scale = spread / deviation
    matrix = np.column_stack([np.diag(scale), center - scale * middle])
    return Patch(exemplars.cavity, matrix, _FLASH * _gain(light, exemplars.cavity_light), float(share))


def _moments(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the pixels of a map, (x, y) each; of an ellipse it reaches two deviations far."""
    weights = weights / np.sum(weights, dtype=np.float64)
    places = [np.arange(side) for side in weights.shape[::-1]]
    along = weights.sum(0), weights.sum(1)
    middle = [place @ weight for place, weight in zip(places, along)]
    spread = [np.sqrt((place - m) ** 2 @ weight) for place, m, weight in zip(places, middle, along)]
    return np.array(middle), np.array(spread)


def cut(
    alpha: np.ndarray, crop: np.ndarray, frame: Frame, expression: str, others: Exemplars | None
) -> Exemplars | None:
    """Makes an exemplar of a mouth whose opening a network has found; None where it shows no teeth.

    The face is one of any resolution, (S, S, 3) uint8, which shows the expression; the cavity of `others` goes with it.
    """
    lip = _upper_lip(alpha, frame)
    if lip is None:
        return None
    ratio = len(crop) / len(alpha)
    larger = cv2.resize(np.float32(alpha), crop.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    # Half a pixel of the network inside of the edge, where lips are not seen any more.
    inside = np.clip(_SURE_INSIDE * (larger - _OPEN), 0, 1)[..., None]
    pixels = np.rint(np.concatenate([inside * crop, 255 * inside], -1)).astype(np.uint8)
    lip, light = (lip + 0.5) * ratio - 0.5, skin_light(image_ops.to_float(crop), frame)
    cavity = (others.cavity, others.cavity_light) if others else ()
    distance = frame.eye_distance * len(crop)
    return Exemplars(pixels[None], np.float32(lip)[None], np.float32(light)[None], distance, expression, *cavity)


def _upper_lip(alpha: np.ndarray, frame: Frame) -> np.ndarray | None:
    """The middle of the upper edge of the largest opening, (x, y), px; None if it is too small to show teeth."""
    patch, left, width = opening_lib.largest(alpha)
    if not patch.any() or patch.sum() < _LEAST * (frame.eye_distance * len(alpha)) ** 2:
        return None
    middle = left + (width - 1) / 2
    around = np.arange(int(np.floor(middle - width / 12)), int(np.ceil(middle + width / 12)) + 1)
    around = around[patch[:, around].any(0) & ~patch[0, around]]
    return np.array([middle, opening_lib.edges(alpha, patch, around)[0].mean()]) if around.size else None
