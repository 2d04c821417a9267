"""How the skin of a procedural face moves in the six Multi-PIE expressions.

Expressions are sums of facial action units (numbered as in Ekman and Friesen's coding system), and an action unit is a
sum of smooth pulls on the neutral skin. Every point of the skin travels along a straight line, by its full displacement
at strength 1, so frames between are scaled motion and nothing else.

The skin is cut along the line between the lips and is described as two sheets, each smooth everywhere: 'upper' (all
that is above the cut) and 'lower' (all below). They agree away from the mouth.
"""

import cv2
import numpy as np

from fvae_jax.data.drawn.paint import bump, grid
from fvae_jax.data.drawn.traits import EYE_X, EYE_Y, MIDLINE, UNITS, Traits

EXPRESSIONS = ('neutral', 'smile', 'surprise', 'squint', 'disgust', 'scream')
SHEETS = ('upper', 'lower')

# Activation of the action units. 1, 2: brow raisers, 4: brow lowerer, 5: upper lid raiser, 6: cheek
# raiser, 7: lid tightener, 9: nose wrinkler, 10: upper lip raiser, 12: lip corner puller, 15: lip
# corner depressor, 17: chin raiser, 18: lip pucker, 20: lip stretcher, 27: jaw drop.
_RECIPES = {
    'neutral': {},
    'smile': {6: 0.9, 12: 1.0},
    'surprise': {1: 1.0, 2: 1.0, 5: 1.0, 18: 0.75, 27: 0.85},
    'squint': {4: 0.75, 6: 0.45, 7: 1.0, 12: 0.12},
    'disgust': {4: 0.6, 6: 0.7, 7: 0.55, 9: 1.0, 10: 1.0, 15: 0.6, 17: 0.7},
    'scream': {4: 0.9, 6: 0.6, 7: 0.75, 9: 0.5, 10: 0.5, 20: 1.0, 27: 1.25},
}
# How far the middles of the upper and of the lower lip part beyond that, face units, and how round the opening is.
_PARTING = {'smile': (3.3, 1.6, 3), 'surprise': (4.2, 6.4, 4), 'disgust': (2.6, 0.3, 2), 'scream': (8.0, 8.0, 4)}
# How far the jaw goes down at strength 1 and gain 1, face units.
_JAW_DROP = {name: 9.0 * units.get(27, 0.0) for name, units in _RECIPES.items()}
_TABLE = 2 * int(UNITS)  # texels across a tabulated displacement
_SOLVED = int(UNITS)  # points across an inverted one
_ITERATIONS = 30


def _pulls(t):
    """Action unit → its pulls, mirrored: (from the midline, y, σx, σy, outward, down)."""
    up, low, corner = EYE_Y - t.eye_upper, EYE_Y + t.eye_lower, t.mouth_width
    return {
        1: [(11, t.brow_y - 3, 8.5, 6, 0, -4.6)],
        2: [(29, t.brow_y - 3, 9, 6, 0.3, -4.4)],
        4: [(11, t.brow_y, 9, 6.5, -1.9, 3.0), (27, t.brow_y, 9, 6.5, -0.6, 1.4)],
        5: [(EYE_X, up, 6.5, 3.2, 0, -1.3), (EYE_X, low, 7, 3.2, 0, 0.5)],
        6: [(26, 66, 10, 8, 0.8, -2.6), (EYE_X, low + 0.5, 7.5, 3.4, 0, -1.2)],
        7: [(EYE_X, up, 7.5, 3.1, 0, 2.0), (EYE_X, low, 7.5, 3.2, 0, -1.0)],
        9: [(8, t.nose_base - 5, 7, 7.5, 0.8, -2.6), (9, t.brow_y + 3, 7, 6, -0.7, 1.3)],
        10: [(10, t.mouth_y - 6, 7, 6.5, 0.6, -3.3)],
        12: [
            (corner, t.mouth_y, 9, 8.5, 4.6, -5.9),
            (24, t.mouth_y - 14, 8, 8, 1.8, -1.6),
            (10, t.nose_base - 3, 5, 5, 0.8, -0.5),
        ],
        15: [(corner, t.mouth_y, 6.5, 6.5, 0.6, 2.8)],
        17: [(5, t.chin_y - 10, 9, 7, 0, -1.6)],
        18: [(corner, t.mouth_y, 7.5, 10, -4.2, 0)],
        20: [(corner, t.mouth_y + 1, 9, 10, 2.6, 0.8)],
        27: [(30, t.mouth_y + 4, 9, 13, -1.5, 0)],
    }


class Motion:
    """How one person moves: as everybody, but more or less strongly."""

    def __init__(self, traits: Traits, rng: np.random.Generator):
        self._traits = traits
        self._gains = {}  # of the left and the right half of the face, 0.85 to 1.15, by expression
        for expression in EXPRESSIONS:
            middle, skew = rng.uniform(0.91, 1.09), rng.uniform(-0.055, 0.055)
            self._gains[expression] = (middle - skew, middle + skew)
        self._tables = {}

    def jaw_drop(self, expression: str, strength: float) -> float:
        """How far the jaw has gone down, face units."""
        return strength * np.mean(self._gains[expression]) * _JAW_DROP[expression]

    def forward(self, expression: str, sheet: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Where skin of one of the `SHEETS` goes at strength 1: p ↦ p + displacement.

        At places x, y, (...) float32, on the neutral face it is (..., 2) float32 (x, y), all in face units.
        """
        side = x - MIDLINE
        dx, dy = np.zeros_like(side), np.zeros_like(side)
        pulls = _pulls(self._traits)
        for unit, amount in _RECIPES[expression].items():
            for away, cy, sx, sy, outward, down in pulls[unit]:
                right, left = bump(side, y, away, cy, sx, sy), bump(side, y, -away, cy, sx, sy)
                dx += amount * outward * (right - left)
                dy += amount * down * (right + left)
        hinge = 0.5 * (1 + np.tanh((y - self._traits.mouth_y - 2) / 11)) * np.exp(-0.5 * (side / 31) ** 2)
        dy += _JAW_DROP[expression] * hinge
        if expression in _PARTING:
            up, down, roundness = _PARTING[expression]
            # Squared, so that the two sheets part smoothly at the corners.
            apart = np.clip(1 - np.abs(side / self._traits.mouth_width) ** roundness, 0, None) ** 2
            over = self._traits.lip_line(x) - y
            if sheet == 'upper':
                dy -= up * apart * np.exp(-0.5 * (np.clip(over, 0, None) / 8.5) ** 2)
            else:
                dy += down * apart * np.exp(-0.5 * (np.clip(-over, 0, None) / 10) ** 2)
        left, right = self._gains[expression]
        gain = 0.5 * (right + left) + 0.5 * (right - left) * np.tanh(side / 12)
        return np.stack([dx * gain, dy * gain], -1).astype(np.float32)

    def backward(self, expression: str, sheet: str, strength: float) -> np.ndarray:
        """Solves q + strength · forward(q) = p for the skin q that is seen at p.

        The fixed point q ← p − strength · forward(q) contracts, because no pull folds the skin. Returned is
        (128, 128, 2) float32 q − p, face units, on `grid(128)`.
        """
        key = expression, sheet
        if key not in self._tables:
            self._tables[key] = self.forward(*key, *grid(_TABLE))
        x, y = grid(_SOLVED)
        scale = np.float32(_TABLE / UNITS)
        qx, qy = x, y
        for _ in range(_ITERATIONS):
            places = qx * scale - 0.5, qy * scale - 0.5
            moved = cv2.remap(self._tables[key], *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            qx, qy = x - strength * moved[..., 0], y - strength * moved[..., 1]
        return np.stack([qx - x, qy - y], -1)

    def lip_edges(self, expression: str, strength: float, columns: np.ndarray) -> list[np.ndarray]:
        """Heights of the edges of the upper and of the lower lip at given columns, face units."""
        ends = MIDLINE - self._traits.mouth_width, MIDLINE + self._traits.mouth_width
        x = np.linspace(*ends, 129, dtype=np.float32)
        line = self._traits.lip_line(x)
        edges = []
        for sheet in SHEETS:
            moved = strength * self.forward(expression, sheet, x, line)
            edges.append(np.interp(columns, x + moved[:, 0], line + moved[:, 1]).astype(np.float32))
        return edges
