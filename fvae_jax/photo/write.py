"""Writing photos and pictures: their formats, what each keeps, and PNG files."""

import dataclasses
import io
import os
import struct
import zlib
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from fvae_jax.errors import InputError
from fvae_jax.photo import output
from fvae_jax.photo.photo import Photo

_QUALITY = 95
_DESCRIPTION = 0x010E
_LARGEST_JPEG_EXIF = 65533  # bytes

_PNG_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: gray, gray + alpha, RGB, RGBA
_SUB = 1  # the filter that stores differences from the pixel on the left


def write_photo(
    path: str | os.PathLike, photo: Photo, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a photo in the format of its suffix.

    PNG and TIFF are lossless and keep 16 bits and transparency; JPEG (quality 95, no chroma
    subsampling) and WebP (quality 95) have 8 bits, and JPEG has no transparency. A gray photo stays
    gray, except in WebP. Profile and EXIF are kept; a 16-bit TIFF takes no EXIF.

    Args:
      path: A file with one of the suffixes `ENCODERS`.
      photo: The photo.
      overwrite: Whether a file may be replaced, be it the photo's own.
      metadata: Names and values to note: chunks of text in PNG, the image description elsewhere.

    Raises:
      InputError: The file cannot be written, or its format cannot hold the photo.
    """
    path = output.check_output(path, ENCODERS, source=photo.source, overwrite=overwrite)
    try:
        data = ENCODERS[path.suffix.lower()](photo, metadata or {})
    except InputError as error:
        raise InputError(f"output '{path}': {error}") from None
    output.write(path, data)


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes a picture, (H, W, 3) uint8 RGB, as PNG, over a file that is there.

    Raises:
      InputError: The picture is something else, or the file cannot be written.
    """
    if image.dtype != np.uint8 or image.shape[2:] != (3,):
        raise InputError(f"image for '{path}' is {image.dtype} {image.shape}; expected uint8 (H, W, 3)")
    output.write(path, encode_png(image))


def _png(photo: Photo, metadata: Mapping[str, str]) -> bytes:
    planes, profile = _planes(photo)
    return encode_png(planes, icc_profile=profile, exif=photo.exif, text=metadata)


def _jpeg(photo: Photo, metadata: Mapping[str, str]) -> bytes:
    photo = photo.eight_bit()
    if photo.alpha is not None:
        if photo.alpha.min() < 255:
            raise InputError('JPEG has no transparency, which the photo has; write .png, .webp or .tif instead')
        photo = dataclasses.replace(photo, alpha=None)
    return _by_pillow(photo, 'JPEG', metadata, 65535, quality=_QUALITY, subsampling=0)


def _webp(photo: Photo, metadata: Mapping[str, str]) -> bytes:
    return _by_pillow(photo.eight_bit(), 'WebP', metadata, 16383, quality=_QUALITY, exact=True)


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


def _by_pillow(photo: Photo, kind: str, metadata: Mapping[str, str], largest: int | None = None, **options) -> bytes:
    """Encodes a photo, whose format may have a largest side, px."""
    if largest and max(photo.size) > largest:
        raise InputError(
            f'{kind} holds at most {largest} pixels a side and the photo has '
            f'{photo.size[0]}x{photo.size[1]}; write .png or .tif instead'
        )
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


def encode_png(
    pixels: np.ndarray,
    *,
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
    text: Mapping[str, str] | None = None,
) -> bytes:
    """Encodes an image as PNG, without loss.

    Pillow writes no 16-bit color and OpenCV no gray with alpha; this also takes a tenth of Pillow's time.

    Args:
      pixels: (H, W, C) uint8 or uint16; gray, gray + alpha, RGB or RGBA.
      icc_profile: An ICC profile.
      exif: EXIF data as in JPEG files, with the mark in front or without it.
      text: Keywords (1 to 79 Latin-1 characters) and what they say.

    Returns:
      The contents of the file.
    """
    height, width, channels = pixels.shape
    header = struct.pack('>IIBBBBB', width, height, 8 * pixels.itemsize, _PNG_TYPES[channels], 0, 0, 0)
    parts = [b'\x89PNG\r\n\x1a\n', _chunk(b'IHDR', header)]
    if icc_profile:
        parts.append(_chunk(b'iCCP', b'ICC profile\0\0' + zlib.compress(icc_profile)))
    if exif:
        parts.append(_chunk(b'eXIf', exif.removeprefix(b'Exif\0\0')))
    for keyword, value in (text or {}).items():
        parts.append(_chunk(b'iTXt', keyword.encode('latin-1') + b'\0' * 5 + value.encode()))
    parts += [_chunk(b'IDAT', _compress(pixels)), _chunk(b'IEND', b'')]
    return b''.join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def _compress(pixels: np.ndarray) -> bytes:
    """The filtered and compressed scanlines.

    Photos hold few repeated strings: looking for runs only makes smaller files than zlib's search
    at the same level, in half of the time.
    """
    height, width, channels = pixels.shape
    step = channels * pixels.itemsize
    rows = pixels.astype(pixels.dtype.newbyteorder('>'), copy=False).reshape(height, -1)
    rows = np.ascontiguousarray(rows).view(np.uint8)
    lines = np.empty((height, 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = _SUB
    lines[:, 1 : 1 + step] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=lines[:, 1 + step :])
    compressor = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    return compressor.compress(lines) + compressor.flush()
