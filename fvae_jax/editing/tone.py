"""The tone of a photo of one color, which new content takes: gray, sepia, cyanotype, whatever it was printed in.

In such a photo color depends on brightness alone. Where that holds, new content keeps its brightness and takes the
color that the photo has there; elsewhere it keeps its own.
"""

from typing import NamedTuple

import cv2
import numpy as np

_LUMA = np.float32([0.299, 0.587, 0.114])  # of the coded values, as they are made gray
_LEVELS = 32
_BLUR = 1.5 / 128  # of the crop's side: what JPEG stores of chroma is as coarse
# Of 255, the deviation of a face from the color of its brightness. Sepia is below 2.1 at JPEG's quality 40 and more; of
# 60 studio portraits in color none is below 3.1.
_ONE_COLOR, _COLORED = 2.1, 3.0


class Tone(NamedTuple):
    """Which color goes with which brightness.

    Attributes:
      levels: (n,) float32 in [-1, 1], growing.
      offsets: (n, 3) float32, color less brightness at these levels.
      share: How far the photo is of one color, in (0, 1]; 1 as a rule.
    """

    levels: np.ndarray
    offsets: np.ndarray
    share: float = 1.0

    def at(self, luma: np.ndarray) -> np.ndarray:
        """The offsets at brightnesses of any shape, (…, 3)."""
        return np.stack([np.interp(luma, self.levels, offset) for offset in self.offsets.T], axis=-1)

    def follow(self, colors: np.ndarray) -> np.ndarray:
        """Gives colors, (h, w, 3) float32 in [-1, 1], this tone, as bright as they were."""
        luma = colors @ _LUMA
        toned = np.clip(luma[..., None] + self.at(luma), -1, 1)
        return (self.share * toned + (1 - self.share) * colors).astype(np.float32)


def of(crop: np.ndarray) -> Tone | None:
    """The tone of an aligned face, (S, S, 3), uint8, uint16 or float32 in [-1, 1]; None if it has colors of its own."""
    if (crop == crop[..., :1]).all():
        return Tone(np.float32([0]), np.zeros((1, 3), np.float32))
    if crop.dtype != np.float32:
        crop = crop / np.float32(np.iinfo(crop.dtype).max / 2) - 1
    colors = cv2.GaussianBlur(crop, (0, 0), _BLUR * len(crop)).reshape(-1, 3)
    luma = colors @ _LUMA
    offsets = colors - luma[:, None]
    # Parts with as many pixels each, since some brightnesses are rare.
    parts = np.array_split(np.argsort(luma), _LEVELS)
    levels = np.float32([luma[part].mean() for part in parts])
    middle = np.float32([np.median(offsets[part], axis=0) for part in parts])
    deviation = 127.5 * float(np.sqrt(np.square(offsets - Tone(levels, middle).at(luma)).mean()))
    share = float(np.clip((_COLORED - deviation) / (_COLORED - _ONE_COLOR), 0, 1))
    return Tone(levels, middle, share) if share else None


def between(first: Tone | None, second: Tone | None, t: float) -> Tone | None:
    """The tone of a picture between the first, at t = 0, and the second, at t = 1; None if one has its own colors."""
    if first is None or second is None:
        return None
    levels = np.union1d(first.levels, second.levels)
    return Tone(levels, (1 - t) * first.at(levels) + t * second.at(levels), (1 - t) * first.share + t * second.share)
