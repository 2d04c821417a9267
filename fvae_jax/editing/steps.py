"""The steps of an edit, from the photo itself to full strength (Algorithm 1)."""

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from fvae_jax.photo import color, film, output, write
from fvae_jax.photo.photo import Photo

FPS = 8
# px; players and browsers stop at about 4096x2304, and a GIF of a large photo has no end.
LARGEST_FILM = 2048


class Steps:
    """Edited photos of growing strength, `count` times `step` of a number, made one at a time; iterate, or `save`."""

    def __init__(self, step: Callable[[int], object], count: int):
        self._step, self._count = step, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator:
        return (self._step(number) for number in range(self._count))

    def save(
        self,
        path: str | os.PathLike,
        fps: float = FPS,
        overwrite: bool = False,
        metadata: bool = True,
        progress: Callable[[Iterable], Iterable] = iter,
    ) -> None:
        """Writes the steps as a film, as photos in a folder, or as one picture of all steps.

        Args:
          path: .mp4, .gif or .webp for a film of at most `LARGEST_FILM` pixels a side; a name
            without suffix for a folder of numbered PNGs, with all bits of the photo; the suffix of
            another kind of photo for a labelled filmstrip of the face.
          fps: photos per second of a film.
          overwrite: whether a file may be replaced, or a folder have files.
          metadata: whether files note how they were made.
          progress: goes over the photos, and may tell how far it is.

        Raises:
          InputError: the output cannot be written.
        """
        path = check_output(path, overwrite=overwrite)
        notes = self._step(self._count - 1).provenance if metadata else None
        if film.is_folder(path):
            with film.filling(path) as folder:
                for number, edited in enumerate(progress(self)):
                    edited.save(folder / f'{number:04d}.png', overwrite=True, metadata=metadata)
        elif path.suffix.lower() in film.FORMATS:
            frames = (film_frame(edited.photo) for edited in progress(self))
            film.write_animation(path, frames, fps, overwrite=overwrite, metadata=notes)
        else:
            shown = [(edited.close_up(), str(edited.edit)) for edited in progress(self)]
            frames, labels = zip(*shown)
            write.write_photo(path, Photo(film.filmstrip(frames, labels)), overwrite=overwrite, metadata=notes)


def check_output(
    path: str | os.PathLike, *, source: str | os.PathLike | None = None, overwrite: bool = False
) -> pathlib.Path:
    """Finds out before the work whether steps can be written; see `output.check_output`."""
    if film.is_folder(path):
        return film.check_frames_output(path, overwrite=overwrite)
    suffixes = {*film.FORMATS, *write.ENCODERS}
    return output.check_output(path, suffixes, source=source, overwrite=overwrite)


def film_frame(photo: Photo) -> np.ndarray:
    """(H, W, 3) uint8, sRGB, reduced to `LARGEST_FILM`."""
    pixels = color.in_srgb(photo).pixels
    shrink = LARGEST_FILM / max(photo.size)
    if shrink >= 1:
        return pixels
    size = tuple(max(1, round(side * shrink)) for side in photo.size)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
