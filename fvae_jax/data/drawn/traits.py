"""Who a procedural face is: every number that tells one drawn person from another.

Lengths are in face units: 128 to the width of the crop, x to the right and y down from its top
left corner, so the center of a pixel of a 128-pixel crop is at a half-integer. Features come in
mirrored pairs and are described by their distance from the midline x = 64.
"""

import numpy as np

UNITS = 128.0
MIDLINE = 64.0
EYE_X = 0.17 * UNITS  # distance of the eye centers from the midline: 0.33 and 0.67 across
EYE_Y = 0.40 * UNITS


def _palette(colors: str) -> np.ndarray:
    return np.array([list(bytes.fromhex(color)) for color in colors.split()])


# sRGB, dark to light or the other way; people are drawn between neighbors or at one of them.
_SKIN = _palette('f7d7c4 f0c8ae e4b692 d09c74 b07a56 8d5c3f 6a4430 503428')
_HAIR = _palette('1a1514 2e1f18 4a2f1f 6c482a 9e7242 c6a068 8e4020')
_IRIS = _palette('422818 5c3a20 765a30 5c6e46 567a94 7e929e')
_BACKDROP = _palette('a8b0b8 788696 c4beb4 8c9688 5e626e bcaaa0 96a8b4')
_CLOTHES = _palette('323c5a 782e2e dcdad4 3c5442 28282c 968264 5a466e')

_BEARDS = {'none': 0.46, 'stubble': 0.22, 'moustache': 0.08, 'goatee': 0.10, 'full': 0.14}
_HAIR_OF_MEN = {'short': 0.30, 'swept': 0.24, 'buzz': 0.14, 'receding': 0.10, 'curly': 0.10, 'fringe': 0.12}
_HAIR_OF_WOMEN = {'bob': 0.24, 'long': 0.32, 'fringe': 0.20, 'swept': 0.12, 'curly': 0.12}


def linear_from_srgb(color: np.ndarray) -> np.ndarray:
    """Turns sRGB levels in [0, 255] into linear light in [0, 1] (plain 2.2 gamma)."""
    return (np.asarray(color, np.float32) / 255) ** 2.2


def _between(palette, position):
    """Color at a fractional `position` in [0, 1] along a palette, in linear light."""
    place = position * (len(palette) - 1)
    low = min(int(place), len(palette) - 2)
    return linear_from_srgb(palette[low] + (place - low) * (palette[low + 1] - palette[low]))


def _choose(rng, weights):
    share = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=share / share.sum()))


class Traits:
    """One person, in whom what goes together in people goes together.

    Beards, brows and jaws; age, gray hair and wrinkles; the colors of skin, hair and eyes. Lengths are in face units,
    colors are linear light, (3,) float32, the rest is about 0 to 1 unless said.
    """

    def __init__(self, rng: np.random.Generator):
        """Draws the person."""

        def u(low, high):
            return float(rng.uniform(low, high))

        male = u(0, 1) < 0.5
        self.masculinity = masculinity = float(np.clip((0.92 if male else 0.08) + rng.normal(0, 0.12), 0, 1))
        age = u(0, 1) ** 1.3
        self.melanin = melanin = u(0, 1) ** 1.15
        self.skin = skin = _between(_SKIN, melanin) * np.float32([u(0.95, 1.05), 1, u(0.92, 1.06)])
        dark_haired = u(0, 1) < 0.1 + 2.0 * melanin
        shades = (2 if melanin > 0.55 else 3) if dark_haired else len(_HAIR)
        hair = linear_from_srgb(_HAIR[rng.integers(shades)])
        gray = float(np.clip(2.2 * age - 1.3 + u(-0.3, 0.3), 0, 0.9))
        self.hair_color = hair + gray * (np.float32(0.42) - hair)
        self.brow_color = np.minimum(0.75 * hair + 0.35 * gray * (np.float32(0.25) - hair), 0.28 * skin)
        dark_eyed = melanin > 0.45 or (dark_haired and u(0, 1) < 0.6)
        lips = skin * (np.float32([0.92, 0.50, 0.52]) + np.float32(0.10 * melanin + u(-0.06, 0.06)))
        self.lip_color = lips * (1 - (1 - masculinity) * u(0, 0.25) * np.float32([0.2, 1.0, 0.8]))
        self.iris_color = linear_from_srgb(_IRIS[rng.integers(3 if dark_eyed else len(_IRIS))])
        self.backdrop = _between(_BACKDROP, u(0, 1))
        self.clothes = _between(_CLOTHES, u(0, 1))
        # Head.
        self.half_width = u(42.5, 46.5) + 1.2 * masculinity
        self.chin_y = u(116.0, 119.0) + 1.5 * masculinity
        # Exponent of the outline below the eyes; more is squarer.
        self.jaw = u(1.7, 2.1) + 0.5 * masculinity * u(0.2, 1.0)
        self.cheekbone = u(0, 1)
        self.chin_cleft = max(0.0, u(-1.2, 1.0)) * masculinity
        self.neck = 25.0 + 6.0 * masculinity  # half its width
        # Eyes and brows.
        self.eye_width = u(8.8, 9.9)  # from the center to a corner
        self.eye_upper = u(3.9, 4.7) - 0.5 * masculinity  # from the center up to the lid
        self.eye_lower = u(2.7, 3.4)
        self.eye_tilt = u(-0.5, 1.5)  # how much higher the outer corner is than the center
        self.iris_radius = u(4.3, 4.7)
        self.lid_crease = u(1.6, 3.4)  # height of the fold above the lid
        self.lashes = float(np.clip(1.0 - 0.75 * masculinity + u(-0.15, 0.15), 0.1, 1.0))
        self.brow_y = u(36.8, 39.0) + 1.0 * masculinity
        self.brow_arch = u(1.2, 3.4) - 1.0 * masculinity
        self.brow_slope = u(-0.6, 1.2)
        self.brow_weight = u(1.35, 1.75) + 0.55 * masculinity * u(0.3, 1.0)
        self.brow_skew = u(-0.5, 0.5)
        # Nose and mouth.
        self.nose_base = u(77.5, 80.5)
        self.nose_width = u(9.4, 11.4) + 1.3 * melanin  # from the midline to a wing
        self.nose_height = u(0.8, 1.15)
        self.nose_bridge = u(0.75, 1.25)
        self.mouth_y = u(92.0, 95.0)
        self.mouth_width = u(15.0, 17.8)  # from the midline to a corner
        self.lip_upper = u(3.3, 4.8) + 0.7 * melanin - 0.6 * masculinity
        self.lip_lower = u(4.6, 6.2) + 0.9 * melanin - 0.6 * masculinity
        self.lip_bow = u(0.5, 1.2)
        self.lip_curve = u(0.2, 1.4)  # how much higher the corners are than the middle of the lip line
        self.mouth_skew = u(-0.4, 0.4)
        self.teeth = u(0.8, 1.0)
        # Skin and hair.
        self.texture = u(0.7, 1.3)
        self.ruddiness = u(0.2, 1.0)
        self.freckles = max(0.0, u(-1.6, 1.0)) * (melanin < 0.5)
        self.wrinkles = float(np.clip(age + u(-0.15, 0.15), 0, 1))
        self.shine = u(0.4, 1.0)
        self.beard = _choose(rng, _BEARDS) if male else 'none'
        self.hair_style = _choose(rng, _HAIR_OF_MEN if male else _HAIR_OF_WOMEN)
        self.hairline = u(14.0, 19.0)
        self.hair_volume = u(0, 1)
        self.part_x = u(-22, 22)
        # Direction of the light.
        self.light_x = (1 if u(0, 1) < 0.5 else -1) * u(0.15, 0.5)
        self.light_y = u(-0.55, -0.3)

    def eye_opening(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far points are inside the neutral eye openings, positive inside, in face units."""
        along = np.abs(x - MIDLINE) - EYE_X
        t = along / self.eye_width
        height = y - EYE_Y + self.eye_tilt * t
        # The upper lid peaks a little towards the nose, the lower one away from it.
        upper = self.eye_upper * (1 - np.abs(t) ** 2.3) * (1 - 0.16 * t)
        lower = self.eye_lower * (1 - t**2) * (1 + 0.20 * t)
        return np.minimum(height + upper, lower - height)

    def lip_line(self, x: np.ndarray) -> np.ndarray:
        """Height of the line between the closed lips at `x`, in face units."""
        s = (x - MIDLINE) / self.mouth_width
        wave = np.exp(-((s / 0.16) ** 2)) - np.exp(-(((np.abs(s) - 0.42) / 0.2) ** 2))
        line = self.mouth_skew * s - self.lip_curve * np.minimum(s**2, 1.6)
        return (self.mouth_y + line + 0.40 * self.lip_bow * wave).astype(np.float32)
