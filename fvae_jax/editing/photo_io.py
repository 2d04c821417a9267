"""Reading and writing photos without losing anything, and with one clear line when it fails."""

import contextlib
import os
import pathlib
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping

from PIL import Image

from fvae_jax.editing import output, photo_decode, photo_encode
from fvae_jax.editing.photo import Photo
from fvae_jax.errors import InputError

MAX_PIXELS = 178_000_000  # Pillow itself refuses at 179 million

_FORMATS = ('JPEG', 'PNG', 'WEBP', 'TIFF', 'BMP', 'GIF', 'AVIF')
# Whatever Pillow raises for damaged files; which one depends on the format and the place.
_DAMAGES = (OSError, SyntaxError, ValueError, EOFError, TypeError, RuntimeError, OverflowError,
            struct.error, zlib.error)


def read_photo(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> Photo:
    """Reads a photo as it is meant to be seen.

    JPEG (CMYK too), PNG, WebP, TIFF, BMP and AVIF, 8 or 16 bits, gray, palette or color, with or
    without transparency. Of several pictures in a phone's JPEG the first is taken.

    Args:
      path: the file.
      max_pixels: the largest photo to read, pixels; at most `MAX_PIXELS`.

    Returns:
      The photo.

    Raises:
      InputError: the file is missing, damaged, too large, animated or no photo.
    """
    path = pathlib.Path(path)
    with _clear_errors(path, max_pixels), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # Pillow's, on odd metadata and on size
        if path.is_file() and path.stat().st_size == 0:
            raise InputError(f"photo '{path}' is empty (0 bytes); copy it again from its source")
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise Image.DecompressionBombError
            if image.format != 'MPO' and getattr(image, 'n_frames', 1) > 1:
                raise InputError(f"photo '{path}' is animated or has several pages "
                                 f'({image.n_frames}); save the one you want as a photo')
            return photo_decode.decode(image, path)


def write_photo(path: str | os.PathLike, photo: Photo, *, overwrite: bool = False,
                metadata: Mapping[str, str] | None = None) -> None:
    """Writes a photo in the format of its suffix, as `photo_encode.encode` describes.

    Args:
      path: a file with the suffix .jpg, .jpeg, .png, .webp, .tif or .tiff.
      photo: the photo.
      overwrite: whether a file may be replaced, be it the photo's own.
      metadata: names and values to note in the file.

    Raises:
      InputError: the file cannot be written, or its format cannot hold the photo.
    """
    path = output.check_output(path, photo_encode.ENCODERS, source=photo.source,
                               overwrite=overwrite)
    try:
        data = photo_encode.encode(photo, path.suffix.lower(), metadata or {})
    except InputError as error:
        raise InputError(f"output '{path}': {error}") from None
    with output.replacing(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def _clear_errors(path: pathlib.Path, max_pixels: int) -> Iterator[None]:
    """Says in one line what is wrong with a photo that cannot be read."""
    try:
        yield
    except InputError:
        raise
    except Image.DecompressionBombError:
        raise InputError(f"photo '{path}' has more than {max_pixels / 1e6:g} million pixels; "
                         'reduce it first') from None
    except FileNotFoundError:
        raise InputError(f"photo '{path}' does not exist; check the name") from None
    except IsADirectoryError:
        raise InputError(f"photo '{path}' is a folder; name the photos in it") from None
    except PermissionError:
        raise InputError(f"photo '{path}' may not be read; change its permissions") from None
    except Image.UnidentifiedImageError:
        raise InputError(f"photo '{path}' is not of a known format; convert it to JPEG, PNG, WebP "
                         'or TIFF') from None
    except _DAMAGES as error:
        detail = ' '.join(str(error).split()) or type(error).__name__
        raise InputError(f"photo '{path}' is damaged or incomplete ({detail}); copy it again from "
                         'its source') from None
