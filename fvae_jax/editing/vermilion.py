"""The red of lips that meet again, which a smile had drawn thin (section 3.2: what one photo lacks, another one has).

Pixels that are brought together make a line between stretched skin, which no light makes lips of. Teeth that a photo
does not have are somebody else's, and so are lips at rest: their light beside that of the skin around, laid over the
skin around these. What is farther from them gets what it lacks of the mean of all, as broadly as light varies.
"""

from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.bundle import Lips
from fvae_jax.data import align
from fvae_jax.editing import portrait, seam as seam_lib
from fvae_jax.errors import InputError

# A map of a mouth: across in halves of its width from its middle, down in eye distances from where the lips meet.
ACROSS, DOWN = np.linspace(-1.4, 1.4, 281), np.linspace(-0.25, 0.30, 147)
STEP, WHOLE = 1 / 50, 127  # of r, to a step of the stored maps; steps of what is all lip
_BROAD, FINE = 0.02, 0.0012  # eye distances over which light is compared, around lips and on them
_BLACK = 4 / 255  # added to light so that noise in the dark is nothing
_SKIN_ABOVE, _SKIN_BELOW, _SKIN_ASIDE = -0.14, 0.2, 1.25  # what is farther from the lips is skin
_SHARE = 0.75  # of what is missing around lips
# The least r around lips; what is darker than it should be by so much is hardly made lighter.
_DARKER, _HAIR = -0.35, 0.42
# Where that is done, and over how much it fades: across, above and below.
_ENDS = (1.3, 0.25), (0.17, 0.06), (0.22, 0.07)
# Lips are chosen by light that is blurred by so many places of a map, here, across and down, at most so different; lips
# that differ as a whole count less, since they keep so much of it, up to a limit.
_BLUR, _CHOICE, _UNLIKE = 5.0, (1.1, 0.2), 0.5
_PAINTED, _KEPT, _PAINT = 0.15, 0.6, 0.6


class Resting(NamedTuple):
    """What the lips of a face are like at rest.

    Attributes:
      light: r of lips beside the skin around them, (h, w, 3) float32.
      share: How much of a place is lip, (h, w, 1) in [0, 1].
      around: r that mouths have as a rule, broadly, (h, w, 3).
    """

    light: np.ndarray
    share: np.ndarray
    around: np.ndarray


def check(lips: Lips) -> None:
    """Raises `InputError` unless lips at rest are known as they are used here."""
    expected = len(DOWN), len(ACROSS), 4
    if lips.resting is not None and lips.resting.shape[1:] != expected:
        raise InputError(
            f'the lips of this model at rest are {lips.resting.shape[1:]} and here {expected}; take another copy of '
            'the model file'
        )


def places(left: float, right: float, rows: np.ndarray, distance: float) -> np.ndarray:
    """Where the places of a map lie, (h, w, 2).

    The mouth has its corners at columns `left` and `right`, its lips meet on `rows`, at the columns of the map, (w,),
    and the eyes are `distance` apart.
    """
    return np.stack(np.broadcast_arrays(columns(left, right), rows + distance * DOWN[:, None]), axis=-1)


def columns(left: float, right: float) -> np.ndarray:
    """The columns of a map, (w,); for the arguments see `places`."""
    return (left + right) / 2 + ACROSS * (right - left) / 2


def seen(pixels: np.ndarray, at: np.ndarray, distance: float, over: float = _BROAD) -> np.ndarray:
    """How much lighter a mouth is than the skin around it, whose light may change evenly across and down.

    Pixels are (H, W, 3) uint8 or uint16, `at` is where the places of the map lie, (h, w, 2), px, and light is averaged
    over so many eye distances.

    Returns:
      Log of the ratio, of red, green and blue, (h, w, 3) float32.
    """
    margin = 3 * over * distance + 3
    height, width = pixels.shape[:2]
    (x0, y0), (x1, y1) = (
        np.clip(np.rint(corner).astype(int), 0, (width, height))
        for corner in (at.min((0, 1)) - margin, at.max((0, 1)) + margin)
    )
    part = pixels[y0:y1, x0:x1]
    if min(part.shape[:2]) < 2:
        return np.zeros((*at.shape[:2], 3), np.float32)
    light = cv2.log(part / np.float32(np.iinfo(pixels.dtype).max) + np.float32(_BLACK))
    light = cv2.GaussianBlur(light, (0, 0), over * distance)
    from_x, from_y = (np.float32(at[..., axis] - first) for axis, first in ((0, x0), (1, y0)))
    light = cv2.remap(light, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    across, down = np.meshgrid(ACROSS, DOWN)
    skin = (down < _SKIN_ABOVE) | (down > _SKIN_BELOW) | (np.abs(across) > _SKIN_ASIDE)
    plane = np.stack([across, down, np.ones_like(down)], axis=-1)
    slopes = np.linalg.lstsq(plane[skin], light[skin], rcond=None)[0]
    return np.float32(light - plane @ slopes)


def chosen(lips: Lips, pixels: np.ndarray, line: seam_lib.Seam, matrix: np.ndarray, distance: float) -> Resting:
    """The lips at rest, of those that a model knows, that suit a closed mouth best, with more of its own color.

    Args:
      lips: Of the model.
      pixels: The face, its mouth closed, (H, W, 3) uint8 or uint16.
      line: Where its lips meet.
      matrix: 2×3 similarity, px of `pixels` to px of the crop.
      distance: That of the eyes, px of the crop.
    """
    own = _blurred(seen(pixels, _at(line, matrix, distance), distance / portrait.scale_of(matrix), FINE))
    across, down = np.meshgrid(ACROSS, DOWN)
    counts = (np.abs(across) < _CHOICE[0]) & (np.abs(down) < _CHOICE[1])
    costs, paints = [], []
    known = [(np.float32(one[..., :3]) * STEP, one[..., 3:] / np.float32(WHOLE)) for one in lips.resting]
    broad = [_blurred(light) for light, _ in known]
    for (_, share), light in zip(known, broad):
        apart = own - light
        paint = np.clip((share * apart).sum((0, 1)) / share.sum(), -_PAINT, _PAINT)
        left = np.clip(apart - share * paint, -_UNLIKE, _UNLIKE)[counts]
        costs.append(np.sqrt(np.square(left).mean()) + _PAINTED * np.abs(paint).mean())
        paints.append(paint)
    best = int(np.argmin(costs))
    light, share = known[best]
    mean = np.mean(broad, axis=0)
    return Resting(light + _KEPT * paints[best], share, (mean + mean[:, ::-1]) / 2)


def missing(
    pixels: np.ndarray, box: portrait.Box, line: seam_lib.Seam, matrix: np.ndarray, rest: Resting, distance: float
) -> np.ndarray:
    """What lips that meet lack of those at rest.

    Args:
      pixels: The edited photo, (H, W, 3) uint8 or uint16.
      box: Of the face.
      line: Where its lips meet.
      matrix: 2×3 similarity, photo px to px of the crop.
      rest: What its lips are like at rest.
      distance: That of the eyes, px of the crop.

    Returns:
      r, of red, green and blue, (h, w, 3) float32 for the pixels of the box; all 0 where lips do not meet.
    """
    r = np.zeros((box[1] - box[0], box[3] - box[2], 3), np.float32)
    if not (met := line.met()):
        return r
    at, photo_distance = _at(line, matrix, distance), distance / portrait.scale_of(matrix)
    fine = seen(pixels, at, photo_distance, FINE)
    lips = _not_on_hair(rest.light - fine)
    around = _SHARE * np.maximum(_not_on_hair(rest.around - seen(pixels, at, photo_distance)), _DARKER)
    # What is redder than skin around other lips than one's own is left of these.
    red = rest.around - fine
    around = np.maximum(around, red - np.maximum(red[..., :1], 0))
    lack = rest.share * lips + (1 - rest.share) * around
    part, _, in_crop = seam_lib.around(box, line, matrix)
    half = (line.corners[1] - line.corners[0]) / 2
    across = (in_crop[..., 0] - sum(line.corners) / 2) / half
    down = (in_crop[..., 1] - line.middle(in_crop[..., 0])) / distance
    column, row = (
        np.float32((value - axis[0]) / (axis[1] - axis[0])) for value, axis in ((across, ACROSS), (down, DOWN))
    )
    lack = cv2.remap(np.float32(lack), column, row, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    near = [np.clip((end - away) / fade, 0, 1) for (end, fade), away in zip(_ENDS, (np.abs(across), -down, down))]
    r[part] = (met * near[0] * near[1] * near[2])[..., None] * lack
    return r


def _at(line: seam_lib.Seam, matrix: np.ndarray, distance: float) -> np.ndarray:
    """Where the places of a map of a mouth that is closed lie in a photo, (h, w, 2)."""
    in_crop = places(*line.corners, line.middle(columns(*line.corners)), distance)
    return align.transform_points(align.invert(matrix), in_crop)


def _blurred(light: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(light, (0, 0), _BLUR)


def _not_on_hair(lack: np.ndarray) -> np.ndarray:
    """What is lacking, hardly any of it where a place is far too dark, and not just too red."""
    dark = np.maximum(lack[..., :1], 0)
    return np.where(lack > 0, lack * np.exp(-np.square(dark / _HAIR)), lack)
