"""Drawn mouths in aligned crops of 512 px: skin, two lips, teeth between them, and where those end."""

import cv2
import numpy as np

from fvae_jax.ops.frame import WIDE

SIDE = 512
_COLORS = (205, 165, 145), (172, 92, 98), (226, 220, 205)  # skin, lips, teeth


def drawn(rng, wide=None, open_=None):
    """A mouth somewhere near where mouths are, (SIDE, SIDE, 3) uint8, and its contour, (20, 2) px.

    Args:
      rng: For its place, its colors and its noise, and what is not given.
      wide: Its width, eye distances.
      open_: How far it is open, likewise.
    """
    unit = WIDE.eye_distance * SIDE
    wide = rng.uniform(0.8, 1.1) if wide is None else wide
    open_ = rng.uniform(0.1, 0.25) if open_ is None else open_
    x, y = SIDE / 2 + rng.normal(0, 0.03) * unit, (WIDE.eye_y + (1.12 + rng.normal(0, 0.04)) * WIDE.eye_distance) * SIDE
    place = np.linspace(-1, 1, 11)
    bow = 1 - place**2
    droop = rng.uniform(-0.02, 0.06) * unit * bow

    def lines(above, below):
        top, bottom = y + droop - above * unit * bow, y + droop + below * unit * bow
        across = x + place * wide / 2 * unit
        return np.stack([np.r_[across, across[-2:0:-1]], np.r_[top, bottom[-2:0:-1]]], -1)

    contour, outer = lines(0.3 * open_, 0.7 * open_), lines(0.3 * open_ + 0.09, 0.7 * open_ + 0.13)
    image = np.ones((SIDE, SIDE, 3), np.float32) * (np.array(_COLORS[0]) + rng.normal(0, 8, 3))
    for points, color in ((outer, _COLORS[1]), (contour, _COLORS[2])):
        covered = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(covered, [np.rint(16 * points).astype(np.int32)], 255, cv2.LINE_AA, 4)
        covered = cv2.GaussianBlur(covered, (0, 0), 0.7)[..., None] / np.float32(255)
        image = (1 - covered) * image + covered * (np.array(color) + rng.normal(0, 6, 3))
    image += cv2.GaussianBlur(rng.normal(0, 8, image.shape).astype(np.float32), (0, 0), 1.2)
    return np.uint8(np.clip(np.rint(image), 0, 255)), contour
