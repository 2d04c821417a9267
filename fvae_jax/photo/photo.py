"""A photo in memory, with all of its file that an edit must not lose."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Carried:
    """What a file says about its picture, beside profile and EXIF.

    Attributes:
      xmp: The XMP packet, or None.
      extended_xmp: What of it a JPEG stores in segments of their own, as they are.
      iptc: The datasets of IPTC's Information Interchange Model, or None.
      comment: The comment of a JPEG, or None.
      text: Keywords of a PNG and what they say.
      dpi: Pixels per inch across and down, or None.
      credentials: Whether there is a C2PA manifest, which holds for no other pixels.
    """

    xmp: bytes | None = None
    extended_xmp: tuple[bytes, ...] = ()
    iptc: bytes | None = None
    comment: bytes | None = None
    text: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    credentials: bool = False


@dataclasses.dataclass(frozen=True)
class Stored:
    """How a file stores its pixels.

    Attributes:
      format: Pillow's name of it: 'JPEG', 'PNG'.
      content: The whole file, where it came as bytes.
      stamp: What the system says of a file that has not been written since; None for bytes.
      tables: Of quantization, 64 numbers each; empty for other formats than JPEG.
      sampling: Pillow's number for how a JPEG's chroma is sampled, 0 for all of it; -1 for an odd way.
      progressive: Whether a JPEG becomes sharp step by step.
      lossless: Whether a WebP has lost nothing.
    """

    format: str
    content: bytes | None = None
    stamp: tuple[int, ...] | None = None
    tables: Sequence[Sequence[int]] = ()
    sampling: int = -1
    progressive: bool = False
    lossless: bool = False

    def turned(self) -> 'Stored':
        """For the picture turned by 90°: tables across become tables down, and Pillow halves chroma across only."""
        tables = [[table[8 * (i % 8) + i // 8] for i in range(64)] for table in self.tables]
        return dataclasses.replace(self, tables=tables, sampling=0 if self.sampling == 1 else self.sampling)


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
      source: The file; None for a picture from memory.
      carried: What else the file says.
      stored: How the file stores it; None for a picture without a file's bytes.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    was_gray: bool = False
    source: pathlib.Path | None = None
    carried: Carried = Carried()
    stored: Stored | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), px."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def name(self) -> str:
        """What messages call it."""
        return 'the photo' if self.source is None else f"photo '{self.source}'"

    def eight_bit(self) -> 'Photo':
        """The photo with 8 bits per channel, rounded; itself if it has 8."""
        if self.pixels.dtype == np.uint8:
            return self
        alpha = None if self.alpha is None else _to_uint8(self.alpha)
        return dataclasses.replace(self, pixels=_to_uint8(self.pixels), alpha=alpha)


def _to_uint8(values: np.ndarray) -> np.ndarray:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 = 255·257
