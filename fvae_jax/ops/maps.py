"""Maps of an aligned crop as NumPy arrays: moved, and made to steps."""

import cv2
import numpy as np


def smooth_step(values: np.ndarray | float, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """A step from 0 at `low` to 1 at `high`, level at both ends, of any shape; values beyond are as those there."""
    share = ramp(values, low, high)
    return share * share * (3 - 2 * share)


def ramp(values: np.ndarray | float, low: float, high: float) -> np.ndarray:
    """A line from 0 at `low` to 1 at `high`, of any shape; values beyond are as those there."""
    return np.clip((values - low) / (high - low), 0, 1)


def extent(shows: np.ndarray, room: int) -> slice:
    """The rows, or columns, from the first to the last that shows something, (n,) bool, and so many on both sides."""
    found = np.flatnonzero(shows)
    if not found.size:
        return slice(0, 0)
    return slice(max(int(found[0]) - room, 0), min(int(found[-1]) + room + 1, len(shows)))


def moved(values: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Reads a map bilinearly at every pixel's place plus a displacement, px, (x, y); outside of it is 0.

    Args:
      values: (h, w) or (h, w, C) float32.
      displacement: (h, w, 2) float32.
    """
    y, x = np.indices(displacement.shape[:2], np.float32)
    return cv2.remap(values, x + displacement[..., 0], y + displacement[..., 1], cv2.INTER_LINEAR)
