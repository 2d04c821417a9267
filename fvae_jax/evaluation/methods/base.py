"""What every method of the comparison is asked (section 6), and those that move no pixel, copying and cross-fading."""

from collections.abc import Sequence

import numpy as np

from fvae_jax.editing import portrait
from fvae_jax.evaluation.cases import Pair
from fvae_jax.evaluation.tables import Cell, Row


def warp_crop(crop: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Moves the pixels of a crop (H, W, 3) float32 in [-1, 1] by a displacement (H, W, 2), px; returns the like.

    They are resampled with the Lanczos kernel of photos (4.3). Every method that moves pixels uses it, so that they
    differ in where they take pixels from and not in how sharply they read them: one bilinear pass loses a third of the
    Laplacian variance of a 64-px crop.
    """
    height, width = crop.shape[:2]
    field = np.asarray(displacement, np.float32)
    return np.clip(portrait.warp_region(np.asarray(crop, np.float32), (0, height, 0, width), field), -1, 1)


class Method:
    """One row of the tables. A method answers None to what it cannot do; by default that is everything.

    Attributes:
      name: The label of its row: what really ran.
      ours: Whether the tables are about it.
      left_out: Why it takes no part in the contests of Table 1.
    """

    name: str
    ours = False
    left_out = ''

    def row(self, cells: Sequence[Cell] = (), otherwise: str = '') -> Row:
        """Its row in a table of what is made of pairs or edits; without cells a note stands in their place."""
        return Row(self.name, cells, '' if cells else otherwise, self.ours, self.left_out)

    def flow(self, pair: Pair) -> np.ndarray | None:
        """Tells where each pixel of T lies in S, from what the method may know of T (Table 1), (H, W, 2), px."""

    def reconstruct(self, pair: Pair) -> np.ndarray | None:
        """Makes T from S, by default along `flow`: (H, W, 3) float32 in [-1, 1]."""
        flow = self.flow(pair)
        return None if flow is None else warp_crop(pair.source, flow)

    def edit(self, crop: np.ndarray, source: str, target: str, strength: float) -> np.ndarray | None:
        """Changes the expression of a crop without any target photo (Algorithm 1, Fig. 4).

        Args:
          crop: S, (H, W, 3) float32 in [-1, 1], as what is returned.
          source: The expression to come from.
          target: The expression to go to.
          strength: How far; 1 is all the way, 0 not at all.
        """

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray | None:
        """Makes the frame at t in [0, 1] between two crops of one person, S1 and S2 (Algorithm 2, Fig. 6).

        All three are (H, W, 3) float32 in [-1, 1].
        """


class Copy(Method):
    """S as it is, the honest zero of Table 1."""

    name = 'copy'

    def flow(self, pair: Pair) -> np.ndarray:
        """Nothing moves."""
        return np.zeros((*pair.source.shape[:2], 2), np.float32)

    def reconstruct(self, pair: Pair) -> np.ndarray:
        """Returns S."""
        return pair.source


class CrossFade(Method):
    """The weighted mean of both ends (Fig. 6, row 6)."""

    name = 'cross-fade'

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Fades in place; the ends are the crops, bit for bit."""
        return fade(first, second, t)


def fade(first: np.ndarray, second: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """The mean of two images (H, W, 3) float32 by the weight of the second, in [0, 1], a number or (H, W, 1).

    Weights 0 and 1 return the images bit for bit.
    """
    weight = np.asarray(weight, np.float32)
    return (1 - weight) * first + weight * second


def meet(first: np.ndarray, second: np.ndarray, motion: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """Warps both ends, (H, W, 3) float32 in [-1, 1], to the frame at t in [0, 1] between them.

    The motion is (H, W, 2), px (x, y): what frame t shows at p lies at p - t·motion(p) in the first image and at
    p + (1 - t)·motion(p) in the second. At t = 0 the first, at t = 1 the second is unchanged.
    """
    return warp_crop(first, -t * motion), warp_crop(second, (1 - t) * motion)
