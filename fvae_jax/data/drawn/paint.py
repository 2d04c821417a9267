"""Brushes for procedural faces: soft shapes, noise, strands and light on float32 arrays."""

from collections.abc import Sequence

import cv2
import numpy as np

from fvae_jax.data.drawn.traits import MIDLINE, UNITS, Traits

Values = np.ndarray | float  # one number, or one for each pixel

_NOISE = 256  # texels across a sheet of noise, fixed so that skin is the same at every size


def rgb(*levels: float) -> np.ndarray:
    """A color, or a factor per channel, (3,) float32."""
    return np.array(levels, np.float32)


def bump(x: Values, y: Values, cx: Values, cy: Values, sx: Values, sy: Values) -> np.ndarray:
    """Gaussian hill of height 1 at (cx, cy), sx and sy wide."""
    return np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))


def stroke(distance: Values, width: Values) -> np.ndarray:
    """Cross-section of a soft line: 1 at distance 0, 1/e at `width`."""
    return np.exp(-((distance / width) ** 2))


def step(distance: Values, width: Values) -> np.ndarray:
    """Soft step from 0 to 1 around distance 0, `width` long."""
    t = np.clip(distance / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def mix(below: np.ndarray, above: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lays the color or image `above` over the image `below` where `alpha` (H, W) says."""
    return below + alpha[..., None] * (above - below)


def dim(image: np.ndarray, amount: np.ndarray, hue: Sequence[float] = (1, 1, 1)) -> np.ndarray:
    """Takes the share `amount` (H, W) of the light away, of each channel by its `hue`."""
    return image * (1 - amount[..., None] * rgb(*hue))


def mirrored(x: Values) -> np.ndarray:
    """Distance from the midline, face units."""
    return np.abs(x - MIDLINE)


def grid(resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x, y of the pixel centers of a `resolution` square canvas, face units."""
    axis = (np.arange(resolution, dtype=np.float32) + 0.5) * np.float32(UNITS / resolution)
    return np.meshgrid(axis, axis)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of a square canvas, `sigma` in face units; wide ones work on a small copy."""
    resolution = image.shape[0]
    small, pixels = image, sigma * resolution / UNITS
    if pixels >= 6:
        small, pixels = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA), sigma / 2
    small = cv2.GaussianBlur(small, (0, 0), pixels, borderType=cv2.BORDER_REPLICATE)
    if small.shape == image.shape:
        return small
    return cv2.resize(small, (resolution, resolution), interpolation=cv2.INTER_CUBIC)


def noise(rng: np.random.Generator, resolution: int, fine: float, coarse: float | None = None) -> np.ndarray:
    """Noise of unit deviation without detail below `fine` or above `coarse` face units, if any.

    These are the deviations of the Gaussian that takes out finer detail and of the one that is subtracted. It is
    (resolution, resolution) float32, and the pattern does not depend on the resolution, px.
    """
    white = rng.standard_normal((_NOISE, _NOISE), dtype=np.float32)
    sheet = blur(white, fine)
    if coarse is not None:
        sheet = sheet - blur(white, coarse)
    sheet = (sheet - sheet.mean()) / sheet.std()
    return cv2.resize(sheet, (resolution, resolution), interpolation=cv2.INTER_CUBIC)


def strands(rng: np.random.Generator, across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Streaks of unit deviation, float32, at coordinates across and along them, of any shape.

    There is one streak per unit across, period 256; it lives for about one unit along, period 128.
    """
    white = rng.standard_normal((128, 256), dtype=np.float32)
    sheet = cv2.GaussianBlur(white, (0, 0), 0.7, sigmaY=1.0, borderType=cv2.BORDER_REFLECT)
    wide = cv2.GaussianBlur(white, (0, 0), 3.0, sigmaY=1.5, borderType=cv2.BORDER_REFLECT)
    sheet = sheet / sheet.std() + 0.8 * wide / wide.std()
    across, along = (np.float32(c % period) for c, period in ((across, 256), (along, 128)))
    return cv2.remap(sheet / sheet.std(), across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def light(height: np.ndarray, traits: Traits) -> tuple[np.ndarray, np.ndarray]:
    """Lights a height map with a key light from where the traits say, a fill light and the sky, with soft occlusion.

    The height is (R, R) float32 towards the viewer, face units.

    Returns:
      diffuse (R, R), about 1 where the key light hits; glint (R, R) in [0, 1], the cosine that
      highlights are powers of.
    """
    dy, dx = np.gradient(height, np.float32(UNITS / height.shape[0]))
    z = 1 / np.sqrt(1 + dx * dx + dy * dy)
    nx, ny = -dx * z, -dy * z
    key = rgb(traits.light_x, traits.light_y, 0.85)
    key /= np.linalg.norm(key)
    half = key + rgb(0, 0, 1)
    half /= np.linalg.norm(half)
    facing = nx * key[0] + ny * key[1] + z * key[2]
    fill = np.clip(-0.6 * np.sign(key[0]) * nx + 0.8 * z, 0, None)
    sky = (0.55 - 0.35 * ny) * (0.4 + 0.6 * z)
    hollow = 0.26 * np.clip(blur(height, 2.2) - height, 0, None)
    hollow += 0.05 * np.clip(blur(height, 7.0) - height, 0, None)
    diffuse = 0.84 * np.clip((facing + 0.12) / 1.12, 0, None) + 0.14 * fill + 0.34 * sky
    glint = np.clip(nx * half[0] + ny * half[1] + z * half[2], 0, None)
    return diffuse * np.exp(-hollow), glint
