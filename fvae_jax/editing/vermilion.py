"""The red of lips that meet again, which a smile had drawn thin (expression ratio images: Liu, Shan and Zhang 2001).

Pixels that are brought together make a line between stretched skin. What makes lips of it is light: the red with its
arches, the shadow of the upper lip, a light lower one and the dark below it and in the corners. How much lighter and
redder a mouth at rest is than the skin around it was learned from training people; what of this an edited mouth lacks
it gets, as broadly as light varies, so that its texture stays.
"""

import cv2
import numpy as np

from fvae_jax.bundle import Lips
from fvae_jax.data import align
from fvae_jax.editing import portrait, seam as seam_lib
from fvae_jax.errors import InputError

# A map of a mouth: across in halves of its width from its middle, down in eye distances from where the lips meet.
ACROSS, DOWN = np.linspace(-1.4, 1.4, 71), np.linspace(-0.25, 0.30, 56)
_BROAD = 0.02  # eye distances over which light is compared
_BLACK = 4 / 255  # added to light so that noise in the dark is nothing
_SKIN_ABOVE, _SKIN_BELOW, _SKIN_ASIDE = -0.14, 0.2, 1.25  # what is farther from the lips is skin
_SHARE = 0.75  # of what is missing
_DARKER, _HAIR = -0.35, 0.45  # the least r; what is darker than lips and skin by as much is hardly made lighter
# Where that is done, and over how much it fades: across, above and below.
_ENDS = (1.3, 0.25), (0.17, 0.06), (0.22, 0.07)


def check(lips: Lips) -> None:
    """Raises `InputError` unless lips at rest are known as they are used here."""
    expected = len(DOWN), len(ACROSS), 3
    if lips.rest is not None and lips.rest.shape != expected:
        raise InputError(
            f'the lips of this model at rest are {lips.rest.shape} and here {expected}; take another copy of the '
            'model file'
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


def seen(pixels: np.ndarray, at: np.ndarray, distance: float) -> np.ndarray:
    """How much lighter a mouth is than the skin around it, whose light may change evenly across and down.

    Pixels are (H, W, 3) uint8 or uint16, `at` is where the places of the map lie, (h, w, 2), px.

    Returns:
      Log of the ratio, of red, green and blue, (h, w, 3) float32.
    """
    margin = 3 * _BROAD * distance + 2
    height, width = pixels.shape[:2]
    (x0, y0), (x1, y1) = (
        np.clip(np.rint(corner).astype(int), 0, (width, height))
        for corner in (at.min((0, 1)) - margin, at.max((0, 1)) + margin)
    )
    part = pixels[y0:y1, x0:x1]
    if min(part.shape[:2]) < 2:
        return np.zeros((*at.shape[:2], 3), np.float32)
    light = cv2.log(part / np.float32(np.iinfo(pixels.dtype).max) + np.float32(_BLACK))
    light = cv2.GaussianBlur(light, (0, 0), _BROAD * distance)
    from_x, from_y = (np.float32(at[..., axis] - first) for axis, first in ((0, x0), (1, y0)))
    light = cv2.remap(light, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    across, down = np.meshgrid(ACROSS, DOWN)
    skin = (down < _SKIN_ABOVE) | (down > _SKIN_BELOW) | (np.abs(across) > _SKIN_ASIDE)
    plane = np.stack([across, down, np.ones_like(down)], axis=-1)
    slopes = np.linalg.lstsq(plane[skin], light[skin], rcond=None)[0]
    return np.float32(light - plane @ slopes)


def missing(
    pixels: np.ndarray, box: portrait.Box, line: seam_lib.Seam, matrix: np.ndarray, rest: np.ndarray, distance: float
) -> np.ndarray:
    """What lips that meet lack of those at rest.

    Args:
      pixels: The edited photo, (H, W, 3) uint8 or uint16.
      box: Of the face.
      line: Where its lips meet.
      matrix: 2×3 similarity, photo px to px of the crop.
      rest: What `seen` gives of mouths at rest.
      distance: That of the eyes, px of the crop.

    Returns:
      r, of red, green and blue, (h, w, 3) float32 for the pixels of the box; all 0 where lips do not meet.
    """
    r = np.zeros((box[1] - box[0], box[3] - box[2], 3), np.float32)
    if not (met := line.met()):
        return r
    x = columns(*line.corners)
    at = align.transform_points(align.invert(matrix), places(*line.corners, line.middle(x), distance))
    lack = rest - seen(pixels, at, distance / portrait.scale_of(matrix))
    # What is far too dark is hair.
    lack = np.where(lack > 0, lack * np.exp(-np.square(lack / _HAIR)), np.maximum(lack, _DARKER))
    part, positions = seam_lib.around(box, line, matrix)
    in_crop = align.transform_points(matrix, positions)
    half = (line.corners[1] - line.corners[0]) / 2
    across = (in_crop[..., 0] - sum(line.corners) / 2) / half
    down = (in_crop[..., 1] - line.middle(in_crop[..., 0])) / distance
    column, row = (
        np.float32((value - axis[0]) / (axis[1] - axis[0])) for value, axis in ((across, ACROSS), (down, DOWN))
    )
    lack = cv2.remap(np.float32(lack), column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    near = [np.clip((end - away) / fade, 0, 1) for (end, fade), away in zip(_ENDS, (np.abs(across), -down, down))]
    r[part] = (_SHARE * met * near[0] * near[1] * near[2])[..., None] * lack
    return r
