"""Pictures that explain an edit: what moved and what is doubted, drawn over the gray photo, with a legend.

`pixels` are those of a part of the photo, (h, w, 3) uint8; pictures are (H, W, 3) uint8 RGB.
"""

import cv2
import numpy as np

from fvae_jax.ops import flow_color, grid, image as image_ops

_SIDE = 768  # px, of the pictures
_WHEEL = 96  # px
_DOUBT = np.float32([200, 20, 20])  # RGB
# The photo is drawn between mid-gray and white, so that colors laid over it are seen.
_DARKEST = 110


def flow_overlay(pixels: np.ndarray, field: np.ndarray, max_magnitude: float) -> np.ndarray:
    """Draws a displacement, (h, w, 2), as colors over the photo; `max_magnitude` px of it have the full color."""
    colors = flow_color.flow_to_color(_fit(field), max_magnitude) / np.float32(255)
    full = f'full color: {max_magnitude:.3g} px of the photo'
    wheel = flow_color.color_wheel(_WHEEL)
    return _side_by_side(_gray(pixels) * colors, wheel, 'where each pixel is read from', full)


def doubt_overlay(pixels: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """Draws where the model does not trust an edit, 1 − M(S, Z), (h, w) in [0, 1], in red over a part of the photo."""
    ramp = np.broadcast_to(np.linspace(1, 0, _WHEEL)[:, None, None], (_WHEEL, _WHEEL // 4, 1))
    legend = (1 - ramp) * 255 + ramp * _DOUBT
    picture = _reddened(pixels, _fit(doubt)[..., None])
    return _side_by_side(picture, legend, 'confidence of the edit', 'white: confidence 1, red: 0')


def content_overlay(pixels: np.ndarray, alpha: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Draws what an edit adds: alpha, (h, w) in [0, 1], in red over the photo, and the colors, (h, w, 3) in [-1, 1]."""
    share = _fit(alpha)[..., None]
    new = (1 - share) * 255 + share * image_ops.to_uint8(_fit(color)).astype(np.float32)
    return _side_by_side(_reddened(pixels, share), new, 'new content, red: alpha 1', 'the content')


def _side_by_side(left: np.ndarray, right: np.ndarray, *labels: str) -> np.ndarray:
    """Two pictures, (h, w, 3) in [0, 255], with their labels, (H, W, 3) uint8."""
    return grid.image_grid([[np.rint(picture).astype(np.uint8) for picture in (left, right)]], labels, scale=1)


def _reddened(pixels: np.ndarray, share: np.ndarray) -> np.ndarray:
    return (1 - share) * _gray(pixels) + share * _DOUBT


def _gray(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 1) float32 in [`_DARKEST`, 255]."""
    gray = cv2.cvtColor(_fit(pixels), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return (_DARKEST + gray * np.float32((255 - _DARKEST) / 255))[..., None]


def _fit(values: np.ndarray) -> np.ndarray:
    """Resizes a picture or a map so that its longer side has `_SIDE` px."""
    scale = _SIDE / max(values.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in values.shape[1::-1])
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
