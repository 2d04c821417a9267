"""Eyes that an expression had narrowed, and that a warp can only open by stretching what it sees of them.

More of an iris than a photo shows lies beneath the lid. A flow that lifts the lid makes an oval of the rest, and the
face stares. So eyes keep most of what the expression made of them when it goes.
"""

import numpy as np

from fvae_jax.ops import maps
from fvae_jax.ops.frame import Frame

_KEPT = 0.6  # of what an expression made of the eyes
# Half axes of an eye with its lids, across and down, eye distances; shares of them up to which all of that is kept,
# and beyond which nothing.
_LIDS, _FADE = (0.45, 0.3), (0.5, 1.3)


def calmed(displacement: np.ndarray, taken: float, frame: Frame) -> np.ndarray:
    """A displacement, (size, size, 2), that moves eyes less, as far as an expression is taken away, from 0 to 1."""
    if taken <= 0:
        return displacement
    y, x = (np.indices(displacement.shape[:2], np.float32) + 0.5) / len(displacement)
    aside = np.abs(np.abs(x - 0.5) - frame.eye_distance / 2)
    away = np.hypot(aside / _LIDS[0], (y - frame.eye_y) / _LIDS[1]) / frame.eye_distance
    near = 1 - maps.smooth_step(away, *_FADE)
    return displacement * (1 - _KEPT * taken * near)[..., None].astype(np.float32)
