"""The head of a procedural face: its height towards the viewer; complexion, lips, wrinkles, lids, brows and beard."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from fvae_jax.data.drawn.paint import bump, dim, light, mirrored, mix, noise, rgb, step, strands, stroke
from fvae_jax.data.drawn.traits import EYE_X, EYE_Y, MIDLINE, Traits

_HEAD_MIDDLE = 54.0
_HEAD_TOP = -8.0


def _head_outline(t, x, y):
    """Implicit outline of the head: 0 in the middle, 1 on the outline, more outside."""
    across = mirrored(x) / t.half_width
    down = np.clip((y - _HEAD_MIDDLE) / (t.chin_y - _HEAD_MIDDLE), 0, None)
    up = np.clip((_HEAD_MIDDLE - y) / (_HEAD_MIDDLE - _HEAD_TOP), 0, None)
    return across**2.15 + down**t.jaw + up**2.2


def _lip_masks(t, x, y):
    """Coverage in [0, 1] of the upper and of the lower lip."""
    s = np.clip(mirrored(x) / t.mouth_width, 0, 1.3)
    over = t.lip_line(x) - y
    inside = np.clip(1 - s**2, 0, None)
    bow = (1 - 0.30 * t.lip_bow * stroke(s, 0.13)) * (1 + 0.12 * stroke(s - 0.22, 0.13))
    top = t.lip_upper * inside**0.85 * bow
    bottom = t.lip_lower * inside**0.75 * (1 - 0.10 * s)
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


def _relief(t, x, y):
    """Height of the face towards the viewer, (R, R) float32, face units."""
    a = mirrored(x)
    z = 50 * np.sqrt(np.clip(1 - _head_outline(t, x, y), 0, None))
    z = z + _nose(t, a, y) + _eye_region(t, a, y) + _cheeks_and_chin(t, a, y)
    return (z + _lips(t, x, y)).astype(np.float32)


def _complexion(t, rng, x, y):
    """Color of the skin with its texture, (R, R, 3), before light."""
    a, resolution = mirrored(x), x.shape[0]
    blotch = noise(rng, resolution, 5.0)
    mottle = noise(rng, resolution, 1.3, 3.0)
    pores = noise(rng, resolution, 0.62, 1.5) * (0.75 + 0.5 * bump(a, y, 14, 68, 16, 12))
    depth = t.texture * (1 + 0.35 * t.melanin)
    tone = 1 + depth * (0.030 * blotch + 0.024 * mottle + 0.042 * pores)
    red = 0.55 * bump(a, y, 26, 70, 11, 9) + 0.6 * bump(a, y, 0, t.nose_base - 5, 8, 5)
    red = t.ruddiness * (red + 0.25 * bump(a, y, 0, t.chin_y - 7, 10, 6)) + 0.10 * mottle
    red += 0.35 * bump(a, y, EYE_X - 3, EYE_Y + 5, 10, 3) * (0.5 + t.wrinkles)
    blush = rgb(0.05, -0.16, -0.15) * np.float32(1 - 0.45 * t.melanin)
    color = t.skin * (tone[..., None] * (1 + red[..., None] * blush))
    if t.freckles:
        spots = noise(rng, resolution, 0.5, 1.3) - 2.2 + 1.2 * bump(a, y, 16, 66, 20, 11)
        color = mix(color, t.skin * rgb(0.58, 0.42, 0.34), 0.65 * t.freckles * step(spots, 0.9))
    for _ in range(rng.integers(4)):  # moles
        cx, cy = MIDLINE + rng.uniform(-34, 34), rng.uniform(56, 108)
        color = mix(color, t.skin * 0.30, 0.85 * bump(x, y, cx, cy, 0.75, 0.7))
    return color


def _wrinkles(t, x, y):
    """Depth of the folds, (R, R): every face has faint ones, which expressions squeeze."""
    a, w = mirrored(x), t.wrinkles
    beside_mouth = t.nose_width + 2 + 0.55 * (y - t.nose_base + 4) - 0.006 * (y - t.nose_base) ** 2
    depth = (0.16 + 0.40 * w) * stroke(a - beside_mouth, 0.95)
    depth = depth * bump(0, y, 0, t.nose_base + 6, 1, 6.5)
    for k, row in enumerate((23.5, 27.5, 31.5)):  # forehead
        line = row + 0.8 * np.sin(0.11 * x + 1.7 * k + 9 * t.ruddiness) - 1.3 * np.cos(a / 17)
        depth += (0.05 + 0.24 * w) * stroke(y - line, 0.75) * bump(a, 0, 0, 0, 17 - 2 * k, 1)
    between_brows = 5 + 0.10 * (y - 38)
    depth += (0.08 + 0.26 * w) * stroke(a - between_brows, 0.75) * bump(0, y, 0, 40.5, 1, 3.2)
    bridge = 47 + 0.02 * a * a
    depth += (0.03 + 0.12 * w) * stroke(y - bridge, 0.7) * bump(a, 0, 0, 0, 4, 1)
    corner = EYE_X + t.eye_width
    for slope in (-0.38, 0.02, 0.42):  # crow's feet
        line = EYE_Y - t.eye_tilt + slope * (a - corner)
        depth += (0.04 + 0.30 * w) * stroke(y - line, 0.62) * bump(a, 0, corner + 4.2, 0, 2.4, 1)
    bag = EYE_Y + 7.6 - 0.035 * (a - EYE_X + 1) ** 2
    return depth + (0.09 + 0.28 * w) * stroke(y - bag, 0.85) * bump(a, 0, EYE_X - 2.5, 0, 5.5, 1)


def _shadows(t, skin, x, y):
    """Nostrils, the crease around the wings, what nose and lip shade, the line between the lips."""
    a, base = mirrored(x), t.nose_base
    nostril = bump(a, y, t.nose_width * 0.46, base - 1.0 + 0.10 * (a - 4), 2.0, 0.95)
    skin = dim(skin, 0.86 * np.clip(1.25 * nostril, 0, 1) ** 1.4)
    around_wing = np.hypot(a - t.nose_width * 0.72, (y - base + 3.4) * 0.95) - t.nose_width * 0.36
    wing = stroke(around_wing, 0.6) * step(a - t.nose_width * 0.78, 2) * step(y - base + 6.8, 3)
    skin = dim(dim(skin, 0.42 * wing), 0.24 * bump(a, y, 0, base + 1.4, 6.5, 1.6))
    s = a / t.mouth_width
    line = stroke(t.lip_line(x) - y, 0.40 + 0.30 * s * s) * step(1.06 - s, 0.14)
    skin = mix(skin, t.lip_color * rgb(0.20, 0.10, 0.10), 0.86 * line)
    return dim(skin, 0.30 * bump(a, y, 0, t.mouth_y + t.lip_lower + 2.2, 8.5, 1.6))


def _beard(t, rng, skin, diffuse, x, y):
    a = mirrored(x)
    level = 83 + 7 * stroke(a - 22, 9.0) - 0.035 * np.clip(a - 25, 0, None) ** 2
    jaw = step(y - level, 7) * step(1.06 - _head_outline(t, x, y), 0.2)
    middle = (t.nose_base + t.mouth_y) / 2 + 0.02 * a**2
    moustache = step(1 - (a / 16.5) ** 2 - ((y - middle) / 5.2) ** 4, 0.5)
    goatee = step(1 - (a / 13.5) ** 4 - ((y - t.mouth_y - 13) / 13.5) ** 4, 0.8)
    goatee = goatee * step(y - t.mouth_y, 3)
    where = {'moustache': moustache, 'goatee': np.maximum(moustache, goatee)}.get(t.beard, np.maximum(jaw, moustache))
    upper, lower = _lip_masks(t, x, y)
    where = where * np.clip(1 - upper - lower - bump(a, y, 0, t.nose_base, 6, 2), 0, 1)
    if t.beard in ('none', 'stubble'):
        dots = np.clip(0.72 + 0.22 * noise(rng, x.shape[0], 0.35, 0.8), 0, 1)
        amount = (0.08 if t.beard == 'none' else 0.62) * (1 - 0.4 * t.melanin)
        return mix(skin, 0.5 * t.brow_color + 0.18 * t.skin, amount * where * dots)
    hairs = strands(rng, a * 2 + 7 * np.sin(y / 9), y * 0.22 + (x > MIDLINE) * 40)
    color = t.hair_color * (diffuse * np.exp(0.40 * hairs))[..., None]
    return mix(skin, color, 0.93 * step(where - 0.5 + 0.07 * hairs, 0.9))


def _lids(t, skin, x, y):
    """Hollows around the eyes, folds of the lids and lashes."""
    a, depth = mirrored(x), t.eye_opening(x, y)
    corner = EYE_X + t.eye_width
    hollow = (
        0.20 * bump(a, y, EYE_X + 1, EYE_Y - 3.4, 12, 5.5)
        + 0.46 * bump(a, y, corner - 0.3, EYE_Y - 0.3, 3.2, 2.6)
        + 0.34 * bump(a, y, corner + 3.5, EYE_Y - 3, 4, 5)
        + 0.16 * bump(a, y, EYE_X + 3, EYE_Y + 4.4, 6, 1.6)
    )
    skin = dim(skin, hollow, (0.85, 1, 1))
    along = np.clip(1 - ((a - EYE_X) / (t.eye_width * 1.12)) ** 2, 0, None)
    above = step(EYE_Y - t.eye_tilt * (a - EYE_X) / t.eye_width - y, 1.5)
    below = 1 - above
    crease = stroke(depth + t.lid_crease + 0.6, 0.75) * above * along**0.5
    skin = dim(skin, 0.52 * crease, (0.85, 1, 1))
    lid = step(-depth, 0.8) * step(depth + t.lid_crease, 1.2) * above * along**0.5
    skin = dim(skin, (0.10 + 0.25 * t.lashes) * lid, (0.8, 1, 0.9))
    rim = stroke(depth + 0.55, 0.55) * below * along**0.4
    skin = mix(skin, skin * rgb(1.15, 0.85, 0.82), 0.6 * rim)
    upper = stroke(np.clip(depth + 0.10, None, 0), 0.45 + 0.45 * t.lashes) * above * along**0.25
    wing = t.lashes * bump(a, y, corner + 0.5, EYE_Y - t.eye_tilt - 0.7, 1.5, 0.8)
    lashes = np.clip((0.72 + 0.28 * t.lashes) * upper + 0.7 * wing, 0, 1)
    lower = stroke(depth + 0.25, 0.40) * below * along**0.3
    return dim(mix(skin, rgb(0.012, 0.010, 0.010), lashes), 0.70 * (0.30 + 0.35 * t.lashes) * lower)


def _brows(t, rng, skin, x, y):
    a = mirrored(x)
    s = (a - 8.5) / 25  # 0 at the inner end, 1 at the outer
    middle = t.brow_y - 1.8 * t.brow_slope * (s - 0.3) + t.brow_skew * np.sign(x - MIDLINE)
    middle = middle - t.brow_arch * np.sin(2.3 * np.clip(s, 0, 1.2))
    middle = middle + 5 * np.clip(s - 0.55, 0, None) ** 1.6
    taper = 0.55 + 0.75 * np.clip(s / 0.25, 0, 1) - 0.85 * np.clip((s - 0.45) / 0.6, 0, 1)
    off = (y - middle) / np.clip(t.brow_weight * taper, 0.3, None)
    lean = 0.8 - 1.6 * np.clip(s, 0, 1)
    hairs = strands(rng, 3 * (0.95 * a + lean * (y - middle)), 0.12 * y + (x > MIDLINE) * 60)
    cover = step(1 + 0.22 * hairs - np.abs(off), 1.7) * step(s + 0.03, 0.25) * step(1.04 - s, 0.25)
    color = np.clip(t.brow_color * (1 + 0.30 * hairs[..., None]), 0.004, 1)
    return mix(skin, color, 0.88 * cover)


def paint_skin(traits: Traits, rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Paints the lit head without hair, the eye openings as plain lids and the mouth shut.

    Returns:
      color (R, R, 3) linear light; outline (R, R), 0 inside the head to above 1 outside.
    """
    t, a = traits, mirrored(x)
    diffuse, glint = light(_relief(t, x, y), t)
    skin = _complexion(t, rng, x, y)
    upper, lower = _lip_masks(t, x, y)
    lips = t.lip_color * (1 + 0.10 * strands(rng, x * 1.5, y * 0.10)[..., None])
    skin = mix(mix(skin, 0.84 * lips, 0.85 * upper), lips, 0.85 * lower)
    # Light that went through skin is redder, so its shadows are.
    skin = skin * diffuse[..., None] ** rgb(0.94, 1.04, 1.08)
    oily = 0.4 + 0.6 * bump(a, y, 0, 52, 16, 30) + 0.3 * bump(a, y, 27, 64, 8, 6)
    gloss = t.shine * (0.085 * glint**22 + 0.10 * glint**60) * oily + 0.10 * lower * glint**40
    skin = skin + gloss[..., None]
    skin = skin * np.exp(-1.25 * _wrinkles(t, x, y))[..., None] ** rgb(0.8, 1.0, 1.05)
    skin = _shadows(t, skin, x, y)
    if t.masculinity > 0.5:
        skin = _beard(t, rng, skin, diffuse, x, y)
    skin = _brows(t, rng, _lids(t, skin, x, y), x, y)
    return skin.astype(np.float32), _head_outline(t, x, y)
