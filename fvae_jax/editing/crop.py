"""The aligned crop of a face in a frame of a film, of which only the part around the face becomes RGB."""

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.editing import exemplar, portrait
from fvae_jax.photo.frame import Picture, Planes

_MARGIN = 16  # px around a crop from which its pixels may come


def aligned(frame: Planes | Picture, matrix: np.ndarray, size: int) -> np.ndarray:
    """The aligned crop of a face, (size, size, 3) uint8; large faces are reduced first, most of the way.

    The matrix is a 2×3 similarity, px of the frame to px of the crop.
    """
    y0, y1, x0, x1 = portrait.face_region(matrix, size, frame.shape)
    # What the crop reads, even so that chroma goes along.
    y0, x0 = (max(low - _MARGIN, 0) // 2 * 2 for low in (y0, x0))
    y1, x1 = (min(-(-(high + _MARGIN) // 2) * 2, side) for high, side in zip((y1, x1), frame.shape))
    y1, x1 = max(y1, y0), max(x1, x0)
    pixels, matrix = frame.pixels((y0, y1, x0, x1)), exemplar.crop_matrix(matrix, (x0, y0))
    times = int(0.5 / portrait.scale_of(matrix))
    if times > 1 and pixels.size:
        height, width = y1 - y0, x1 - x0
        pixels = cv2.copyMakeBorder(pixels, 0, -height % times, 0, -width % times, cv2.BORDER_REPLICATE)
        smaller = pixels.shape[1] // times, pixels.shape[0] // times
        pixels = cv2.resize(pixels, smaller, interpolation=cv2.INTER_AREA)
        # The center of the first smaller pixel is that of the square it stands for.
        shift = align.transform_points(matrix, np.full(2, (times - 1) / 2))
        matrix = np.column_stack([times * matrix[:, :2], shift])
    return align.align_crop(pixels, matrix, size)
