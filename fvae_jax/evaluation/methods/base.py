"""What every method of the comparison is asked (section 6): the FVAE, the baselines of the paper, copying."""

import numpy as np

from fvae_jax.editing import portrait
from fvae_jax.evaluation.cases import Pair


def warp_crop(crop: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Moves the pixels of a crop, resampled with the Lanczos kernel of photos (4.3).

    Every method that moves pixels uses it, so that they differ in where they take pixels from and not in how sharply
    they read them: one bilinear pass loses a third of the Laplacian variance of a 64-px crop.

    Args:
      crop: (H, W, 3) float32 in [-1, 1].
      displacement: (H, W, 2), px.

    Returns:
      (H, W, 3) float32 in [-1, 1].
    """
    height, width = crop.shape[:2]
    field = np.asarray(displacement, np.float32)
    return np.clip(portrait.warp_region(np.asarray(crop, np.float32), (0, height, 0, width), field), -1, 1)


class Method:
    """One row of the tables. A method answers None to what it cannot do; by default that is everything.

    Attributes:
      name: The label of its row: what really ran.
    """

    name: str

    def flow(self, pair: Pair) -> np.ndarray | None:
        """Tells where each pixel of T lies in S, from what the method may know of T (Table 1), (H, W, 2), px."""

    def reconstruct(self, pair: Pair) -> np.ndarray | None:
        """Makes T from S, by default along `flow`: (H, W, 3) float32 in [-1, 1]."""
        flow = self.flow(pair)
        return None if flow is None else warp_crop(pair.source, flow)

    def edit(self, crop: np.ndarray, source: str, target: str, strength: float) -> np.ndarray | None:
        """Changes the expression of a crop without any target photo (Algorithm 1, Fig. 4).

        Args:
          crop: S, (H, W, 3) float32 in [-1, 1].
          source: The expression to come from.
          target: The expression to go to.
          strength: How far; 1 is all the way, 0 not at all.

        Returns:
          (H, W, 3) float32 in [-1, 1].
        """

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray | None:
        """Makes the frame between two crops of one person (Algorithm 2, Fig. 6).

        Args:
          first: S1, (H, W, 3) float32 in [-1, 1].
          second: S2, likewise.
          t: How far from S1 to S2, in [0, 1].

        Returns:
          (H, W, 3) float32 in [-1, 1].
        """
