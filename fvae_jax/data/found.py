"""A photo and its faces: what is known of it before a network is asked, and found without JAX."""

from typing import NamedTuple

from fvae_jax.data import align
from fvae_jax.errors import InputError
from fvae_jax.photo import read
from fvae_jax.photo.photo import Photo


class Found(NamedTuple):
    """A photo that shows a face."""

    photo: Photo
    faces: list[align.Detection]  # at least one, as `align.detect_faces` returns them


def find(picture: read.Picture, max_pixels: int, *, unit_range: bool = False) -> Found:
    """Reads a photo and finds its faces; for the arguments see `read.read_photo`.

    Raises:
      InputError: The photo cannot be read, or shows no face.
    """
    photo = read.read_photo(picture, max_pixels, unit_range=unit_range)
    faces = align.detect_faces(photo.eight_bit().pixels)
    if not faces:
        raise InputError(
            f'{photo.name} shows no face that can be found; take one in which a face with both eyes is seen '
            'whole, at least 20 px wide: enlarge a smaller one, and leave some room around one that is cut tightly'
        )
    return Found(photo, faces)
