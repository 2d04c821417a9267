"""Colors of photos whose profile is not sRGB, as the networks, films and frames have them and back."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

from fvae_jax.photo.photo import Photo

_TOLERANCE = 3  # of 255: profiles that call themselves sRGB differ by less
_MANY = 64  # profiles whose transforms are kept


def to_srgb(pixels: np.ndarray, profile: bytes | None) -> np.ndarray:
    """Converts colors to sRGB.

    Args:
      pixels: (H, W, 3) uint8, or uint16, of which 8 bits are left where there is something to convert.
      profile: That of the photo; one that is damaged, or of gray, counts as sRGB.

    Returns:
      (H, W, 3), `pixels` itself where nothing is to be converted.
    """
    transform = _transforms(profile)
    return pixels if transform is None else _apply(transform[0], pixels)


def from_srgb(colors: np.ndarray, profile: bytes | None) -> np.ndarray:
    """Converts sRGB colors to those of a photo; for the arguments see `to_srgb`.

    Args:
      colors: (h, w, 3) float32 in [-1, 1].
      profile: That of the photo.

    Returns:
      (h, w, 3) float32 in [-1, 1], `colors` itself where nothing is to be converted.
    """
    transform = _transforms(profile)
    if transform is None or not colors.size:
        return colors
    pixels = np.rint((np.clip(colors, -1, 1) + 1) * 127.5).astype(np.uint8)
    # Only the difference that the conversion makes is of 8 bits: smooth colors stay smooth.
    change = _apply(transform[1], pixels).astype(np.float32) - pixels
    return np.clip(colors + change / np.float32(127.5), -1, 1)


def in_srgb(photo: Photo) -> Photo:
    """The photo of 8 bits in sRGB, without its profile: for films and pictures that have none."""
    photo = photo.eight_bit()
    return Photo(to_srgb(photo.pixels, photo.icc_profile), photo.alpha, was_gray=photo.was_gray, source=photo.source)


def _apply(transform: ImageCms.ImageCmsTransform, pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint16:
        pixels = Photo(pixels).eight_bit().pixels
    return np.asarray(ImageCms.applyTransform(Image.fromarray(pixels), transform))


@functools.lru_cache(maxsize=_MANY)
def _transforms(profile: bytes | None) -> tuple[ImageCms.ImageCmsTransform, ImageCms.ImageCmsTransform] | None:
    """To sRGB and from it; None for a profile that is as good as sRGB, or cannot be used."""
    if profile is None or profile[16:20] != b'RGB ':
        return None
    try:
        own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile('sRGB')
        there, back = (
            ImageCms.buildTransform(*pair, 'RGB', 'RGB', ImageCms.Intent.RELATIVE_COLORIMETRIC)
            for pair in ((own, srgb), (srgb, own))
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    every = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    moved = np.abs(_apply(there, every).astype(int) - every).max()
    return None if moved <= _TOLERANCE else (there, back)
