"""Who a procedural face is: every number that tells one drawn person from another.

Lengths are in face units: 128 to the width of the crop, x to the right and y down from its top
left corner, so the center of a pixel of a 128-pixel crop is at a half-integer. Features come in
mirrored pairs and are described by their distance from the midline x = 64.
"""

import dataclasses

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


@dataclasses.dataclass(frozen=True)
class Traits:
    """One person; lengths in face units, colors linear light, the rest about 0 to 1 unless said."""

    masculinity: float
    melanin: float
    skin: np.ndarray
    lip_color: np.ndarray
    hair_color: np.ndarray
    brow_color: np.ndarray
    iris_color: np.ndarray
    backdrop: np.ndarray
    clothes: np.ndarray
    # Head.
    half_width: float
    chin_y: float
    jaw: float  # exponent of the outline below the eyes; more is squarer
    cheekbone: float
    chin_cleft: float
    neck: float  # half its width
    # Eyes and brows.
    eye_width: float  # from the center to a corner
    eye_upper: float  # from the center up to the lid
    eye_lower: float
    eye_tilt: float  # how much higher the outer corner is than the center
    iris_radius: float
    lid_crease: float  # height of the fold above the lid
    lashes: float
    brow_y: float
    brow_arch: float
    brow_slope: float
    brow_weight: float
    brow_skew: float
    # Nose and mouth.
    nose_base: float
    nose_width: float  # from the midline to a wing
    nose_height: float
    nose_bridge: float
    mouth_y: float
    mouth_width: float  # from the midline to a corner
    lip_upper: float
    lip_lower: float
    lip_bow: float
    lip_curve: float  # how much higher the corners are than the middle of the lip line
    mouth_skew: float
    teeth: float
    # Skin and hair.
    texture: float
    ruddiness: float
    freckles: float
    wrinkles: float
    shine: float
    beard: str
    hair_style: str
    hairline: float
    hair_volume: float
    part_x: float
    # Direction of the light.
    light_x: float
    light_y: float

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


def draw_traits(rng: np.random.Generator) -> Traits:
    """Draws one person, in whom what goes together in people goes together.

    Beards, brows and jaws; age, gray hair and wrinkles; the colors of skin, hair and eyes.
    """

    def u(low, high):
        return float(rng.uniform(low, high))

    male = u(0, 1) < 0.5
    masculinity = float(np.clip((0.92 if male else 0.08) + rng.normal(0, 0.12), 0, 1))
    age = u(0, 1) ** 1.3
    melanin = u(0, 1) ** 1.15
    skin = _between(_SKIN, melanin) * np.float32([u(0.95, 1.05), 1, u(0.92, 1.06)])
    dark_haired = u(0, 1) < 0.1 + 2.0 * melanin
    shades = (2 if melanin > 0.55 else 3) if dark_haired else len(_HAIR)
    hair = linear_from_srgb(_HAIR[rng.integers(shades)])
    gray = float(np.clip(2.2 * age - 1.3 + u(-0.3, 0.3), 0, 0.9))
    brow = 0.75 * hair + 0.35 * gray * (np.float32(0.25) - hair)
    dark_eyed = melanin > 0.45 or (dark_haired and u(0, 1) < 0.6)
    lips = skin * (np.float32([0.92, 0.50, 0.52]) + np.float32(0.10 * melanin + u(-0.06, 0.06)))
    lips = lips * (1 - (1 - masculinity) * u(0, 0.25) * np.float32([0.2, 1.0, 0.8]))
    return Traits(
        masculinity=masculinity,
        melanin=melanin,
        skin=skin,
        lip_color=lips,
        hair_color=hair + gray * (np.float32(0.42) - hair),
        brow_color=np.minimum(brow, 0.28 * skin),
        iris_color=linear_from_srgb(_IRIS[rng.integers(3 if dark_eyed else len(_IRIS))]),
        backdrop=_between(_BACKDROP, u(0, 1)),
        clothes=_between(_CLOTHES, u(0, 1)),
        half_width=u(42.5, 46.5) + 1.2 * masculinity,
        chin_y=u(116.0, 119.0) + 1.5 * masculinity,
        jaw=u(1.7, 2.1) + 0.5 * masculinity * u(0.2, 1.0),
        cheekbone=u(0, 1),
        chin_cleft=max(0.0, u(-1.2, 1.0)) * masculinity,
        neck=25.0 + 6.0 * masculinity,
        eye_width=u(8.8, 9.9),
        eye_upper=u(3.9, 4.7) - 0.5 * masculinity,
        eye_lower=u(2.7, 3.4),
        eye_tilt=u(-0.5, 1.5),
        iris_radius=u(4.3, 4.7),
        lid_crease=u(1.6, 3.4),
        lashes=float(np.clip(1.0 - 0.75 * masculinity + u(-0.15, 0.15), 0.1, 1.0)),
        brow_y=u(36.8, 39.0) + 1.0 * masculinity,
        brow_arch=u(1.2, 3.4) - 1.0 * masculinity,
        brow_slope=u(-0.6, 1.2),
        brow_weight=u(1.35, 1.75) + 0.55 * masculinity * u(0.3, 1.0),
        brow_skew=u(-0.5, 0.5),
        nose_base=u(77.5, 80.5),
        nose_width=u(9.4, 11.4) + 1.3 * melanin,
        nose_height=u(0.8, 1.15),
        nose_bridge=u(0.75, 1.25),
        mouth_y=u(92.0, 95.0),
        mouth_width=u(15.0, 17.8),
        lip_upper=u(3.3, 4.8) + 0.7 * melanin - 0.6 * masculinity,
        lip_lower=u(4.6, 6.2) + 0.9 * melanin - 0.6 * masculinity,
        lip_bow=u(0.5, 1.2),
        lip_curve=u(0.2, 1.4),
        mouth_skew=u(-0.4, 0.4),
        teeth=u(0.8, 1.0),
        texture=u(0.7, 1.3),
        ruddiness=u(0.2, 1.0),
        freckles=max(0.0, u(-1.6, 1.0)) * (melanin < 0.5),
        wrinkles=float(np.clip(age + u(-0.15, 0.15), 0, 1)),
        shine=u(0.4, 1.0),
        beard=_choose(rng, _BEARDS) if male else 'none',
        hair_style=_choose(rng, _HAIR_OF_MEN if male else _HAIR_OF_WOMEN),
        hairline=u(14.0, 19.0),
        hair_volume=u(0, 1),
        part_x=u(-22, 22),
        light_x=(1 if u(0, 1) < 0.5 else -1) * u(0.15, 0.5),
        light_y=u(-0.55, -0.3),
    )
