"""From pixels to the contents of a photo file."""

import dataclasses
import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from fvae_jax.errors import InputError
from fvae_jax.photo.photo import Photo
from fvae_jax.photo.png import encode_png

_QUALITY = 95
_DESCRIPTION = 0x010E
_LARGEST_JPEG_EXIF = 65533  # bytes


def encode(photo: Photo, suffix: str, metadata: Mapping[str, str]) -> bytes:
    """Encodes a photo in the format of a suffix.

    PNG and TIFF are lossless and keep 16 bits and transparency; JPEG (quality 95, no chroma
    subsampling) and WebP (quality 95) have 8 bits, and JPEG has no transparency. A gray photo stays
    gray, except in WebP. Profile and EXIF are kept; a 16-bit TIFF takes no EXIF.

    Args:
      photo: the photo.
      suffix: one of `ENCODERS`.
      metadata: names and values to note: chunks of text in PNG, the image description elsewhere.

    Returns:
      The contents of the file.

    Raises:
      InputError: the format cannot hold the photo.
    """
    return ENCODERS[suffix](photo, metadata)


def _png(photo: Photo, metadata: Mapping[str, str]) -> bytes:
    planes, profile = _planes(photo)
    return encode_png(planes, icc_profile=profile, exif=photo.exif, text=metadata)


def _jpeg(photo: Photo, metadata: Mapping[str, str]) -> bytes:
    photo = photo.eight_bit()
    if photo.alpha is not None:
        if photo.alpha.min() < 255:
            raise InputError('JPEG has no transparency, which the photo has; write .png, .webp or .tif instead')
        photo = dataclasses.replace(photo, alpha=None)
    _check_side(photo, 65535, 'JPEG')
    return _by_pillow(photo, 'JPEG', metadata, quality=_QUALITY, subsampling=0)


def _webp(photo: Photo, metadata: Mapping[str, str]) -> bytes:
    _check_side(photo, 16383, 'WebP')
    return _by_pillow(photo.eight_bit(), 'WEBP', metadata, quality=_QUALITY, exact=True)


def _tiff(photo: Photo, metadata: Mapping[str, str]) -> bytes:
    if photo.pixels.dtype == np.uint8:
        return _by_pillow(photo, 'TIFF', metadata, compression='tiff_adobe_deflate')
    import tifffile  # Pillow writes no 16-bit color

    planes, profile = _planes(photo, gray_alpha=False)
    is_gray = planes.shape[2] == 1
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        planes[..., 0] if is_gray else planes,
        photometric='minisblack' if is_gray else 'rgb',
        planarconfig=None if is_gray else 'contig',
        extrasamples=None if photo.alpha is None else ['unassalpha'],
        compression='zlib',
        iccprofile=profile,
        description=_describe(None, metadata).encode() or None,
        metadata=None,
        software=False,
    )
    return file.getvalue()


ENCODERS: dict[str, Callable[[Photo, Mapping[str, str]], bytes]] = {
    '.jpg': _jpeg,
    '.jpeg': _jpeg,
    '.png': _png,
    '.webp': _webp,
    '.tif': _tiff,
    '.tiff': _tiff,
}


def _by_pillow(photo: Photo, kind: str, metadata: Mapping[str, str], **options) -> bytes:
    planes, profile = _planes(photo)
    image = Image.fromarray(planes[..., 0] if planes.shape[2] == 1 else planes)
    exif = Image.Exif()
    if photo.exif:
        exif.load(photo.exif)
    if metadata:
        exif[_DESCRIPTION] = _describe(exif.get(_DESCRIPTION), metadata)
    data = exif.tobytes() if len(exif) else b''
    if data and (kind != 'JPEG' or len(data) <= _LARGEST_JPEG_EXIF):
        options['exif'] = data
    if profile:
        options['icc_profile'] = profile
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _planes(photo: Photo, gray_alpha: bool = True) -> tuple[np.ndarray, bytes | None]:
    """(H, W, C) as it is stored, and the profile that goes with it.

    A gray photo is stored as gray unless an edit brought color in, or `gray_alpha` is False and
    it has transparency.
    """
    pixels, profile = photo.pixels, photo.icc_profile
    if photo.was_gray and (gray_alpha or photo.alpha is None) and (pixels[..., :1] == pixels[..., 1:]).all():
        pixels = pixels[..., :1]
    elif profile and profile[16:20] == b'GRAY':
        profile = None  # it does not describe colors
    if photo.alpha is not None:
        pixels = np.concatenate([pixels, photo.alpha[..., None]], axis=2)
    return np.ascontiguousarray(pixels), profile


def _describe(old: str | None, metadata: Mapping[str, str]) -> str:
    notes = [f'{name}: {value}' for name, value in metadata.items()]
    return '; '.join([old, *notes] if old else notes)


def _check_side(photo: Photo, largest: int, kind: str) -> None:
    if max(photo.size) > largest:
        raise InputError(
            f'{kind} holds at most {largest} pixels a side and the photo has '
            f'{photo.size[0]}x{photo.size[1]}; write .png or .tif instead'
        )
