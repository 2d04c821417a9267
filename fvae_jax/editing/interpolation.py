"""From one photo of a person to another at their own resolution (Algorithm 2, 4.3)."""

import os
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from fvae_jax.editing import content, editor as editor_lib, latent as latent_lib, morph as morph_lib, sequence, studio
from fvae_jax.errors import InputError
from fvae_jax.ops import image as image_ops
from fvae_jax.photo import film
from fvae_jax.photo.photo import Photo

FPS = 15


class Morph:
    """The frames from one photo's main face to another's, made one at a time; iterate, or `save`.

    With the blend 'logit' and crop=True the first and last frames are the two crops, bit for bit.

    Args:
      first: the photo that gives the start, the resolution and the background.
      second: another photo of the same person.
      frames: how many, both ends included; at least 2.
      blend: see `latent.blend_weights`.
      crop: whether frames are aligned crops; else the first photo with the face replaced.

    Raises:
      InputError: there are too few frames, the blend is unknown, or the model has no mask.
    """

    def __init__(
        self,
        first: studio.EditablePhoto,
        second: studio.EditablePhoto,
        frames: int = 30,
        blend: str = 'logit',
        crop: bool = False,
    ):
        check(first.editor, frames, blend)
        self._editor, self._count, self._blend, self._crop = first.editor, frames, blend, crop
        self._photo = first.photo
        (number,), (other,) = first.numbers(None), second.numbers(None)
        self._faces = first.encoded(number), second.encoded(other)
        crop_a, self._matrix = morph_lib.native_crop(first.photo.pixels, first.matrix(number), self._editor.size)
        crop_b, _ = morph_lib.native_crop(second.photo.pixels, second.matrix(other), self._editor.size, len(crop_a))
        self.crops = crop_a, crop_b

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.frame(t) for t in np.linspace(0, 1, self._count))

    def frame(self, t: float) -> np.ndarray:
        """One frame.

        Args:
          t: how far from the first photo to the second, in [0, 1].

        Returns:
          (H, W, 3) uint8 RGB: the size of the crops, or of the first photo.
        """
        blended = self._blended(float(t))
        if self._crop:
            return image_ops.to_uint8(blended)
        laid = morph_lib.put_back(self._photo.pixels, blended, self._matrix)
        return Photo(laid).eight_bit().pixels

    def save(
        self,
        path: str | os.PathLike,
        fps: float = FPS,
        overwrite: bool = False,
        progress: Callable[[Iterable], Iterable] = iter,
    ) -> None:
        """Writes the frames as .mp4, .gif or .webp, or as numbered PNGs into a folder (no suffix).

        Args:
          path: the output; films have at most `sequence.LARGEST_FILM` pixels a side.
          fps: frames per second of a film.
          overwrite: whether a file may be replaced, or a folder have files.
          progress: goes over the frames, and may tell how far it is.

        Raises:
          InputError: the output cannot be written.
        """
        path = film.check_frames_output(path, overwrite=overwrite)
        frames = progress(self)
        if not film.is_folder(path):
            frames = (sequence.film_frame(Photo(frame)) for frame in frames)
        film.write_animation(path, frames, fps, overwrite=overwrite)

    def _blended(self, t: float) -> np.ndarray:
        """O = w1 · O1 + w2 · O2 at full crop resolution, float32 in [-1, 1]."""
        editor = self._editor
        frame = editor.between(*self._faces, t, self._blend)
        # Only the printed weights do not sum to one.
        weights = frame.weights if self._blend == 'paper' else frame.weights[:1]
        blended = morph_lib.blend(*self.crops, *frame.displacements, *weights)
        if frame.content is None:
            return blended
        return content.lay_on_crop(blended, frame.content)


def check(editor: editor_lib.Editor, frames: int, blend: str) -> None:
    """Raises `InputError` unless a model can interpolate so, before any photo is read."""
    if frames < 2:
        raise InputError(f'{frames} frames; give at least 2')
    if blend not in latent_lib.BLENDS:
        raise InputError(f'unknown blend {blend!r}; it is one of {", ".join(latent_lib.BLENDS)}')
    if not editor.has_mask:
        raise InputError('this model has no confidence mask, which interpolation needs; train it with --mode=mask')


def interpolate(
    editor: editor_lib.Editor,
    first: str | os.PathLike,
    second: str | os.PathLike,
    frames: int = 30,
    blend: str = 'logit',
    crop: bool = False,
) -> Morph:
    """Opens two photos of one person and returns the `Morph` between their main faces.

    Raises:
      InputError: a photo cannot be read or shows no face, or see `Morph`.
    """
    check(editor, frames, blend)
    return Morph(studio.open_photo(editor, first), studio.open_photo(editor, second), frames, blend, crop)
