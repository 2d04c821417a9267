"""Reading photos: strangers' files are checked before time and memory go into them, and lose nothing."""

import contextlib
import dataclasses
import io
import os
import pathlib
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from fvae_jax import runtime
from fvae_jax.errors import InputError
from fvae_jax.photo import carried as carried_lib, decode
from fvae_jax.photo.photo import Photo

# What `read_photo` takes.
Picture = str | os.PathLike | bytes | bytearray | memoryview | BinaryIO | Image.Image | np.ndarray

MAX_PIXELS = 200_000_000  # the largest sensors of phones have 199.8 million

_LARGEST_STREAM = 1 << 30  # bytes; where a file's size is not known before it is read
_PROBLEMS = {
    FileNotFoundError: 'does not exist; check the name',
    IsADirectoryError: 'is a folder; name the photos in it',
    PermissionError: 'may not be read; change its permissions',
    Image.UnidentifiedImageError: 'is not of a known format; convert it to JPEG, PNG, WebP, HEIC or TIFF',
    MemoryError: 'needs more memory than there is; close other programs, or reduce the photo',
    # Of some formats, see `_in_command`.
    Image.DecompressionBombError: 'has more pixels than Pillow allows for its format; save it as PNG, or set '
    'PIL.Image.MAX_IMAGE_PIXELS',
}
# Whatever Pillow raises for damaged files; which one depends on the format and the place.
_DAMAGES = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, RuntimeError, OverflowError,
    struct.error, zlib.error,
)  # fmt: skip

_ROOM = 256 << 20  # bytes; with less than this, files that cannot even be opened may be whole
_BYTES_PER_PIXEL = 16  # that reading takes at most, of 8 bits
_ANIMATED = 'is animated; save the picture that you want as a PNG or JPEG, or all of it as a GIF or MP4'

# Every scan of a JPEG goes over all of its pixels, and may take four bytes of the file. Encoders write about ten.
_MAX_SCANS = 100
# 0xff before a zero is a byte of the picture, and marks of restarts lie within a scan.
_MARKER = re.compile(rb'\xff[^\x00\xff\xd0-\xd7]', re.DOTALL)
_START, _END, _SCAN, _NOTHING = 0xD8, 0xD9, 0xDA, 0x01


def read_photo(picture: Picture, max_pixels: int = MAX_PIXELS, *, unit_range: bool = False) -> Photo:
    """Reads a photo as it is meant to be seen.

    JPEG (CMYK too), PNG, WebP, HEIC, TIFF, BMP and AVIF, 8 or 16 bits, gray, palette or color, with or without
    transparency; by its content, whatever its name. Of several pictures in a phone's JPEG or HEIC the first is taken.

    Args:
      picture: A path; the bytes of a file, or a file opened for reading them; a PIL image; or an array (H, W) gray,
        (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.
      max_pixels: The largest photo to read, pixels. Reading takes up to 16 bytes for each, 32 where
        the file has 16 bits per channel.
      unit_range: Whether an array of floats holds values in [0, 1], as it must; they are kept with 16 bits.

    Raises:
      InputError: The file is missing, damaged, too large, animated or no photo, or the array is of another kind.
    """
    if isinstance(picture, Image.Image):
        with _clear_errors('PIL image'):
            _check_size('PIL image', picture.width * picture.height, max_pixels)
            if picture.format != 'MPO' and getattr(picture, 'is_animated', False):
                raise InputError(f'PIL image {_ANIMATED}')
            return _decoded('PIL image', None, picture)
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return _read_bytes('photo in memory', bytes(picture), max_pixels)
    if hasattr(picture, 'read'):
        name = 'photo on standard input' if getattr(picture, 'name', '') == '<stdin>' else 'photo in an open file'
        return _read_bytes(name, _all_of(name, picture), max_pixels)
    if not isinstance(picture, (str, os.PathLike)):
        return _of_array(picture, max_pixels, unit_range)
    path = pathlib.Path(picture)
    name = f"photo '{path}'"
    with _clear_errors(name), _in_command():
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InputError(f'{name} is a pipe or a device, which may never end; save it as a file')
        with open(path, 'rb') as file:
            if not os.fstat(file.fileno()).st_size:
                raise InputError(f'{name} is empty (0 bytes); copy it again from its source')
            photo = _decoded(name, file, _opened(name, file, max_pixels))
            return dataclasses.replace(photo, source=path)


def _read_bytes(name: str, content: bytes, max_pixels: int) -> Photo:
    if not content:
        raise InputError(f'{name} is empty (0 bytes); give all of a file')
    with _clear_errors(name), _in_command():
        file = io.BytesIO(content)
        return _decoded(name, file, _opened(name, file, max_pixels), content)


def _all_of(name: str, file: BinaryIO) -> bytes:
    parts, size = [], 0
    with _clear_errors(name):
        while part := file.read(1 << 20):
            if not isinstance(part, bytes):
                raise InputError(f"{name} gives text; open it for bytes, as open(path, 'rb')")
            parts.append(part)
            size += len(part)
            if size > _LARGEST_STREAM:
                raise InputError(f'{name} has more than {_LARGEST_STREAM >> 30} GB; save it as a file')
    return b''.join(parts)


def _of_array(array: Any, max_pixels: int, unit_range: bool) -> Photo:
    """A picture in memory as a photo, of which nothing is known but its pixels."""
    if not hasattr(array, '__array__'):
        raise InputError(
            f'a {type(array).__name__} is not a photo; give a path, the bytes of a file, an open file, a PIL image or '
            'an array (H, W), (H, W, 3) or (H, W, 4)'
        )
    pixels = np.asarray(array)
    if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,), (4,)) or not pixels.size:
        raise InputError(
            f'array of shape {pixels.shape}; give (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, at least one pixel'
        )
    _check_size('array', pixels.shape[0] * pixels.shape[1], max_pixels)
    if unit_range:
        if pixels.dtype.kind != 'f':
            raise InputError(f'array of {pixels.dtype}; unit_range is for floats in [0, 1], leave it out')
        if not (pixels.min() >= 0 and pixels.max() <= 1):  # false for NaN, too
            raise InputError(f'array with values from {pixels.min():g} to {pixels.max():g}; scale them to [0, 1]')
        pixels = np.rint(pixels.astype(np.float64) * 65535).astype(np.uint16)
    elif pixels.dtype not in (np.uint8, np.uint16):
        hint = ', or say unit_range=True if values lie in [0, 1]' if pixels.dtype.kind == 'f' else ''
        raise InputError(f'array of {pixels.dtype}; give uint8 or uint16{hint}')
    return _photo(pixels.reshape(*pixels.shape[:2], -1).copy(), gray=pixels.ndim == 2)


def _photo(planes: np.ndarray, gray: bool, **rest) -> Photo:
    """A photo of (H, W, C) gray, gray + alpha, RGB or RGBA, upright."""
    alpha = None
    if planes.shape[2] in (2, 4):
        planes, alpha = planes[..., :-1], np.ascontiguousarray(planes[..., -1])
    pixels = np.ascontiguousarray(np.broadcast_to(planes, (*planes.shape[:2], 3)))
    return Photo(pixels, alpha, was_gray=gray, **rest)


@contextlib.contextmanager
def _clear_errors(name: str) -> Iterator[None]:
    """Says in one line what is wrong with a photo that cannot be read."""
    try:
        yield
    except InputError:
        raise
    except (*_PROBLEMS, *_DAMAGES) as error:
        detail = ' '.join(str(error).split()) or type(error).__name__
        kind = type(error) if isinstance(error, tuple(_PROBLEMS)) or _have_room(_ROOM) else MemoryError
        damaged = f'is damaged or incomplete ({detail}); copy it again from its source'
        problem = next((words for other, words in _PROBLEMS.items() if issubclass(kind, other)), damaged)
        raise InputError(f'{name} {problem}') from None


def _have_room(size: int) -> bool:
    """Whether so many bytes can be had: decoders that lack them say no more than that they failed."""
    try:
        np.empty(size, np.uint8)
    except MemoryError:
        return False
    return True


@runtime.Shared
@contextlib.contextmanager
def _as_command() -> Iterator[None]:
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with runtime.c_libraries_silent():
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _in_command() -> contextlib.AbstractContextManager:
    """In a command, silences libtiff, and Pillow's own limit on pixels, which some formats ask, gives way to ours.

    Standard error and that limit are one for the whole process: where a program uses the package they are its own.
    """
    return _as_command if runtime.owns_process() else contextlib.nullcontext()


def _opened(name: str, file: BinaryIO, max_pixels: int) -> Image.Image:
    """Opens a file, and refuses what would take too much time or memory, or is more than one picture."""
    image = decode.identified(file)
    _check_size(name, image.width * image.height, max_pixels)
    if image.format in ('JPEG', 'MPO'):
        file.seek(0)
        if (scans := _scans(file.read())) > _MAX_SCANS:
            raise InputError(f'{name} has at least {scans} scans, where JPEGs have about ten; save it again')
    # Not how many there are: counting a million takes minutes.
    if image.format not in ('MPO', 'HEIF') and getattr(image, 'is_animated', False):
        pages = 'has several pages; save the one you want as a photo'
        raise InputError(f'{name} {pages if image.format == "TIFF" else _ANIMATED}')
    return image


def _check_size(name: str, pixels: int, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise InputError(
            f'{name} has more than {max_pixels / 1e6:g} million pixels; reduce it, or allow more with '
            '--max-megapixels (max_pixels)'
        )


def _scans(data: bytes) -> int:
    """How many scans the first picture of a JPEG file has; counts no further than needed."""
    count, at = 0, 2
    while count <= _MAX_SCANS and (found := _MARKER.search(data, at)):
        kind, at = data[found.end() - 1], found.end()
        if kind == _END:
            break
        count += kind == _SCAN
        if kind not in (_START, _NOTHING):
            at += int.from_bytes(data[at : at + 2], 'big')
    return count


def _decoded(name: str, file: BinaryIO | None, image: Image.Image, content: bytes | None = None) -> Photo:
    """Reads the pixels of an opened file, or of an image without one, and what an edit must keep of it."""
    stored = None if file is None else carried_lib.stored(file, image, content)
    try:
        deep = None if file is None else decode.deep_color(name, file, image)
        image.load()  # which finds what metadata stands behind the pixels
    except _DAMAGES as error:
        if isinstance(error, InputError) or _have_room(_BYTES_PER_PIXEL * image.width * image.height):
            raise
        raise MemoryError from error
    exif, orientation = decode.exif_of(image)
    profile = image.info.get('icc_profile')
    if not isinstance(profile, bytes):
        profile = None  # a TIFF may store text or numbers in its place
    gray = image.mode in ('1', 'L', 'LA', 'La') or image.mode.startswith('I;16')
    if deep is not None:
        planes, gray = deep, deep.shape[2] == 2
    elif image.mode.startswith('I;16'):
        planes = np.asarray(image).astype(np.uint16)[..., None]
    elif image.mode in ('I', 'F', 'LAB', 'HSV'):
        raise InputError(f'{name} has {image.mode} pixels; convert it to 8- or 16-bit RGB')
    else:
        if image.mode == 'CMYK':
            image, profile = decode.from_cmyk(image, profile), None
        mode = ('L' if gray else 'RGB') + ('A' if image.has_transparency_data else '')
        planes = np.asarray(image.convert(mode))
        planes = planes.reshape(*planes.shape[:2], -1)
    if stored is not None and orientation in decode.LYING:
        stored = stored.turned()
    carried = carried_lib.of(io.BytesIO() if file is None else file, image)
    planes = decode.upright(planes, orientation)
    return _photo(planes, gray, icc_profile=profile or None, exif=exif, carried=carried, stored=stored)
