"""Lines of numbers, such as the edges of lips, smoothed and read between pixels; past both ends they go on unchanged.

As `scipy.ndimage` has it, to a rounding, whose import takes a tenth of a whole edit.
"""

import numpy as np


def smooth(line: np.ndarray, deviation: float) -> np.ndarray:
    """Filters a line (n,) by a Gaussian of so many samples, cut off at four times that."""
    radius = int(4 * deviation + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    return np.convolve(np.pad(line, radius, 'edge'), weights / weights.sum(), 'valid')


def highest(values: np.ndarray, before: int, after: int) -> np.ndarray:
    """The largest number among those of so many rows before each, of it and of so many after it, (n, …) as `values`."""
    padded = np.pad(values, [(before, after)] + [(0, 0)] * (values.ndim - 1), 'edge')
    return np.lib.stride_tricks.sliding_window_view(padded, before + 1 + after, axis=0).max(-1)


def read(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Reads an image (h, w) bilinearly at rows and columns of one shape; returns that shape, in the image's type."""
    height, width = image.shape
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.minimum(rows.astype(int), max(height - 2, 0)), np.minimum(columns.astype(int), max(width - 2, 0))
    down, right = rows - top, columns - left
    below, beside = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    upper = (1 - right) * image[top, left] + right * image[top, beside]
    lower = (1 - right) * image[below, left] + right * image[below, beside]
    return ((1 - down) * upper + down * lower).astype(image.dtype)
