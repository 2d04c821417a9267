"""A frame of a film in memory: the film's own bits, of which parts are read as RGB and changed.

Films store brightness (luma) for every pixel and color (chroma) for every second one of both directions. A frame stays
in this form, and what an edit changes is added to it, so that what is not changed keeps its bits.
"""

import dataclasses

import cv2
import numpy as np

Box = tuple[int, int, int, int]  # (y0, y1, x0, x1), px, half open

_BLACK, _GRAY = 16, 128  # luma of black unless it is full, chroma of gray
# The share of red and blue in luma.
_SHARES = {'bt709': (0.2126, 0.0722), 'bt601': (0.299, 0.114), 'bt2020': (0.2627, 0.0593)}


@dataclasses.dataclass(frozen=True)
class Colors:
    """How luma and chroma stand for red, green and blue.

    Attributes:
      matrix: 'bt709', 'bt601' or 'bt2020'.
      full: Whether luma goes from 0 to 255; else from 16 to 235, as in most films.
    """

    matrix: str = 'bt709'
    full: bool = False

    def to_rgb(self) -> np.ndarray:
        """(3, 4) float64: RGB of (Y, U, V, 1), all of 8 bits."""
        inverse = np.linalg.inv(self.from_rgb())
        start = np.array([0 if self.full else _BLACK, _GRAY, _GRAY])
        return np.column_stack([inverse, -inverse @ start])

    def from_rgb(self) -> np.ndarray:
        """(3, 3) float64: differences of (Y, U, V) that belong to differences of RGB."""
        red, blue = _SHARES[self.matrix]
        luma = np.array([red, 1 - red - blue, blue])
        rows = [luma, (np.array([0, 0, 1]) - luma) / (2 - 2 * blue), (np.array([1, 0, 0]) - luma) / (2 - 2 * red)]
        return np.stack(rows) * (np.ones((3, 1)) if self.full else np.array([[219], [224], [224]]) / 255)


@dataclasses.dataclass(frozen=True, eq=False)
class Planes:
    """A frame of a film.

    Attributes:
      luma: (H, W) uint8.
      chroma: Blue and red, (2, ⌈H / 2⌉, ⌈W / 2⌉) uint8.
      colors: What they mean.
    """

    luma: np.ndarray
    chroma: np.ndarray
    colors: Colors = Colors()

    @property
    def shape(self) -> tuple[int, int, int]:
        """That of the frame as RGB."""
        return (*self.luma.shape, 3)

    def layers(self, box: Box) -> list[tuple[np.ndarray, int]]:
        """The planes of a part, (h, w, C) uint8, each with the px between its values.

        Args:
          box: The part, which begins at even coordinates and ends at even ones or at the frame's own end.
        """
        y0, y1, x0, x1 = box
        chroma = cv2.merge([plane[_halved(box)] for plane in self.chroma])
        return [(self.luma[y0:y1, x0:x1, None], 1), (chroma, 2)]

    def lit(self, layers: list[np.ndarray], box: Box, r: np.ndarray, factors: np.ndarray) -> list[np.ndarray]:
        """Multiplies red, green and blue of planes as `layers` gives them by e^(r · factors); r = 0 keeps every bit.

        At the resolution of chroma, which alone becomes another color; luma is multiplied as that of gray is.

        Args:
          layers: The planes.
          box: The part of them that is shaded, as `layers` takes it.
          r: (h, w) float32 of the part.
          factors: (3,) float32.
        """
        luma, chroma = (layer.copy() for layer in layers)
        y0, y1, x0, x1 = box
        part, half = luma[y0:y1, x0:x1, 0], _halved(box)
        size = -(-r.shape[1] // 2), -(-r.shape[0] // 2)
        few_r, few_luma = (cv2.resize(values, size, interpolation=cv2.INTER_AREA) for values in (r, part))
        few = cv2.merge([few_luma, *cv2.split(chroma[half])]).astype(np.float32)
        rgb = cv2.split(cv2.transform(few, self.colors.to_rgb()))
        gained = [color * (cv2.exp(factor * few_r) - 1) for color, factor in zip(rgb, factors)]
        change = cv2.transform(cv2.merge(gained), self.colors.from_rgb()[1:])
        chroma[half] = cv2.add(chroma[half], change, dtype=cv2.CV_8U)
        black = 0 if self.colors.full else _BLACK
        luma_of = self.colors.from_rgb()[0]
        gray = float(luma_of @ factors / luma_of.sum())
        part[...] = cv2.add((part.astype(np.float32) - black) * cv2.exp(gray * r), black, dtype=cv2.CV_8U)
        return [luma, chroma]

    def with_layers(self, box: Box, layers: list[np.ndarray]) -> 'Planes':
        """The frame with other planes in a part, as `layers` gives them."""
        y0, y1, x0, x1 = box
        luma, chroma = self.luma.copy(), self.chroma.copy()
        luma[y0:y1, x0:x1] = layers[0][..., 0]
        for plane, part in zip(chroma, cv2.split(layers[1])):
            plane[_halved(box)] = part
        return dataclasses.replace(self, luma=luma, chroma=chroma)

    def pixels(self, box: Box | None = None) -> np.ndarray:
        """A part of the frame, or all of it, as (h, w, 3) uint8 RGB."""
        y0, y1, x0, x1 = box or (0, self.luma.shape[0], 0, self.luma.shape[1])
        luma, half = self.luma[y0:y1, x0:x1], _halved((y0, y1, x0, x1))
        top, left = y0 % 2, x0 % 2
        larger = [cv2.resize(plane[half], None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR) for plane in self.chroma]
        larger = [plane[top : top + y1 - y0, left : left + x1 - x0] for plane in larger]
        return cv2.transform(cv2.merge([luma, *larger]), self.colors.to_rgb())

    def changed(self, box: Box, before: np.ndarray, after: np.ndarray) -> 'Planes':
        """The frame with a part of it, as `layers` takes it, changed; where nothing does, every bit stays.

        Args:
          box: The part.
          before: What `pixels` says of it, (h, w, 3) uint8.
          after: What it shall be.
        """
        y0, y1, x0, x1 = box
        (luma, _), (chroma, _) = self.layers(box)
        change = cv2.subtract(after, before, dtype=cv2.CV_16S)
        change = cv2.transform(change.astype(np.float32), self.colors.from_rgb())
        luma = cv2.add(luma, change[..., 0], dtype=cv2.CV_8U)
        change = cv2.copyMakeBorder(change, 0, (y1 - y0) % 2, 0, (x1 - x0) % 2, cv2.BORDER_REPLICATE)
        half = cv2.resize(change, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        chroma = cv2.add(chroma, np.ascontiguousarray(half[..., 1:]), dtype=cv2.CV_8U)
        return self.with_layers(box, [luma[..., None], chroma])


def _halved(box: Box) -> tuple[slice, slice]:
    y0, y1, x0, x1 = box
    return slice(y0 // 2, (y1 + 1) // 2), slice(x0 // 2, (x1 + 1) // 2)


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A frame that somebody else's program made, with what an edit asks of `Planes`.

    Attributes:
      rgb: (H, W, 3) uint8.
    """

    rgb: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, 3)."""
        return self.rgb.shape

    @property
    def luma(self) -> np.ndarray:
        """(H, W) uint8, its green."""
        return self.rgb[..., 1]

    def layers(self, box: Box) -> list[tuple[np.ndarray, int]]:
        """The pixels of a part; see `Planes.layers`."""
        return [(self.pixels(box), 1)]

    def lit(self, layers: list[np.ndarray], box: Box, r: np.ndarray, factors: np.ndarray) -> list[np.ndarray]:
        """Pixels with those of a part shaded; see `Planes.lit`."""
        pixels, (y0, y1, x0, x1) = layers[0].copy(), box
        part = pixels[y0:y1, x0:x1]
        for channel, factor in enumerate(factors):
            part[..., channel] = cv2.multiply(part[..., channel], cv2.exp(factor * r), dtype=cv2.CV_8U)
        return [pixels]

    def with_layers(self, box: Box, layers: list[np.ndarray]) -> 'Picture':
        """The frame with other pixels in a part."""
        return self.changed(box, self.pixels(box), *layers)

    def pixels(self, box: Box | None = None) -> np.ndarray:
        """A part of the frame, or all of it."""
        y0, y1, x0, x1 = box or (0, self.rgb.shape[0], 0, self.rgb.shape[1])
        return self.rgb[y0:y1, x0:x1]

    def changed(self, box: Box, before: np.ndarray, after: np.ndarray) -> 'Picture':
        """The frame with other pixels in a part of it."""
        y0, y1, x0, x1 = box
        rgb = self.rgb.copy()
        rgb[y0:y1, x0:x1] = after
        return Picture(rgb)
