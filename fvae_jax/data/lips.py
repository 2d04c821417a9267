"""The inner contour of the lips: what lies within it is mouth, teeth or tongue, and belongs to no other picture."""

import os
import pathlib

import cv2
import numpy as np

from fvae_jax.data import table
from fvae_jax.errors import InputError

FILE = 'lips.csv'  # beside index.csv
POINTS = 20  # along the upper lip to the right and back along the lower
COLUMNS = tuple(f'{axis}{i}' for i in range(POINTS) for axis in 'xy')
# The points of a mirrored contour, in the same order.
MIRRORED = (*range(POINTS // 2, -1, -1), *range(POINTS - 1, POINTS // 2, -1))
_FINER = 16  # rasterized so many times finer, then averaged: OpenCV counts every pixel that the outline touches


def read(folder: str | os.PathLike) -> dict[str, tuple[float, ...]]:
    """Reads the contours of a folder of photos: {path: (x0, y0, x1, …)}, px of the photo; empty without the file.

    Raises:
      InputError: The file is no such table; names the line.
    """
    path = pathlib.Path(folder) / FILE
    if not path.exists():
        return {}
    expected = f'expected columns path, x0, y0 … x{POINTS - 1}, y{POINTS - 1}'
    found = {}
    for row in table.read(path, f"data.root '{folder}' has a {FILE}", ('path', *COLUMNS), expected):
        try:
            values = tuple(map(row.number, COLUMNS))
            if not np.isfinite(values).all():
                raise ValueError('a number is not finite')
        except ValueError as error:
            raise InputError(f"data.root '{folder}', {FILE}, line {row.line}: {error}; {expected}") from None
        found[row.text('path')] = values
    return found


def area(contour: np.ndarray) -> float:
    """The area within a contour (n, 2), px²; 0 where it is unknown (NaN)."""
    return 0.0 if np.isnan(contour).any() else float(cv2.contourArea(contour.astype(np.float32)))


def inside(contour: np.ndarray, size: int) -> np.ndarray:
    """How much of each pixel of a crop lies within a contour (n, 2), px of it: (size, size) float32 in [0, 1]."""
    contour = np.clip(contour, -1, size)
    first, last = (np.clip(edge, 0, size) for edge in (np.floor(contour.min(0)), np.ceil(contour.max(0)) + 1))
    (x0, y0), (x1, y1) = first.astype(int), last.astype(int)
    covered = np.zeros((size, size), np.float32)
    if x1 > x0 and y1 > y0:
        fine = np.zeros(((y1 - y0) * _FINER, (x1 - x0) * _FINER), np.float32)
        cv2.fillPoly(fine, [np.rint((contour - first + 0.5) * _FINER - 0.5).astype(np.int32)], 1.0)
        covered[y0:y1, x0:x1] = cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    return covered
