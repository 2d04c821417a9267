"""What frames a procedural face: backdrop, clothes, neck, ears and hair."""

from typing import NamedTuple

import numpy as np

from fvae_jax.data.drawn.paint import blur, bump, dim, light, mirrored, mix, noise, rgb, step, strands, stroke
from fvae_jax.data.drawn.traits import MIDLINE, Traits


class _Style(NamedTuple):
    """Where hair ends at the sides, how far it stands off the head, how ragged its edge is."""

    length: float
    volume: float
    ragged: float = 0.035
    power: float = 2.5  # of the outline of the bare face; more is boxier
    behind: bool = False  # hair also shows behind the head


_STYLES = {
    'short': _Style(62, 3),
    'swept': _Style(64, 6),
    'fringe': _Style(70, 6, power=3.2),
    'bob': _Style(104, 9, behind=True),
    'long': _Style(160, 8, behind=True),
    'curly': _Style(78, 13, ragged=0.09, behind=True),
    'buzz': _Style(58, 1, ragged=0.03, power=3.2),
    'receding': _Style(60, 2, ragged=0.05, power=3.2),
}


def _volume(traits):
    return _STYLES[traits.hair_style].volume * (0.6 + 0.8 * traits.hair_volume)


def _lit_hair(t, rng, x, y):
    """Lit strands that fall from the parting, (R, R, 3), and the streaks themselves, (R, R)."""
    dx, dy = x - (MIDLINE + t.part_x), y + 14
    radius, angle = np.hypot(dx, dy), np.arctan2(dx, dy)
    if t.hair_style == 'curly':
        streak = noise(rng, x.shape[0], 1.1, 3.2)
        streak = streak + 0.6 * np.sin(1.9 * streak + 2.7 * noise(rng, x.shape[0], 2.5))
        streak = streak / streak.std()
        sheen = 0.30 * bump(x, y, MIDLINE + 30 * t.light_x, 6, 40, 26)
    elif t.hair_style == 'buzz':
        streak = 0.55 * noise(rng, x.shape[0], 0.45, 1.0)
        sheen = 0.15 * bump(x, y, MIDLINE + 30 * t.light_x, 8, 30, 16)
    else:
        wave = 2.5 * t.hair_volume * np.sin(radius / 13 + 5 * t.hair_volume)
        streak = strands(rng, angle * 85 + wave, radius / 17)
        sheen = stroke(radius - 30 - 3 * streak, 9) * (0.39 + 0.26 * np.cos(2 * angle))
        sheen += 0.25 * stroke(radius - 92 - 3 * streak, 16)
    depth = np.exp(0.40 * streak)
    round_off = 0.55 + 0.45 * np.clip(1.25 - (mirrored(x) / (t.half_width + 12)) ** 2, 0, 1)
    side = 1 + 0.25 * np.sign(t.light_x) * (x - MIDLINE) / 64
    color = 0.95 * t.hair_color * (depth * round_off * side)[..., None]
    return color + (sheen * depth)[..., None] * (0.55 * t.hair_color + 0.025), streak


def _hair_behind(t, rng, canvas, x, y):
    a, volume = mirrored(x), _volume(t)
    hair, streak = _lit_hair(t, rng, x, y)
    half = t.half_width + volume + 0.02 * np.clip(y - 50, 0, None) * t.hair_volume
    half = half * np.sqrt(np.clip(1 - (np.clip(45 - y, 0, None) / (58 + volume)) ** 2, 0, 1))
    end = _STYLES[t.hair_style].length - 8 * (a / 60) ** 2 + 1.2 * streak
    return mix(canvas, 0.42 * hair, step(half - a + 0.8 * streak, 2) * step(end - y, 3))


def _neck_and_clothes(t, rng, canvas, x, y):
    """A cylinder in the shadow of the chin, and a collar."""
    a = mirrored(x)
    half = t.neck + 0.006 * np.clip(y - 108, 0, None) ** 2.2
    cylinder = 26 * np.sqrt(np.clip(1 - (a / (half + 0.8)) ** 2, 0, None))
    shade, _ = light(cylinder.astype(np.float32), t)
    side = 0.10 * t.light_x * np.tanh((x - MIDLINE) / 12)
    shade *= 0.34 + 0.40 * step(y - t.chin_y - 10, 22) + side
    shade *= 1 + 0.04 * noise(rng, x.shape[0], 0.7, 2.0)
    neck = t.skin * rgb(0.98, 0.92, 0.90) * shade[..., None]
    canvas = mix(canvas, neck, step(half - a, 1.2) * step(y - 80, 2))
    collar = y - 121 - 4.5 * np.cos(np.clip(a / 32, 0, 1.6)) + 0.08 * np.clip(a - 40, 0, None)
    weave = 0.6 + 0.1 * noise(rng, x.shape[0], 0.6, 1.5) + 0.2 * bump(a, 0, 45, 0, 14, 1)
    return mix(canvas, t.clothes * weave[..., None], step(collar, 1.2))


def _ears(t, canvas, x, y):
    middle = 62.0
    across = mirrored(x) - (t.half_width + 1.2) - 0.10 * (middle - y)
    ear = (across / 5.6) ** 2 + ((y - middle) / 12.5) ** 2
    dome = 5 * np.sqrt(np.clip(1 - ear, 0, None)) - 4 * bump(across, y, 0.3, middle - 1, 2.1, 6)
    dome += 1.6 * stroke(np.sqrt(ear) - 0.62, 0.14)
    shade, _ = light(dome.astype(np.float32), t)
    return mix(canvas, t.skin * rgb(0.80, 0.69, 0.67) * shade[..., None], step(1 - ear, 0.22))


def paint_behind(traits: Traits, rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Paints backdrop, clothes, the hair behind the head, neck and ears."""
    t = traits
    glow = 0.75 + 0.5 * bump(x, y, MIDLINE + 40 * t.light_x, 50, 50, 60)
    canvas = t.backdrop * (glow + 0.012 * noise(rng, x.shape[0], 1.2))[..., None]
    if _STYLES[t.hair_style].behind:
        canvas = _hair_behind(t, rng, canvas, x, y)
    return _ears(t, _neck_and_clothes(t, rng, canvas, x, y), x, y)


def _bare_face(t, streak, x, y):
    """Implicit hairline: below 1 on the bare face, above 1 under the hair."""
    a, style, line = mirrored(x), _STYLES[t.hair_style], t.hairline
    half = t.half_width - 3
    if t.hair_style == 'fringe':
        line = line + 10 + 1.5 * np.cos(x / 7 + 6 * t.hair_volume) + 1.2 * streak
    elif t.hair_style == 'receding':
        line = line - 5 - 6 * stroke(a - 20, 9)
    elif t.hair_style in ('swept', 'bob', 'long'):
        beyond_part = -np.sign(t.part_x) * (x - MIDLINE - t.part_x) / 40
        line = line - 2 + 9 * np.clip(beyond_part, 0, 1) ** 1.5 * (0.4 + 0.6 * t.hair_volume)
    if t.hair_style in ('bob', 'long'):
        half -= 1 + 4 * t.hair_volume
    rise = np.clip((60 - y) / (60 - line), 0, None)
    return (a / half) ** style.power + rise**style.power


def paint_hair(
    traits: Traits, rng: np.random.Generator, canvas: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Paints the hair over the forehead and the sides, with the shadow that it casts on the canvas behind it."""
    t, a, style, volume = traits, mirrored(x), _STYLES[traits.hair_style], _volume(traits)
    hair, streak = _lit_hair(t, rng, x, y)
    bare = _bare_face(t, streak, x, y)
    # Towards the ears, hair that does not fall in front of them lies on the head.
    kept = 0.9 if style.behind else 0.25
    reach = t.half_width + volume * (1 - (1 - kept) * step(y - 44, 36))
    outer = (a / reach) ** 2.2 + (np.clip(45 - y, 0, None) / (52 + volume)) ** 2.2
    if not style.behind:
        outer = np.maximum(outer, a / (t.half_width + 0.3 + 0.35 * np.clip(50 - y, 0, None)))
    ends = style.length + (4 if t.hair_style in ('bob', 'long') else 1.6) * streak
    cover = step(bare - 1 + style.ragged * streak, 0.22 if t.hair_style == 'buzz' else 0.15)
    cover = cover * step(1.03 - outer + 0.02 * streak, 0.05) * step(ends - y, 14)
    shadow = np.clip(blur(cover, 2.2) - cover, 0, 1)
    canvas = dim(canvas, (0.15 if t.hair_style == 'buzz' else 0.50) * shadow)
    return mix(canvas, hair * (0.62 + 0.38 * step(bare - 1.18, 0.4))[..., None], cover)
