"""One procedural face: a person with six expressions at any strength, and the true displacement.

A face is drawn once, neutral, at four times the wanted size. An expression moves the skin of that
drawing (`expressions`) over the eyeballs, which stay, and over the inside of the mouth, whose lower
half goes with the jaw; the result is averaged down. So where a picture shows something that the
neutral one shows, out(p) = neutral(p + displacement(p)), and everywhere else it is exposed.
"""

import cv2
import numpy as np

from fvae_jax.data.drawn.expressions import SHEETS, Motion
from fvae_jax.data.drawn.hair import paint_behind, paint_hair
from fvae_jax.data.drawn.insides import paint_eyes, paint_mouth
from fvae_jax.data.drawn.paint import grid, mix, step
from fvae_jax.data.drawn.skin import paint_skin
from fvae_jax.data.drawn.traits import UNITS, Traits

_SUPERSAMPLING = 4


class DrawnFace:
    """One person, ready to be drawn with any expression in pictures `size` px wide and high.

    The seed of a set, and which person of it, say alone who it is.
    """

    def __init__(self, seed: int, index: int, size: int):
        rng = np.random.default_rng([seed, index])
        self.size = size
        self.traits = Traits(rng)
        self.motion = Motion(self.traits, rng)
        x, y = grid(_SUPERSAMPLING * size)
        skin, outline = paint_skin(self.traits, rng, x, y)
        head = mix(paint_behind(self.traits, rng, x, y), skin, step(1 - outline, 0.02))
        self._surface = np.float32(paint_hair(self.traits, rng, head, x, y))
        self._eyes = paint_eyes(self.traits, rng, x, y)

    def _skin_positions(self, expression, strength, x, y):
        """What is seen at the points of a `grid`.

        Returns:
          q (H, W, 2), its place on the neutral face, face units, in the open mouth a point of the
          line between the lips; mouth (H, W) bool, the open mouth; eye (H, W), how far inside the
          eye openings, face units.
        """
        sheets = []
        for sheet in SHEETS:
            back = self.motion.backward(expression, sheet, strength)
            back = cv2.resize(back, x.shape[::-1], interpolation=cv2.INTER_CUBIC)
            sheets.append((x + back[..., 0], y + back[..., 1]))
        (upper_x, upper_y), (lower_x, lower_y) = sheets
        above = upper_y <= self.traits.lip_line(upper_x)
        mouth = ~above & (lower_y < self.traits.lip_line(lower_x))
        between = 0.5 * (upper_x + lower_x)
        qx = np.where(above, upper_x, np.where(mouth, between, lower_x))
        qy = np.where(above, upper_y, np.where(mouth, self.traits.lip_line(between), lower_y))
        return np.stack([qx, qy], -1), mouth, self.traits.eye_opening(qx, qy)

    def image(self, expression: str, strength: float) -> np.ndarray:
        """Draws the face, (size, size, 3) uint8 RGB; strength 0 is neutral, 1 the full expression."""
        x, y = grid(_SUPERSAMPLING * self.size)
        q, mouth, eye = self._skin_positions(expression, strength, x, y)
        q = q * np.float32(len(x) / UNITS) - 0.5
        picture = cv2.remap(self._surface, q[..., 0], q[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        picture = mix(picture, self._eyes, step(eye, 0.45))
        if mouth.any():
            rows, columns = np.flatnonzero(mouth.any(1)), np.flatnonzero(mouth.any(0))
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            edges = self.motion.lip_edges(expression, strength, x[0, box[1]])
            inside = paint_mouth(self.traits, x[box], y[box], self.motion.jaw_drop(expression, strength), *edges)
            picture[box] = np.where(mouth[box][..., None], inside, picture[box])
        picture = cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA)
        # Linear light to sRGB, with a shoulder that keeps highlights from clipping.
        picture = np.clip(picture, 0, None)
        picture = np.where(picture < 0.6, picture, 0.6 + 0.4 * np.tanh((picture - 0.6) / 0.4))
        return np.rint(255 * picture ** (1 / 2.2)).astype(np.uint8)

    def displacement(self, expression: str, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """The true backward motion of the picture that `image` draws.

        Returns:
          displacement (size, size, 2) float32, px (x, y), from pixel centers to what the neutral
          picture has of them; in the open mouth, to the line between the lips. exposed (size, size)
          bool, pixels that show what the neutral face hides: the inside of the mouth, the eyeball
          under the lids.
        """
        x, y = grid(self.size)
        q, mouth, eye = self._skin_positions(expression, strength, x, y)
        back = q - np.stack([x, y], -1)
        back[eye > 0] = 0
        exposed = mouth | ((eye > 0) & (self.traits.eye_opening(x, y) <= 0))
        return back * np.float32(self.size / UNITS), exposed
