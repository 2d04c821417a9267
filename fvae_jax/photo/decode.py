"""What Pillow makes of a photo file: its format, its pixels of 8 or 16 bits, and its EXIF data."""

import contextlib
import io
import struct
import sys
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms

from fvae_jax.errors import InputError

_FORMATS = ('JPEG', 'PNG', 'WEBP', 'TIFF', 'BMP', 'GIF', 'AVIF')
# Brands of files in which HEVC pictures may be, the first one or among those it is compatible with.
_HEIC = {b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'hevm', b'hevs'}

_ORIENTATION, _BITS, _PLANAR = 0x0112, 0x0102, 0x011C  # tags of TIFF
_CAMERA, _WIDTH, _HEIGHT = 0x8769, 0xA002, 0xA003  # EXIF's own directory, and two tags in it
LYING = (5, 6, 7, 8)  # orientations that exchange width and height
# Where and how the pixels of a TIFF lie, its profile, XMP, IPTC and C2PA: of the old file, or kept elsewhere.
_LAYOUT_TAGS = {
    *range(254, 260), 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, *range(322, 326), 330, 338, 339, 347,
    513, 514, *range(529, 533), 700, 33723, 34377, 34675, 37724,
    52545,
}  # fmt: skip


def identified(file: BinaryIO) -> Image.Image:
    """What `Image.open` returns, without its limit on pixels, which is one for the whole process; and HEIC."""
    Image.preinit()
    file.seek(0)
    start = file.read(64)
    if _is_heic(start):
        import pi_heif

        file.seek(0)
        return pi_heif.as_plugin.HeifImageFile(file)  # without entering Pillow's table, which is the whole process's
    for name in _FORMATS:
        if name not in Image.OPEN:
            Image.init()
        opened, accepts = Image.OPEN[name]
        if accepts(start[:16]) is True:  # or a text that says what Pillow lacks
            file.seek(0)
            with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
                return opened(file)
    raise Image.UnidentifiedImageError


def _is_heic(start: bytes) -> bool:
    length = int.from_bytes(start[:4], 'big')
    if start[4:8] != b'ftyp' or length > len(start):
        return start[4:8] == b'ftyp' and start[8:12] in _HEIC
    brands = {start[8:12], *(start[at : at + 4] for at in range(16, length, 4))}
    return bool(brands & _HEIC) and start[8:12] not in (b'avif', b'avis')


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns and mirrors an image as an EXIF orientation from 1 to 8 asks; others count as 1."""
    if orientation in LYING:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def exif_of(image: Image.Image) -> tuple[bytes | None, int]:
    """The EXIF data for the upright photo, and the orientation that the file has."""
    try:
        exif = image.getexif()
        orientation = exif.get(_ORIENTATION, 1)
        if _ORIENTATION in exif:
            exif[_ORIENTATION] = 1
        camera = exif.get_ifd(_CAMERA) if _CAMERA in exif else {}
        for tag, side in zip((_WIDTH, _HEIGHT), image.size[:: -1 if orientation in LYING else 1]):
            if tag in camera:
                camera[tag] = side
        for tag in _LAYOUT_TAGS.intersection(exif):
            del exif[tag]
        return (exif.tobytes() if len(exif) else None), orientation
    except Exception:  # Pillow trips in many ways over what cameras write; the photo counts
        return None, 1


def from_cmyk(image: Image.Image, profile: bytes | None) -> Image.Image:
    """SRGB by the profile of the inks, or by the plain formula without one."""
    if profile:
        try:
            inks = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, inks, ImageCms.createProfile('sRGB'), outputMode='RGB')
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile, or one for other inks
    return image.convert('RGB')


def deep_color(name: str, file: BinaryIO, image: Image.Image) -> np.ndarray | None:
    """(H, W, C) uint16 RGB, RGBA or gray + alpha, as stored; None of a file that has fewer bits, or one channel.

    Pillow keeps one byte of each channel, by its name for how they are stored ('RGB;16B'): the first of two in the
    order B (big-endian), the second in the order L. So the file is read twice, in either order.

    Raises:
      InputError: A TIFF whose channels lie apart.
    """
    if image.mode not in ('RGB', 'RGBA', 'RGBX', 'RGBa'):
        return None
    if image.format == 'HEIF' and image.info.get('bit_depth', 8) > 8:
        import pi_heif

        file.seek(0)
        return np.array(pi_heif.open_heif(file, convert_hdr_to_8bit=False))
    if image.format == 'TIFF' and 16 in image.tag_v2.get(_BITS, ()) and image.tag_v2.get(_PLANAR) == 2:
        raise InputError(f'{name} has 16-bit pixels in an order that cannot be read; save it as PNG')
    tile = image.tile[0].args if image.format in ('PNG', 'TIFF') and image.tile else ''
    stored = (tile if isinstance(tile, str) else tile[0]).replace('RGBa', 'RGBA')  # colors as they are, not divided
    if not stored.endswith((';16B', ';16L', ';16N')):
        return None
    if stored == 'LA;16B':  # four bytes for each pixel, which RGBA has, too
        return _bytes(image, 'RGBA').view('>u2').astype(np.uint16)
    kind, order = stored[:-1], stored[-1].replace('N', sys.byteorder[0].upper())
    planes = _bytes(image, kind + order).astype(np.uint16) << 8
    planes |= _bytes(identified(file), kind + {'B': 'L', 'L': 'B'}[order])
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
