"""Figure 7 (6.4): enlarging the flow keeps the photo's detail, enlarging the output loses it.

Sharpness is the variance of the Laplacian over the face, relative to the source, after halving both pictures by area:
below that scale a photo holds the noise and the sharpening of its camera.
"""

import os
from collections.abc import Mapping

import cv2
import numpy as np

from fvae_jax.editing import morph, portrait, still
from fvae_jax.evaluation.methods.base import warp_crop
from fvae_jax.ops import flow_color, grid, image as image_ops, warp
from fvae_jax.ops.frame import Frame
from fvae_jax.photo import write

SIDE = 512  # px, as in the paper
# What the printed ways must keep of the source's sharpness.
FLOW_KEEPS = (0.95, 1.1)
PIXELS_KEEP_LESS_THAN = 0.5

# The face without hair and background, for `Frame.region`.
_FACE = (-0.529, 1.529, 0.882)
# Of the distance between the eyes: full saturation of the flow's colors.
_FLOW_MAXIMUM = 0.1

# One edit, enlarged in two ways: the output at the model's size, and the source warped once with the enlarged flow;
# (S, S, 3) float32 in [-1, 1] each.
Ways = tuple[np.ndarray, np.ndarray]


def upsample(source: np.ndarray, crop: np.ndarray, displacement: np.ndarray) -> dict[str, Ways]:
    """Applies a displacement of the model's crop to a larger crop, in both ways with two kinds of kernels.

    Args:
      source: The larger crop, (S, S, 3) float32 in [-1, 1].
      crop: The model's crop, (s, s, 3), likewise.
      displacement: (s, s, 2), px of the model's crop.

    Returns:
      'printed', as in 6.4: the flow enlarged bilinearly and pixels read bilinearly (Eq. 5), the output enlarged
      likewise. 'ours', as photos are edited: the flow enlarged by a spline and pixels read with Lanczos's kernel, the
      output enlarged bicubically.
    """
    side, displacement = len(source), np.asarray(displacement, np.float32)

    def enlarged(image: np.ndarray, interpolation: int) -> np.ndarray:
        return np.clip(cv2.resize(image, (side, side), interpolation=interpolation), -1, 1)

    read = lambda image, field: np.asarray(warp.warp_by_displacement(image, field))
    sharp = portrait.warp_region(crop, (0, len(crop), 0, len(crop)), displacement)
    field = portrait.enlarge(displacement, side) * np.float32(side / len(crop))
    return {
        'printed': (
            enlarged(read(crop, displacement), cv2.INTER_LINEAR),
            read(source, warp.upsample_flow(displacement, side, side)),
        ),
        'ours': (enlarged(sharp, cv2.INTER_CUBIC), warp_crop(source, field)),
    }


def sharpness(source: np.ndarray, pictures: dict[str, Ways], frame: Frame) -> dict[str, tuple[float, float]]:
    """What both ways of `upsample`, pixels and flow, keep of the sharpness of the source, by 'printed' and 'ours'."""
    whole = face_sharpness(source, frame)
    return {kind: tuple(face_sharpness(picture, frame) / whole for picture in ways) for kind, ways in pictures.items()}


def face_sharpness(image: np.ndarray, frame: Frame) -> float:
    """Laplacian variance over the face of an aligned crop (S, S, 3), after halving it by area."""
    side = len(image) // 2
    half = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return float(image_ops.laplacian_variance(image_ops.crop_region(half, *frame.region(*_FACE))))


def of_photo(photo: still.EditablePhoto, strengths: Mapping[str, float], side: int, out: str | os.PathLike) -> str:
    """Draws the figure, a PNG, for the main face of a photo in a crop of `side` px, edited by Algorithm 1.

    Returns:
      The numbers, for people.
    """
    editor = photo.model
    (number,) = photo.numbers(None)
    face = photo.encoded(number)
    source, _ = morph.native_crop(photo.photo.pixels, photo.matrix(number), editor.size, side)
    displacement = editor.displacement(face, editor.edited_latent(face, strengths))
    pictures = upsample(source, face.crop, displacement)
    write.write_png(out, draw(source, displacement, pictures, editor.frame))
    lines = ['of the detail of the source, enlarging the output keeps / enlarging the flow keeps']
    low, high = FLOW_KEEPS
    bars = {'printed': f' (expected: under {PIXELS_KEEP_LESS_THAN} / {low} to {high})', 'ours': ''}
    names = {'printed': 'as printed, bilinear', 'ours': 'as photos are edited'}
    for kind, (pixels_keep, flow_keeps) in sharpness(source, pictures, editor.frame).items():
        lines.append(f'{names[kind]:<21} {pixels_keep:.3f} / {flow_keeps:.3f}{bars[kind]}')
    return '\n'.join(lines)


def draw(source: np.ndarray, displacement: np.ndarray, pictures: dict[str, Ways], frame: Frame) -> np.ndarray:
    """Lays out Figure 7, (H, W, 3) uint8 RGB, from what `upsample` was given and what it returned.

    Above source and flow, then the edit enlarged in both ways, as printed and as photos are edited.
    """
    side, size = len(source), len(displacement)
    maximum = _FLOW_MAXIMUM * frame.eye_distance * size
    colors = flow_color.flow_to_color(displacement, maximum)
    colors = cv2.resize(colors, (side, side), interpolation=cv2.INTER_NEAREST)
    labels = [f'source, {side} px', f'flow, {size} px (full color: {maximum:.1f} px of it)']
    rows = [grid.image_grid([[image_ops.to_uint8(source), colors]], labels, scale=1)]
    kernels = {'printed': ('as printed (bilinear)',) * 2, 'ours': ('ours (bicubic)', 'ours (Lanczos)')}
    for kind, (pixels_keep, flow_keeps) in sharpness(source, pictures, frame).items():
        labels = [
            f'{kernels[kind][0]}: output enlarged, keeps {pixels_keep:.2f} of the detail',
            f'{kernels[kind][1]}: flow enlarged, keeps {flow_keeps:.2f}',
        ]
        rows.append(grid.image_grid([list(map(image_ops.to_uint8, pictures[kind]))], labels, scale=1))
    widest = max(row.shape[1] for row in rows)  # labels may be wider than small crops
    white = {'mode': 'constant', 'constant_values': 255}
    return np.concatenate([np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0)), **white) for row in rows])
