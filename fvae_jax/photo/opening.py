"""Opening the photo files of strangers: what a file claims is checked before time and memory go into it."""

import contextlib
import logging
import os
import pathlib
import re
import struct
import warnings
import zlib
from collections.abc import Iterator

import cv2
from PIL import Image

from fvae_jax.errors import InputError

FORMATS = ('JPEG', 'PNG', 'WEBP', 'TIFF', 'BMP', 'GIF', 'AVIF')
# Whatever Pillow and OpenCV raise for damaged files; which one depends on the format and the place.
DAMAGES = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    RuntimeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    cv2.error,
)
MAX_PIXELS = 200_000_000  # the largest sensors of phones have 199.8 million

# What Pillow logs about damaged files, and Python shows where nobody listens, is raised as well.
logging.getLogger('PIL').addHandler(logging.NullHandler())

# Every scan of a JPEG goes over all of its pixels, and may take four bytes of the file. Encoders write about ten.
_MAX_SCANS = 100
# 0xff before a zero is a byte of the picture, and marks of restarts lie within a scan.
_MARKER = re.compile(rb'\xff[^\x00\xff\xd0-\xd7]', re.DOTALL)
_START, _END, _SCAN, _NOTHING = 0xD8, 0xD9, 0xDA, 0x01


@contextlib.contextmanager
def opened(path: pathlib.Path, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Opens a photo file, whose pixels are not decoded yet; warnings about odd metadata are left out.

    Args:
      path: the file.
      max_pixels: the largest photo to open, pixels.

    Yields:
      Pillow's image.

    Raises:
      InputError: the file is no regular one, is empty, or would take minutes to decode.
      Image.DecompressionBombError: it has more pixels.
      Image.UnidentifiedImageError: it is of none of `FORMATS`.
      FileNotFoundError, IsADirectoryError, PermissionError and `DAMAGES`: as they say.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"photo '{path}' is a pipe or a device, which may never end; save it as a file")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"photo '{path}' is empty (0 bytes); copy it again from its source")
    with warnings.catch_warnings(), _pillow_allows(max_pixels):
        warnings.simplefilter('ignore')
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise Image.DecompressionBombError
            if image.format in ('JPEG', 'MPO') and (scans := _scans(path.read_bytes())) > _MAX_SCANS:
                raise InputError(
                    f"photo '{path}' has at least {scans} scans, where JPEGs have about ten; save it again"
                )
            with _c_libraries_silent() if image.format in ('TIFF', 'PNG') else contextlib.nullcontext():
                yield image


@contextlib.contextmanager
def _pillow_allows(pixels: int) -> Iterator[None]:
    """Sets Pillow's own limit, which is for all files that are open; it refuses twice as many pixels."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


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


@contextlib.contextmanager
def _c_libraries_silent() -> Iterator[None]:
    """Libtiff and OpenCV's libpng write what they find odd to standard error, past Python; what they return is enough."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
