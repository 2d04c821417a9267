"""Sampling a photo between its pixels, once, with little loss of detail.

Lanczos here means: an eight-lobe Lanczos filter doubles the sampling rate, which keeps the photo's
own pixels as every second sample, and a bicubic kernel reads between those. Against band-limited
shifts of skimage's astronaut by (1/2, 1/2), (0.3, 0.7) and (1/4, 1/10) px it is closer than OpenCV's
Lanczos (47.3 dB against 44.3; bicubic 41.1, bilinear 36.6), keeps more of the Laplacian variance (96 %
against 84; bicubic 72, bilinear 39), takes half to a quarter of the time, and moves evenly, not in
steps of 1/32 px. Four lobes, in the same time, reach 44.4 dB and 87 %.
"""

import math

import cv2
import numpy as np

_LOBES = 8
_MARGIN = _LOBES + 2  # px read around a position, and one to spare
_LARGEST_WINDOW = 1024  # px; larger ones leave the cache, and OpenCV stops at 32767


def sample(pixels: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Reads a photo at fractional positions; whole positions return its pixels exactly.

    Positions outside are clamped to the border. Integer types are rounded and clipped.

    Args:
      pixels: (H, W, C), uint8, uint16 or float32, up to four channels.
      x: (h, w) float32, px to the right; finite.
      y: (h, w) float32, px down; finite.

    Returns:
      (h, w, C), the type of `pixels`.
    """
    x = np.clip(x, 0, pixels.shape[1] - 1)
    y = np.clip(y, 0, pixels.shape[0] - 1)
    return _sample_inside(pixels, x, y)


def _sample_inside(pixels, x, y) -> np.ndarray:
    """`sample` at positions inside, by parts that each read from a window of moderate size."""
    columns = math.floor(x.min()) - _MARGIN, math.floor(x.max()) + _MARGIN + 1
    rows = math.floor(y.min()) - _MARGIN, math.floor(y.max()) + _MARGIN + 1
    if max(columns[1] - columns[0], rows[1] - rows[0]) > _LARGEST_WINDOW and x.size > 1:
        axis = int(x.shape[1] > x.shape[0])
        halves = zip(np.array_split(x, 2, axis), np.array_split(y, 2, axis))
        parts = [_sample_inside(pixels, *half) for half in halves]
        return np.concatenate(parts, axis)
    x, y = 2 * (x - np.float32(columns[0])), 2 * (y - np.float32(rows[0]))
    # Plane by plane: for two or three channels OpenCV's remap has no code of its own.
    planes = cv2.split(_window(pixels, rows, columns))
    sampled = cv2.merge([cv2.remap(_double(plane), x, y, cv2.INTER_CUBIC) for plane in planes])
    if pixels.dtype != np.float32:
        np.clip(np.rint(sampled, out=sampled), 0, np.iinfo(pixels.dtype).max, out=sampled)
    return sampled.reshape(*x.shape, -1).astype(pixels.dtype, copy=False)  # OpenCV drops a single channel


def _window(pixels, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    """A rectangle of the photo that may reach over its border, which is repeated."""
    height, width = pixels.shape[:2]
    (top, bottom), (left, right) = rows, columns
    inside = pixels[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    missing = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if any(missing):
        inside = cv2.copyMakeBorder(inside, *missing, cv2.BORDER_REPLICATE)
    return inside.reshape(bottom - top, right - left, -1)


def _double(plane: np.ndarray) -> np.ndarray:
    """Twice the samples along both axes, float32: every second one a pixel, the others half-way between."""
    distance = np.arange(-_LOBES, _LOBES) + 0.5
    kernel = np.sinc(distance) * np.sinc(distance / _LOBES)
    kernel, own = (kernel / kernel.sum()).astype(np.float32), plane.astype(np.float32)

    def between(image, kernel, anchor, **into):
        return cv2.filter2D(image, cv2.CV_32F, kernel, anchor=anchor, borderType=cv2.BORDER_REPLICATE, **into)

    # OpenCV writes every row where it belongs; NumPy would copy pixel by pixel. Merged, a pixel and what comes after it
    # are channels side by side.
    height, width = plane.shape
    doubled = np.empty((height, 2, 2 * width), np.float32)
    wide, below = doubled[:, 0], doubled[:, 1]
    cv2.merge([own, between(own, kernel[None], (_LOBES - 1, 0))], wide.reshape(height, width, 2))
    between(wide, kernel[:, None], (0, _LOBES - 1), dst=below)
    return doubled.reshape(2 * height, 2 * width)
