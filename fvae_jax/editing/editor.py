"""`Editor`: photos in, edited photos and films out, by one model."""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from fvae_jax import bundle as bundle_lib
from fvae_jax.data import found as found_lib
from fvae_jax.editing import clip, edit, model, morph, still
from fvae_jax.models import compiled
from fvae_jax.photo import footage, read


class Editor(model.Model):
    """A model that opens photos; see `Model` for its work on aligned crops.

    Attributes:
      max_pixels: The largest photo to read, pixels; may be set.
    """

    def __init__(self, bundle: bundle_lib.Bundle):
        super().__init__(bundle)
        self.max_pixels = read.MAX_PIXELS

    def __reduce__(self) -> tuple:
        return type(self), (self.bundle,), {'max_pixels': self.max_pixels}  # its programs are compiled again

    def open(self, picture: read.Picture, *, unit_range: bool = False) -> still.EditablePhoto:
        """Reads a photo of at most `max_pixels` and finds its faces.

        Args:
          picture: A path; the bytes of a file, or a file opened for reading them; a PIL image; or an array (H, W) gray,
            (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16. Colors of an array are sRGB.
          unit_range: Whether an array of floats holds values in [0, 1].

        Raises:
          InputError: The photo cannot be read, or shows no face.
        """
        compiled.check_process()
        return self.opened(found_lib.find(picture, self.max_pixels, unit_range=unit_range))

    def opened(self, found: found_lib.Found) -> still.EditablePhoto:
        """What `open` returns, for a photo whose faces are found already."""
        return still.EditablePhoto(self, *found)

    def open_film(self, path: str | os.PathLike) -> clip.EditableFilm:
        """Opens a film: MP4, MOV, WebM, MKV, GIF and others; its frames are read when they are needed.

        Raises:
          InputError: It cannot be read.
        """
        return clip.EditableFilm(self, footage.open_footage(path))

    def edit_frames(
        self,
        frames: Iterable[np.ndarray],
        /,
        *strengths: Mapping[str, edit.Course],
        fps: float = 25.0,
        strength: edit.Course = 1.0,
        face: int | str | None = None,
        **named: Any,
    ) -> Iterator[np.ndarray]:
        """Edits the frames of another program as they come; they leave about a dozen frames late.

        Frames are (H, W, 3) uint8 RGB, all of one size, and `fps` of them make a second, for strengths that are
        functions of time. For all other arguments see `EditableFilm.edit`, whose `source`, `like`, `pixels_only`,
        `anchor` and `teeth` may be given, too.

        Returns:
          As many frames as were given.

        Raises:
          InputError: No frame shows a face, frames differ in size, or an expression is unknown.
        """
        options = {name: named.pop(name) for name in edit.OPTIONS if name in named}
        return clip.edit_frames(self, frames, edit.FilmEdit(strengths, named, strength, face, options), fps)

    def example(
        self, expression: read.Picture | still.EditablePhoto, neutral: read.Picture | still.EditablePhoto | None = None
    ) -> edit.Example:
        """Takes an expression from the main face of a photo, or from two photos of one person (6.1).

        Args:
          expression: A photo that shows it, of any kind that `open` takes or opened by it.
          neutral: The same person without it. Without this photo the direction also holds what else distinguishes the
            person from the one who is edited.

        Raises:
          InputError: A photo cannot be read, or shows no face.
        """
        opened = lambda photo: photo if isinstance(photo, still.EditablePhoto) else self.open(photo)
        shown = opened(expression)
        other = None if neutral is None else opened(neutral).latent_of()
        return edit.Example(shown.latent_of(), other, shown.photo.source.name if shown.photo.source else 'a photo')

    def interpolate(
        self,
        first: read.Picture,
        second: read.Picture,
        frames: int = 30,
        blend: str = 'logit',
        crop: bool = False,
        anchor: bool = True,
    ) -> morph.Morph:
        """Interpolates the main faces of two photos of one person (Algorithm 2); for the arguments see `morph.Morph`.

        Raises:
          InputError: A photo cannot be read or shows no face, there are too few frames, the blend is unknown, or the
            model has no mask.
        """
        morph.check(self, frames, blend)
        return morph.Morph(self.open(first), self.open(second), frames, blend, crop, anchor)


def load(path: str | os.PathLike | None = None) -> Editor:
    """Returns the Editor of a model.

    Args:
      path: A model file, RUN/model.safetensors; the model that comes with the package when None.

    Raises:
      InputError: The file is missing or is no model.
    """
    return Editor(bundle_lib.load(path))
