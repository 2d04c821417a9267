"""A photo in memory, with all of its file that an edit must not lose."""

import dataclasses
import pathlib

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Photo:
    """A photo as it is meant to be seen.

    Attributes:
      pixels: (H, W, 3) uint8 or uint16 RGB, turned upright as EXIF says; three equal channels if
        the file is gray.
      alpha: (H, W) of the same type, or None if the file has no transparency.
      icc_profile: The profile of the colors, or None.
      exif: EXIF data, the orientation set to upright and the thumbnail left out, or None.
      was_gray: Whether the file has one channel of brightness.
      source: The file.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    was_gray: bool = False
    source: pathlib.Path | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), px."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def eight_bit(self) -> 'Photo':
        """The photo with 8 bits per channel, rounded; itself if it has 8."""
        if self.pixels.dtype == np.uint8:
            return self
        alpha = None if self.alpha is None else _to_uint8(self.alpha)
        return dataclasses.replace(self, pixels=_to_uint8(self.pixels), alpha=alpha)


def _to_uint8(values: np.ndarray) -> np.ndarray:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 = 255·257
