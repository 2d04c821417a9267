"""Reading photo files: strangers' files are checked before time and memory go into them, and lose nothing."""

import contextlib
import io
import os
import pathlib
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms

from fvae_jax import runtime
from fvae_jax.errors import InputError
from fvae_jax.photo.photo import Photo

MAX_PIXELS = 200_000_000  # the largest sensors of phones have 199.8 million

_FORMATS = ('JPEG', 'PNG', 'WEBP', 'TIFF', 'BMP', 'GIF', 'AVIF')
_PROBLEMS = {
    FileNotFoundError: 'does not exist; check the name',
    IsADirectoryError: 'is a folder; name the photos in it',
    PermissionError: 'may not be read; change its permissions',
    Image.UnidentifiedImageError: 'is not of a known format; convert it to JPEG, PNG, WebP or TIFF',
    # Of some formats, see `_in_command`.
    Image.DecompressionBombError: 'has more pixels than Pillow allows for its format; save it as PNG, or set '
    'PIL.Image.MAX_IMAGE_PIXELS',
}
# Whatever Pillow raises for damaged files; which one depends on the format and the place.
_DAMAGES = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, RuntimeError, OverflowError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip

# Every scan of a JPEG goes over all of its pixels, and may take four bytes of the file. Encoders write about ten.
_MAX_SCANS = 100
# 0xff before a zero is a byte of the picture, and marks of restarts lie within a scan.
_MARKER = re.compile(rb'\xff[^\x00\xff\xd0-\xd7]', re.DOTALL)
_START, _END, _SCAN, _NOTHING = 0xD8, 0xD9, 0xDA, 0x01

_ORIENTATION, _BITS, _PLANAR = 0x0112, 0x0102, 0x011C  # tags of TIFF
# Where and how the pixels of a TIFF lie, its profile and XMP: of the old file, not of the picture.
_LAYOUT_TAGS = {
    *range(254, 260), 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, *range(322, 326), 330, 338, 339, 347,
    513, 514, *range(529, 533), 700, 34377, 34675, 37724,
}  # fmt: skip


def read_photo(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> Photo:
    """Reads a photo as it is meant to be seen.

    JPEG (CMYK too), PNG, WebP, TIFF, BMP and AVIF, 8 or 16 bits, gray, palette or color, with or
    without transparency. Of several pictures in a phone's JPEG the first is taken.

    Args:
      path: The file.
      max_pixels: The largest photo to read, pixels. Reading takes up to 16 bytes for each, 32 where
        the file has 16 bits per channel.

    Returns:
      The photo.

    Raises:
      InputError: The file is missing, damaged, too large, animated or no photo.
    """
    path = pathlib.Path(path)
    with _clear_errors(path), _in_command():
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InputError(f"photo '{path}' is a pipe or a device, which may never end; save it as a file")
        with open(path, 'rb') as file:
            if not os.fstat(file.fileno()).st_size:
                raise InputError(f"photo '{path}' is empty (0 bytes); copy it again from its source")
            image = _identified(file)
            _check(path, image, max_pixels)
            return _decoded(path, file, image)


@contextlib.contextmanager
def _clear_errors(path: pathlib.Path) -> Iterator[None]:
    """Says in one line what is wrong with a photo that cannot be read."""
    try:
        yield
    except InputError:
        raise
    except (*_PROBLEMS, *_DAMAGES) as error:
        detail = ' '.join(str(error).split()) or type(error).__name__
        damaged = f'is damaged or incomplete ({detail}); copy it again from its source'
        problem = next((words for kind, words in _PROBLEMS.items() if isinstance(error, kind)), damaged)
        raise InputError(f"photo '{path}' {problem}") from None


@contextlib.contextmanager
def _in_command() -> Iterator[None]:
    """In a command, silences libtiff, and Pillow's own limit on pixels, which some formats ask, gives way to ours.

    Standard error and that limit are one for the whole process: where a program uses the package they are its own.
    """
    if not runtime.owns_process():
        yield
        return
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with runtime.c_libraries_silent():
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _identified(file: BinaryIO) -> Image.Image:
    """What `Image.open` returns, without its limit on pixels, which is one for the whole process."""
    Image.preinit()
    file.seek(0)
    start = file.read(16)
    for name in _FORMATS:
        if name not in Image.OPEN:
            Image.init()
        opened, accepts = Image.OPEN[name]
        if accepts(start) is True:  # or a text that says what Pillow lacks
            file.seek(0)
            with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
                return opened(file)
    raise Image.UnidentifiedImageError


def _check(path: pathlib.Path, image: Image.Image, max_pixels: int) -> None:
    """Refuses what would take too much time or memory, or is more than one picture."""
    if image.width * image.height > max_pixels:
        raise InputError(
            f"photo '{path}' has more than {max_pixels / 1e6:g} million pixels; "
            'reduce it, or allow more with --max-megapixels (max_pixels)'
        )
    if image.format in ('JPEG', 'MPO') and (scans := _scans(path.read_bytes())) > _MAX_SCANS:
        raise InputError(f"photo '{path}' has at least {scans} scans, where JPEGs have about ten; save it again")
    # Not how many there are: counting a million takes minutes.
    if image.format != 'MPO' and getattr(image, 'is_animated', False):
        raise InputError(f"photo '{path}' is animated or has several pages; save the one you want as a photo")


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


def _decoded(path: pathlib.Path, file: BinaryIO, image: Image.Image) -> Photo:
    """Reads the pixels of an opened file, and what an edit must keep of it."""
    deep = _deep_color(path, file, image) if _has_deep_color(file, image) else None
    image.load()  # which finds what metadata stands behind the pixels
    exif, orientation = _exif(image)
    profile = image.info.get('icc_profile')
    if not isinstance(profile, bytes):
        profile = None  # a TIFF may store text or numbers in its place
    gray = image.mode in ('1', 'L', 'LA', 'La') or image.mode.startswith('I;16')
    if deep is not None:
        planes, gray = deep, deep.shape[2] == 2
    elif image.mode.startswith('I;16'):
        planes = np.asarray(image).astype(np.uint16)[..., None]
    elif image.mode in ('I', 'F', 'LAB', 'HSV'):
        raise InputError(f"photo '{path}' has {image.mode} pixels; convert it to 8- or 16-bit RGB")
    else:
        if image.mode == 'CMYK':
            image, profile = _from_cmyk(image, profile), None
        mode = ('L' if gray else 'RGB') + ('A' if image.has_transparency_data else '')
        planes = np.asarray(image.convert(mode))
        planes = planes.reshape(*planes.shape[:2], -1)

    planes = upright(planes, orientation)
    colors, alpha = planes, None
    if planes.shape[2] in (2, 4):
        colors, alpha = planes[..., :-1], np.ascontiguousarray(planes[..., -1])
    pixels = np.ascontiguousarray(np.broadcast_to(colors, (*colors.shape[:2], 3)))
    return Photo(pixels, alpha, profile or None, exif, gray, path)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns and mirrors an image as an EXIF orientation from 1 to 8 asks; others count as 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _exif(image: Image.Image) -> tuple[bytes | None, int]:
    """The EXIF data for the upright photo, and the orientation that the file has."""
    try:
        exif = image.getexif()
        orientation = exif.get(_ORIENTATION, 1)
        if _ORIENTATION in exif:
            exif[_ORIENTATION] = 1
        for tag in _LAYOUT_TAGS.intersection(exif):
            del exif[tag]
        return (exif.tobytes() if len(exif) else None), orientation
    except Exception:  # Pillow trips in many ways over what cameras write; the photo counts
        return None, 1


def _from_cmyk(image: Image.Image, profile: bytes | None) -> Image.Image:
    """SRGB by the profile of the inks, or by the plain formula without one."""
    if profile:
        try:
            inks = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, inks, ImageCms.createProfile('sRGB'), outputMode='RGB')
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile, or one for other inks
    return image.convert('RGB')


def _has_deep_color(file: BinaryIO, image: Image.Image) -> bool:
    """Whether a file has 16 bits for each of several channels."""
    if image.mode not in ('RGB', 'RGBA', 'RGBX', 'RGBa'):
        return False
    if image.format == 'PNG':
        return os.pread(file.fileno(), 1, 24) == b'\x10'
    return image.format == 'TIFF' and 16 in image.tag_v2.get(_BITS, ())


def _deep_color(path: pathlib.Path, file: BinaryIO, image: Image.Image) -> np.ndarray:
    """(H, W, C) uint16 RGB, RGBA or gray + alpha, as stored.

    Pillow keeps one byte of each channel, by its name for how they are stored ('RGB;16B'): the first of two in the
    order B (big-endian), the second in the order L. So the file is read twice, in either order.
    """
    if image.format == 'TIFF' and image.tag_v2.get(_PLANAR) == 2:
        raise InputError(f"photo '{path}' has 16-bit pixels in an order that cannot be read; save it as PNG")
    tile = image.tile[0].args
    stored = (tile if isinstance(tile, str) else tile[0]).replace('RGBa', 'RGBA')  # colors as they are, not divided
    if stored == 'LA;16B':  # four bytes for each pixel, which RGBA has, too
        return _bytes(image, 'RGBA').view('>u2').astype(np.uint16)
    kind, order = stored[:-1], stored[-1].replace('N', sys.byteorder[0].upper())
    planes = _bytes(image, kind + order).astype(np.uint16) << 8
    planes |= _bytes(_identified(file), kind + {'B': 'L', 'L': 'B'}[order])
    if (hole := image.info.get('transparency')) is not None:  # the one color of a PNG that is not there
        alpha = (planes != np.asarray(hole, np.uint16)).any(axis=2, keepdims=True) * np.uint16(65535)
        planes = np.concatenate([planes, alpha], axis=2)
    return planes


def _bytes(image: Image.Image, kind: str) -> np.ndarray:
    """Reads the pixels of an opened file as another kind of storage than the one it found."""
    image.tile = [
        tile._replace(args=kind if isinstance(tile.args, str) else (kind, *tile.args[1:])) for tile in image.tile
    ]
    return np.asarray(image)
