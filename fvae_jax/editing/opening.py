"""The outline of a mouth that opens, finer than the pixels that a network tells it in.

Towards its corners an opening is narrower than a pixel of a crop, and its alpha nowhere sure: enlarged, a mouth would
end bluntly before its corners. So its edges are drawn as lines, and led on to where they meet.
"""

from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.ops import lines as lines_lib

_OPEN = 0.5  # alpha from which a pixel belongs to an opening
_ENDS = 0.15  # of the width of an opening: over which its edges are taken for straight on their way to a corner
_FARTHEST = 2.0  # px by which they are led on, at most
_SHARP, _ROUND = 2.5, 5.0  # px: an opening less high than the first at its ends has corners, one higher has none
_FLAT, _TALL = 0.3, 0.55  # heights to a width: the same of openings that are flat, and of tall ones
_BLUNT = 0.5  # of its height there, at the very end of an opening without corners
_STEP, _SMOOTH = 0.25, 0.6  # px between points of the lines, and over which they are smoothed
_SOFT = 0.35  # px over which an edge is seen to end


class Opening(NamedTuple):
    """An opening as two lines.

    Attributes:
      x: Columns of a crop, ascending, from one corner to the other, (n,).
      top: Rows of the upper edge, (n,).
      bottom: Rows of the lower one, (n,).
    """

    x: np.ndarray
    top: np.ndarray
    bottom: np.ndarray

    def alpha(self, x: np.ndarray, y: np.ndarray, pixel: float) -> np.ndarray:
        """How much of pixels is in the opening, float32 in [0, 1].

        They are at columns `x` and rows `y` of the crop, of any shape, and `pixel` px of it wide and high.
        """
        step = self.x[1] - self.x[0]
        rows = [np.interp(x, self.x, edge) for edge in (self.top, self.bottom)]
        steep = [np.interp(x, self.x, np.hypot(1, np.gradient(edge, step))) for edge in (self.top, self.bottom)]
        within = np.minimum.reduce([(y - rows[0]) / steep[0], (rows[1] - y) / steep[1], x - self.x[0], self.x[-1] - x])
        return np.float32(np.clip(within / max(_SOFT, pixel) + 0.5, 0, 1))

    def mask(self, side: int) -> np.ndarray:
        """How much of each pixel of the crop is in the opening, (side, side) float32 in [0, 1]."""
        drawn = np.zeros((side, side), np.float32)
        low, high = np.floor([self.x[0], self.top.min()]) - 2, np.ceil([self.x[-1], self.bottom.max()]) + 3
        (x0, y0), (x1, y1) = (np.clip(corner, 0, side).astype(int) for corner in (low, high))
        y, x = np.mgrid[y0:y1, x0:x1]
        drawn[y0:y1, x0:x1] = self.alpha(x, y, 1.0)
        return drawn


def largest(alpha: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The largest patch of an opening, (size, size) bool, its first column, and how many columns it has."""
    count, patches, about, _ = cv2.connectedComponentsWithStats((alpha > _OPEN).astype(np.uint8))
    if count < 2:
        return patches < 0, 0, 0
    number = 1 + int(np.argmax(about[1:, cv2.CC_STAT_AREA]))
    return patches == number, int(about[number, cv2.CC_STAT_LEFT]), int(about[number, cv2.CC_STAT_WIDTH])


def outline(alpha: np.ndarray) -> Opening | None:
    """The outline of the largest patch of alpha, (size, size) in [0, 1]; None where it is less than three columns."""
    patch, first, width = largest(alpha)
    if width < 3:
        return None
    columns = np.arange(first, first + width)
    top, bottom = edges(alpha, patch, columns)
    inner = max(1, round(_ENDS * width))
    flat = float(np.interp((bottom - top).max() / width, (_FLAT, _TALL), (1, 0)))
    left, right = _end(top, bottom, inner, flat), _end(top[::-1], bottom[::-1], inner, flat)
    x = np.concatenate([[columns[0] - left[0]], columns, [columns[-1] + right[0]]])
    fine = np.arange(x[0], x[-1] + _STEP / 2, _STEP)
    lines = []
    for edge, first_row, last_row in zip((top, bottom), left[1:], right[1:]):
        line = np.interp(fine, x, np.concatenate([[first_row], edge, [last_row]]))
        lines.append(lines_lib.smooth(line, _SMOOTH / _STEP))
    return Opening(fine, *lines)


def _end(top: np.ndarray, bottom: np.ndarray, inner: int, flat: float) -> tuple[float, float, float]:
    """How far before its first column an opening ends, and its edges there, if they go on as they come.

    Edges are rows by column. Column `inner` tells how they come, `flat` from 0 to 1 how far there may be corners.
    """
    height, before = bottom[0] - top[0], bottom[inner] - top[inner]
    closing = (before - height) / inner  # px a column
    sharp = flat * np.interp(height, (_SHARP, _ROUND), (1, 0))
    farthest = _FARTHEST if closing <= 0 else min(height / closing, _FARTHEST)
    far = 0.5 + sharp * max(farthest - 0.5, 0)
    middle = (top + bottom) / 2
    row = middle[0] + sharp * far * (middle[0] - middle[inner]) / inner
    half = (1 - sharp) * _BLUNT * height / 2
    return float(far), float(row - half), float(row + half)


def edges(alpha: np.ndarray, patch: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows, between whole ones, of the upper and of the lower edge of a patch, where alpha is a half, (n,) each.

    Alpha is (h, w) in [0, 1], the patch (h, w) bool; (n,) columns are asked for.
    """
    found = []
    for shows, values in ((patch, alpha), (patch[::-1], alpha[::-1])):
        row = shows[:, columns].argmax(0)
        inside, outside = values[row, columns], values[np.maximum(row - 1, 0), columns]
        found.append(row - np.clip((inside - _OPEN) / np.maximum(inside - outside, 1e-6), 0, 1))
    return found[0], len(alpha) - 1 - found[1]
