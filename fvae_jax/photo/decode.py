"""From an opened photo file to pixels: depths, palettes, transparency, CMYK, orientation."""

import io
import pathlib

import cv2
import numpy as np
from PIL import Image, ImageCms

from fvae_jax.errors import InputError
from fvae_jax.photo.photo import Photo

_ORIENTATION = 0x0112
_BITS = 0x0102
_PLANAR = 0x011C
# Where and how the pixels of a TIFF lie, its profile and XMP: of the old file, not of the picture.
_LAYOUT_TAGS = {
    254,
    255,
    256,
    257,
    258,
    259,
    262,
    266,
    273,
    277,
    278,
    279,
    284,
    292,
    293,
    317,
    320,
    322,
    323,
    324,
    325,
    330,
    338,
    339,
    347,
    513,
    514,
    529,
    530,
    531,
    532,
    700,
    34377,
    34675,
    37724,
}


def decode(image: Image.Image, path: pathlib.Path) -> Photo:
    """Reads the pixels of a file that Pillow has opened.

    Args:
      image: the opened file, of a single frame.
      path: the file; 16-bit color is read from it again, for Pillow reduces it to 8.

    Returns:
      The photo.

    Raises:
      InputError: the photo is of a kind that cannot be read without loss.
      OSError, ValueError, SyntaxError: the file is damaged; from Pillow.
    """
    image.load()  # finds truncated files, which OpenCV fills up in silence
    exif, orientation = _exif(image)
    profile = image.info.get('icc_profile')
    if not isinstance(profile, bytes):
        profile = None  # a TIFF may store text or numbers in its place
    gray = image.mode in ('1', 'L', 'LA', 'La') or image.mode.startswith('I;16')
    if _has_deep_color(image, path):
        planes, gray = _deep_color(image, path)
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


def _has_deep_color(image: Image.Image, path: pathlib.Path) -> bool:
    """Whether a file has 16 bits for each of several channels."""
    if image.mode not in ('RGB', 'RGBA', 'RGBX', 'RGBa'):
        return False
    if image.format == 'PNG':
        with open(path, 'rb') as file:
            return file.read(25)[24] == 16
    return image.format == 'TIFF' and 16 in image.tag_v2.get(_BITS, ())


def _deep_color(image: Image.Image, path: pathlib.Path) -> tuple[np.ndarray, bool]:
    """(H, W, C) uint16 RGB, RGBA or gray + alpha as stored, and whether the file is gray."""
    data = np.fromfile(path, np.uint8)
    stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    # OpenCV takes channels stored one after the other for interleaved ones.
    is_planar = image.format == 'TIFF' and image.tag_v2.get(_PLANAR) == 2
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 3 or is_planar:
        raise InputError(f"photo '{path}' has 16-bit pixels in an order that cannot be read; save it as PNG")
    rgb = stored[..., [2, 1, 0, 3][: stored.shape[2]]]
    is_gray = image.format == 'PNG' and data[25] == 4  # gray with alpha, which OpenCV expands
    return (rgb[..., 2:] if is_gray else rgb), is_gray
