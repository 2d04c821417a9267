"""Pictures of flow: direction as hue, length as saturation, white where nothing moves."""

import numpy as np

from fvae_jax.errors import InputError


def flow_to_color(displacement: np.ndarray, max_magnitude: float) -> np.ndarray:
    """Draws a displacement field as colors.

    The maximum is always given, never taken from the field: only then do pictures compare.

    Args:
      displacement: (H, W, 2), pixels, x to the right and y down.
      max_magnitude: length in pixels of a fully saturated color; longer vectors look the same.

    Returns:
      (H, W, 3) uint8 RGB. Right is red, down is yellow-green, left is cyan, up is violet; black
      where the field is not finite.

    Raises:
      InputError: the maximum is not a positive number.
    """
    if not 0 < max_magnitude < np.inf:
        raise InputError(f'max_magnitude is {max_magnitude}; give a positive number of pixels')
    finite = np.isfinite(displacement).all(axis=-1)
    x, y = np.moveaxis(np.where(finite[..., None], displacement, 0).astype(np.float64), -1, 0)
    saturation = np.minimum(np.hypot(x, y) / max_magnitude, 1)
    # The hue circle in sixths, shifted per channel: each of R, G, B is a clipped triangle wave.
    sixths = np.arctan2(y, x)[..., None] * (3 / np.pi) + np.array([0, 4, 2])
    pure = np.clip(np.abs(sixths % 6 - 3) - 1, 0, 1)
    color = 1 - saturation[..., None] * (1 - pure)
    return np.where(finite[..., None], np.rint(255 * color), 0).astype(np.uint8)


def color_wheel(size: int) -> np.ndarray:
    """Draws the legend of `flow_to_color`: each point shows the vector from the center to it.

    (size, size, 3) uint8 RGB, white outside the disc, whose rim is the maximum magnitude.
    """
    offset = np.arange(size) - (size - 1) / 2
    x, y = np.meshgrid(offset, offset)
    inside = np.hypot(x, y) <= size / 2
    return flow_to_color(np.stack([x, y], axis=-1) * inside[..., None], size / 2)
