"""What moves no pixel, copying and cross-fading (6.2), and the two warps between which every morph fades."""

import numpy as np

from fvae_jax.evaluation import cases
from fvae_jax.evaluation.methods import base


class Copy(base.Method):
    """S as it is, the honest zero of Table 1."""

    name = 'copy'

    def flow(self, pair: cases.Pair) -> np.ndarray:
        """Nothing moves."""
        return np.zeros((*pair.source.shape[:2], 2), np.float32)

    def reconstruct(self, pair: cases.Pair) -> np.ndarray:
        """Returns S."""
        return pair.source


class CrossFade(base.Method):
    """The weighted mean of both ends (Fig. 6, row 6)."""

    name = 'cross-fade'

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Fades in place; the ends are the crops, bit for bit."""
        return fade(first, second, t)


def fade(first: np.ndarray, second: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """The mean of two images; weights 0 and 1 return them bit for bit.

    Args:
      first: (H, W, 3) float32.
      second: Likewise.
      weight: Of the second, in [0, 1]; a number, or (H, W, 1).
    """
    weight = np.asarray(weight, np.float32)
    return (1 - weight) * first + weight * second


def meet(first: np.ndarray, second: np.ndarray, motion: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """Warps both ends to the frame at t.

    Args:
      first: (H, W, 3) float32 in [-1, 1].
      second: Likewise.
      motion: (H, W, 2), px (x, y): what frame t shows at p lies at p - t·motion(p) in the first image and at
        p + (1 - t)·motion(p) in the second.
      t: How far from the first to the second, in [0, 1].

    Returns:
      Both images in the shape of frame t; at t = 0 the first, at t = 1 the second is unchanged.
    """
    return base.warp_crop(first, -t * motion), base.warp_crop(second, (1 - t) * motion)
