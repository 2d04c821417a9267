"""The shape of a procedural face: outline, lips and height towards the viewer."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from fvae_jax.data.drawn.paint import bump, mirrored, step, stroke
from fvae_jax.data.drawn.traits import EYE_X, EYE_Y, Traits

_HEAD_MIDDLE = 54.0
_HEAD_TOP = -8.0


def head_outline(traits: Traits, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Implicit outline of the head: 0 in the middle, 1 on the outline, more outside."""
    across = mirrored(x) / traits.half_width
    down = np.clip((y - _HEAD_MIDDLE) / (traits.chin_y - _HEAD_MIDDLE), 0, None)
    up = np.clip((_HEAD_MIDDLE - y) / (_HEAD_MIDDLE - _HEAD_TOP), 0, None)
    return across**2.15 + down**traits.jaw + up**2.2


def lip_masks(traits: Traits, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage in [0, 1] of the upper and of the lower lip."""
    s = np.clip(mirrored(x) / traits.mouth_width, 0, 1.3)
    over = traits.lip_line(x) - y
    inside = np.clip(1 - s**2, 0, None)
    bow = (1 - 0.30 * traits.lip_bow * stroke(s, 0.13)) * (1 + 0.12 * stroke(s - 0.22, 0.13))
    top = traits.lip_upper * inside**0.85 * bow
    bottom = traits.lip_lower * inside**0.75 * (1 - 0.10 * s)
    upper = step(top - over, 0.9) * step(over, 0.4) * (s < 1)
    lower = step(bottom + over, 1.3) * step(-over, 0.4) * (s < 1)
    return upper, lower


def _nose(t, a, y):
    """A ridge whose height and width change on the way down, a tip and wings."""
    base = t.nose_base
    rows = (38, 45, 50, 60, base - 9, base - 5, base - 2.8, base - 0.6, base + 1.8, base + 6)
    bridge = t.nose_bridge
    heights = np.array((0, 0.9, 1.8 * bridge, 4.9 * bridge, 8.0, 9.6, 9.0, 5.6, 2.0, 0))
    widths = np.array((6.0, 4.6, 3.9, 4.0, 4.6, 5.2, 5.3, 5.5, 6.0, 7.0))
    # Seen from the front the base is an arc.
    level = y + 0.020 * np.clip(a, 0, 10) ** 2 * step(y - base + 14, 12)
    height = PchipInterpolator(rows, heights * t.nose_height)(np.clip(level, rows[0], rows[-1]))
    width = np.interp(y[:, :1], rows, widths * (0.55 + 0.045 * t.nose_width))
    z = height * np.exp(-0.5 * (a / width) ** 2.2)
    z += 2.6 * t.nose_height * bump(a, y, 0, base - 5, 4.2, 3.4)
    z += 4.2 * bump(a, y, t.nose_width * 0.78, base - 3.2, 2.5, 2.9)
    return z - 1.0 * bump(a, y, t.nose_width * 1.12, base - 3.5, 1.2, 3.2)


def _eye_region(t, a, y):
    """Brow ridge, sockets, eyeballs under the lids and the bags below."""
    z = (0.8 + 1.6 * t.masculinity) * bump(a, y, 17, t.brow_y + 2, 12, 3.6)
    z -= 4.6 * bump(a, y, EYE_X - 1, EYE_Y - 3, 11, 6)
    z -= 2.6 * bump(a, y, 10.6, 49.5, 3.6, 5)
    z += 3.6 * bump(a, y, EYE_X, EYE_Y - 0.2, 8.6, 5)
    bag = EYE_Y + 9.5 - 0.04 * (a - EYE_X) ** 2
    return z - (0.5 + 1.1 * t.wrinkles) * bump(a, y, EYE_X - 3, bag, 7, 1.7)


def _cheeks_and_chin(t, a, y):
    z = (1.2 + 2.4 * t.cheekbone) * bump(a, y, 28, 66, 10, 8)
    z -= (0.4 + 2.0 * t.cheekbone * t.masculinity) * bump(a, y, 31, 86, 8, 11)
    z += 3.2 * bump(a, y, 0, t.mouth_y, 17, 11)
    fold = t.nose_width + 2.2 + 0.42 * (y - t.nose_base + 2)
    z -= (0.5 + 1.2 * t.wrinkles) * bump(a, y, fold, t.nose_base + 7, 1.7, 7)
    z += 3.0 * bump(a, y, 0, t.chin_y - 7, 9.5, 5.5)
    z -= 1.0 * t.chin_cleft * bump(a, y, 0, t.chin_y - 6, 1.2, 3)
    return z - 1.7 * bump(a, y, 0, t.mouth_y + t.lip_lower + 3.6, 10, 2.2)


def _lips(t, x, y):
    """Lips that roll towards the line between them, philtrum and dimples at the corners."""
    a, over, middle = mirrored(x), t.lip_line(x) - y, (t.nose_base + t.mouth_y) / 2
    upper = over > 0
    roll = np.abs(over) / np.where(upper, t.lip_upper, t.lip_lower)
    fullness = np.clip(1 - (2 * roll - 0.95) ** 2, 0, None)
    fullness = fullness * np.clip(1 - (a / t.mouth_width) ** 2, 0, None) ** 0.7
    z = np.where(upper, 1.1, 1.9) * fullness
    z -= 0.7 * bump(a, y, 0, middle - 2.2, 1.5, 3.6)
    z += 0.4 * bump(a, y, 2.7, middle - 1.8, 1.1, 3.4)
    return z - 1.3 * bump(a, y, t.mouth_width + 0.6, t.lip_line(x) + 0.4, 1.7, 1.9)


def relief(traits: Traits, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the face towards the viewer, (R, R) float32, face units."""
    a = mirrored(x)
    z = 50 * np.sqrt(np.clip(1 - head_outline(traits, x, y), 0, None))
    z = z + _nose(traits, a, y) + _eye_region(traits, a, y) + _cheeks_and_chin(traits, a, y)
    return (z + _lips(traits, x, y)).astype(np.float32)
