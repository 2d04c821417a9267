"""Face morphing (6.2, [29]), approximated.

Yang et al. (2012, "Face morphing using 3D-aware appearance optimization") fit a 3D face model with separate pose and
expression to both photos, interpolate its geometry, warp both photos by it, and then optimize all frames together, so
that every patch of a frame resembles one of the warped photos and its neighbor frames. Here nothing is
three-dimensional and every frame is made alone: the landmarks' mesh brings the faces together in place of the model,
optical flow between the two warped faces corrects what the mesh leaves, and details are not averaged but taken, band
by band of a Laplacian pyramid (Burt and Adelson, 1983), from the face that shows more of them there. Between two
frontal crops of one person the 3D model has least to add; expect the original to be sharper around teeth, and
steadier over time.
"""

import numpy as np

from fvae_jax.editing import morph
from fvae_jax.evaluation import landmarks as landmarks_lib
from fvae_jax.evaluation.baselines import base, fading, mesh_morph, optical_flow


class FaceMorph(base.Method):
    """Landmarks, then optical flow, then a blend in bands."""

    name = 'face morphing (approximated)'

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Warps by landmarks and flow, then blends; the ends are the crops, bit for bit."""
        points = [landmarks_lib.landmarks(crop) for crop in (first, second)]
        mesh = mesh_morph.mesh_motion(*points, first.shape[:2], t)
        near = fading.meet(first, second, mesh, t)
        forward, backward = optical_flow.estimate(near[1], near[0]), optical_flow.estimate(*near)
        rest = optical_flow.motion_at(*near, forward, backward, t)
        warped = [
            base.warp_crop(crop, optical_flow.compose(share * rest, share * mesh))
            for crop, share in ((first, -t), (second, 1 - t))
        ]
        return np.clip(morph.mix(*warped, np.full((*first.shape[:2], 1), t, np.float32)), -1, 1)
