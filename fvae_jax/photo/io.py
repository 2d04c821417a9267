"""Reading and writing photos without losing anything, and with one clear line when it fails."""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Mapping

from PIL import Image

from fvae_jax.errors import InputError
from fvae_jax.photo import decode, encode, opening, output
from fvae_jax.photo.photo import Photo


def read_photo(path: str | os.PathLike, max_pixels: int = opening.MAX_PIXELS) -> Photo:
    """Reads a photo as it is meant to be seen.

    JPEG (CMYK too), PNG, WebP, TIFF, BMP and AVIF, 8 or 16 bits, gray, palette or color, with or
    without transparency. Of several pictures in a phone's JPEG the first is taken.

    Args:
      path: the file.
      max_pixels: the largest photo to read, pixels. Reading takes up to 16 bytes for each, 32 where
        the file has 16 bits per channel.

    Returns:
      The photo.

    Raises:
      InputError: the file is missing, damaged, too large, animated or no photo.
    """
    path = pathlib.Path(path)
    with _clear_errors(path, max_pixels), opening.opened(path, max_pixels) as image:
        # Not how many there are: counting a million takes minutes.
        if image.format != 'MPO' and getattr(image, 'is_animated', False):
            raise InputError(f"photo '{path}' is animated or has several pages; save the one you want as a photo")
        return decode.decode(image, path)


def write_photo(
    path: str | os.PathLike, photo: Photo, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a photo in the format of its suffix, as `encode.encode` describes.

    Args:
      path: a file with the suffix .jpg, .jpeg, .png, .webp, .tif or .tiff.
      photo: the photo.
      overwrite: whether a file may be replaced, be it the photo's own.
      metadata: names and values to note in the file.

    Raises:
      InputError: the file cannot be written, or its format cannot hold the photo.
    """
    path = output.check_output(path, encode.ENCODERS, source=photo.source, overwrite=overwrite)
    try:
        data = encode.encode(photo, path.suffix.lower(), metadata or {})
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
        raise InputError(
            f"photo '{path}' has more than {max_pixels / 1e6:g} million pixels; "
            'reduce it, or allow more with --max-megapixels (max_pixels)'
        ) from None
    except FileNotFoundError:
        raise InputError(f"photo '{path}' does not exist; check the name") from None
    except IsADirectoryError:
        raise InputError(f"photo '{path}' is a folder; name the photos in it") from None
    except PermissionError:
        raise InputError(f"photo '{path}' may not be read; change its permissions") from None
    except Image.UnidentifiedImageError:
        raise InputError(f"photo '{path}' is not of a known format; convert it to JPEG, PNG, WebP or TIFF") from None
    except opening.DAMAGES as error:
        detail = ' '.join(str(error).split()) or type(error).__name__
        raise InputError(f"photo '{path}' is damaged or incomplete ({detail}); copy it again from its source") from None
