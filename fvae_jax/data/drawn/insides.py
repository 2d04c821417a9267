"""What skin hides: the eyeballs under the lids and the mouth behind the lips."""

import numpy as np

from fvae_jax.data.drawn.paint import bump, dim, mirrored, mix, rgb, step, strands, stroke
from fvae_jax.data.drawn.traits import EYE_X, EYE_Y, MIDLINE, Traits

# Distances of the gaps between teeth from the midline, and lengths of the teeth, face units.
_GAPS = np.array([0.0, 4.3, 7.6, 10.9, 13.6, 15.9, 17.8], np.float32)
_LENGTHS = np.array([6.6, 6.0, 6.6, 5.8, 5.3, 4.8], np.float32)


def paint_eyes(traits: Traits, rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Paints both eyeballs as they are behind the neutral lids; meaningful near the eyes only."""
    t, a = traits, mirrored(x)
    out, dx, dy = a - EYE_X, (a - EYE_X) * np.sign(x - MIDLINE), y - EYE_Y + 0.7
    ball = np.clip(1 - (out / 13) ** 2 - (dy / 14) ** 2, 0, 1)
    corner = np.clip(np.abs(out - 0.6) / t.eye_width - 0.50, 0, 1)
    white = dim(rgb(0.54, 0.49, 0.46) * (0.10 + 0.95 * ball[..., None]), corner, (0.75, 1.1, 1.1))
    tear = bump(a, y, EYE_X - t.eye_width + 0.9, EYE_Y + t.eye_tilt, 1.2, 1.0)
    white = mix(white, t.skin * rgb(0.85, 0.45, 0.42), 0.8 * tear)
    radius, angle = np.hypot(dx, dy) / t.iris_radius, np.arctan2(dy, dx)
    fiber = strands(rng, angle * 14 + 90 * (x > MIDLINE), radius * 1.6)
    bright = 0.75 + 0.55 * stroke(radius - 0.58, 0.2) + 0.30 * dy / t.iris_radius
    bright = bright * (1 + 0.24 * fiber) * (1 - 0.78 * step(radius - 0.88, 0.30))
    iris = np.clip(t.iris_color * bright[..., None], 0.003, 1)
    eye = mix(white, iris, step(1 - radius, 0.16))
    eye = mix(eye, rgb(0.006, 0.005, 0.005), step(0.40 - radius, 0.12))
    # The shadow of the upper lid stays with the ball: only skin moves.
    eye = dim(eye, 0.45 * step(-0.55 * t.eye_upper - dy, 0.9 * t.eye_upper))
    glint = 0.95 * np.clip(1.4 * bump(dx, dy, 4.2 * t.light_x, -1.75, 0.80, 0.85) - 0.15, 0, 1)
    return (eye + (glint + 0.07 * bump(dx, dy, -1.4, 1.7, 1.3, 0.8))[..., None]).astype(np.float32)


def _lay_teeth(canvas, across, below_gum, enamel, gums, lengths):
    """Lays a row of teeth over the canvas; `below_gum` is the way from the gum to the edge."""
    a = np.abs(across)
    tooth = np.clip(np.searchsorted(_GAPS, a, side='right') - 1, 0, len(_LENGTHS) - 1)
    s = 2 * (a - _GAPS[tooth]) / (_GAPS[tooth + 1] - _GAPS[tooth]) - 1
    length = lengths[tooth] * (1 - 0.10 * np.abs(s) ** 3)
    shade = (1 - 0.13 * s * s) * np.clip(1.03 - 0.0028 * a * a, 0.15, 1)
    shade = shade * (0.90 + 0.14 * below_gum / length) * (1 - 0.55 * step(np.abs(s) - 0.97, 0.12))
    row = mix(enamel * shade[..., None], gums, step(0.6 + 0.9 * s * s - below_gum, 0.6))
    cover = step(length - below_gum, 0.5) * step(16.6 - a, 1) * step(below_gum + 3, 0.5)
    return mix(canvas, row, cover)


def paint_mouth(
    traits: Traits, x: np.ndarray, y: np.ndarray, jaw_drop: float, top: np.ndarray, bottom: np.ndarray
) -> np.ndarray:
    """Paints the inside of the mouth: cavity, tongue, the teeth of the skull and of the jaw.

    The places are a part of the canvas, (h, w). The lower teeth and the tongue have gone down by `jaw_drop`; `top` and
    `bottom`, (w,), are the heights of the edges of the lips, for their shadows; all in face units.
    """
    across, middle = x - MIDLINE, traits.mouth_y
    depth = 0.35 + 1.2 * stroke(y - middle - 9 - 0.6 * jaw_drop, 7)
    inside = rgb(0.075, 0.013, 0.012) * depth[..., None]
    tongue_y = middle + 5.2 + 0.78 * jaw_drop + 0.012 * across**2
    tongue = step(y - tongue_y + 0.4, 2.2) * step(13 - np.abs(across), 3) * min(1.0, jaw_drop / 5)
    round_off = stroke(y - tongue_y - 3.2, 4.6) * (1 - 0.35 * stroke(across, 1.1))
    inside = mix(inside, rgb(0.36, 0.09, 0.085) * (0.22 + 0.8 * round_off[..., None]), tongue)
    enamel, gums = traits.teeth * rgb(0.66, 0.60, 0.50), rgb(0.40, 0.12, 0.11)
    # With the jaw closed the edges of the lower teeth are behind the upper ones.
    lower = middle + 6.6 + 0.92 * jaw_drop - 0.008 * across**2 - y
    inside = _lay_teeth(inside, across * 1.28, lower, 0.80 * enamel, 0.7 * gums, 0.78 * _LENGTHS)
    upper = y - middle + 4.6 + 0.010 * across**2
    inside = _lay_teeth(inside, across, upper, enamel, gums, _LENGTHS)
    shadow = 1 - 0.62 * np.exp(-np.clip(y - top, 0, None) / 1.3)
    shadow = shadow * (1 - 0.30 * np.exp(-np.clip(bottom - y, 0, None) / 1.2))
    shadow = shadow * (0.45 + 0.55 * np.clip((bottom - top) / 3, 0, 1))
    return (inside * shadow[..., None]).astype(np.float32)
