"""Photo files in, edited files out: where each goes, whether it can be written, and the work."""

import collections
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fvae_jax.errors import InputError
from fvae_jax.photo import output, write

if TYPE_CHECKING:
    from fvae_jax.editing import editor as editor_lib


class Outputs(NamedTuple):
    """What is written for each photo.

    Attributes:
      steps: K of a sequence, or None for a single photo.
      fps: photos per second, where the sequence is a film.
      flow: whether NAME_flow.png is written too, the colors of the flow.
      mask: whether NAME_mask.png is written too, the confidence.
      content: whether NAME_content.png is written too, what is new.
      overwrite: whether files may be replaced.
      metadata: whether files note how they were made.
    """

    steps: int | None
    fps: float
    flow: bool
    mask: bool
    content: bool
    overwrite: bool
    metadata: bool

    def pictures(self, target: pathlib.Path) -> dict[str, pathlib.Path]:
        """Where the pictures beside an edit go, by kind."""
        wanted = {'flow': self.flow, 'mask': self.mask, 'content': self.content}
        return {kind: target.with_name(f'{target.stem}_{kind}.png') for kind in wanted if wanted[kind]}


def targets(photos: Sequence[pathlib.Path], folder: pathlib.Path, outputs: Outputs) -> list[pathlib.Path]:
    """Names an output in a folder for each photo, and makes the folder if need be.

    An output is called like its photo; it is a PNG where the photo's format cannot be written, and
    a folder where a sequence is asked for.

    Raises:
      InputError: the folder cannot be written, or two photos have one name.
    """

    def target(photo: pathlib.Path) -> pathlib.Path:
        if outputs.steps is not None:
            return folder / photo.stem
        writable = photo.suffix.lower() in write.ENCODERS
        return folder / (photo.name if writable else f'{photo.stem}.png')

    named = [target(photo) for photo in photos]
    twice, count = collections.Counter(named).most_common(1)[0]
    if count > 1:
        raise InputError(
            f"{count} photos would be written to '{twice}'; write those of each folder to a folder of their own"
        )
    if not os.path.exists(folder):
        output.check_folder(folder.parent)
        folder.mkdir()
    output.check_folder(folder)
    return named


def check(photo: pathlib.Path, target: pathlib.Path, outputs: Outputs) -> None:
    """Raises `InputError` before the work if something that is asked for cannot be written."""
    options = dict(source=photo, overwrite=outputs.overwrite)
    if outputs.steps is None:
        output.check_output(target, write.ENCODERS, **options)
    else:
        from fvae_jax.editing import sequence  # with JAX, which the check above does without

        sequence.check_sequence_output(target, **options)
    for path in outputs.pictures(target).values():
        output.check_output(path, ('.png',), overwrite=outputs.overwrite)


def edit(
    editor: 'editor_lib.Editor',
    photo: pathlib.Path,
    target: pathlib.Path,
    request: Mapping[str, Any],
    outputs: Outputs,
    progress: Callable[[Iterable], Iterable] = iter,
) -> None:
    """Edits a photo and writes all that is asked for.

    Args:
      editor: the `Editor`.
      photo: the photo.
      target: the output.
      request: the arguments of `studio.EditablePhoto.edit`.
      outputs: what to write.
      progress: goes over the photos of a sequence, and may tell how far it is.

    Raises:
      InputError: the photo cannot be read or edited, or something cannot be written.
    """
    opened = editor.open(photo)
    edited = opened.edit(**request)
    draw = {'flow': edited.flow_picture, 'mask': edited.mask_picture, 'content': edited.content_picture}
    pictures = {path: draw[kind]() for kind, path in outputs.pictures(target).items()}
    options = dict(overwrite=outputs.overwrite, metadata=outputs.metadata)
    if outputs.steps is None:
        edited.save(target, **options)
    else:
        sequence = opened.sequence(outputs.steps, **request)
        sequence.save(target, outputs.fps, progress=progress, **options)
    for path, picture in pictures.items():
        write.write_png(path, picture)
