"""The morphs of 6.2: by a mesh of triangles that landmarks carry (Wolberg, 1996, [26]), and face morphing ([29])."""

import cv2
import numpy as np
from scipy import spatial

from fvae_jax.editing import morph
from fvae_jax.evaluation import landmarks as landmarks_lib
from fvae_jax.evaluation.methods import base, optical_flow
from fvae_jax.ops.frame import Frame

_FRAME = np.stack(np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5)), axis=-1).reshape(-1, 2)
_FRAME = _FRAME[np.any((_FRAME == 0) | (_FRAME == 1), axis=1)]  # 16 points that do not move


class MeshMorph(base.Method):
    """Both faces are warped to the mesh between theirs, piecewise affine, and faded."""

    name = 'mesh morphing'

    def __init__(self, frame: Frame):
        self._frame = frame

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Warps by landmarks, then fades; the ends are the crops, bit for bit."""
        return base.fade(*base.meet(first, second, self._motion(first, second, t), t), t)

    def _motion(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        points = [landmarks_lib.landmarks(crop, self._frame) for crop in (first, second)]
        return mesh_motion(*points, first.shape[:2], t)


class FaceMorph(MeshMorph):
    """Landmarks, then optical flow, then a blend in bands: Yang et al. (2012), approximated.

    They fit a 3D face model with separate pose and expression to both photos, interpolate its geometry, warp both
    photos by it, and then optimize all frames together, so that every patch of a frame resembles one of the warped
    photos and its neighbor frames. Here nothing is three-dimensional and every frame is made alone: the landmarks'
    mesh brings the faces together in place of the model, optical flow between the two warped faces corrects what the
    mesh leaves, and details are not averaged but taken, band by band of a Laplacian pyramid (Burt and Adelson, 1983),
    from the face that shows more of them there. Between two frontal crops of one person the 3D model has least to
    add; expect the original to be sharper around teeth, and steadier over time.
    """

    name = 'face morphing (approximated)'

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Warps by landmarks and flow, then blends; the ends are the crops, bit for bit."""
        mesh = self._motion(first, second, t)
        near = base.meet(first, second, mesh, t)
        forward, backward = optical_flow.estimate(near[1], near[0]), optical_flow.estimate(*near)
        rest = optical_flow.motion_at(*near, forward, backward, t)
        warped = [
            base.warp_crop(crop, optical_flow.compose(share * rest, share * mesh))
            for crop, share in ((first, -t), (second, 1 - t))
        ]
        return np.clip(morph.mix(*warped, np.full((*first.shape[:2], 1), t, np.float32)), -1, 1)


def mesh_motion(first: np.ndarray, second: np.ndarray, shape: tuple[int, int], t: float) -> np.ndarray:
    """The motion from one face to the other, linear in each triangle of the mesh between them.

    The mesh is Delaunay's of the mean of both faces, corresponding points (n, 2), px, of two crops of a
    shape (height, width), and 16 points of the frame, which stay; t is in [0, 1].

    Returns:
      (height, width, 2) float32, px, on the grid of frame t; see `base.meet`.
    """
    height, width = shape
    frame = _FRAME * [width - 1, height - 1]
    first, second = (np.concatenate([points, frame]) for points in (first, second))
    triangles = spatial.Delaunay((first + second) / 2).simplices
    between = (1 - t) * first + t * second
    corners = between[triangles]

    # Which triangle a pixel lies in: drawn with 1/256 px, borders included, so that none is left out.
    drawn = np.zeros(shape, np.int32)
    for number, corner in enumerate(np.rint(corners * 256).astype(np.int32)):
        cv2.fillConvexPoly(drawn, corner, number, shift=8)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    # Barycentric coordinates. Closed lips make triangles without area, and the drawn ones reach a little outside:
    # neither may extrapolate.
    edges = np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2)
    inverse = np.linalg.pinv(edges)[drawn]
    rest = np.einsum('hwij,hwj->hwi', inverse, grid - corners[drawn, 0])
    weights = np.clip(np.concatenate([1 - rest.sum(axis=-1, keepdims=True), rest], axis=-1), 0, 1)
    weights /= weights.sum(axis=-1, keepdims=True)
    motion = (second - first)[triangles[drawn]]
    return np.einsum('hwi,hwij->hwj', weights, motion).astype(np.float32)
