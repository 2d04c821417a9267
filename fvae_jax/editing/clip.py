"""Films, edited frame by frame as they come: what is asked, where the faces are, what changes, and the pixels."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from fvae_jax.data import align
from fvae_jax.editing import edit as edit_lib, follow, latent as latent_lib, portrait, retouch, steady, still, stream
from fvae_jax.editing.edit import Course, FilmEdit
from fvae_jax.editing.model import EncodedFace, Model
from fvae_jax.editing.shot import Known
from fvae_jax.errors import InputError
from fvae_jax.photo import ffmpeg, film, footage as footage_lib, frame as frame_lib, recode

_AHEAD, _READY = 3, 1  # frames that wait for their edit, and for their pixels


class EditableFilm:
    """A film, whose frames are read when they are asked for; iterate for them, (H, W, 3) uint8 RGB."""

    def __init__(self, model: Model, footage: footage_lib.Footage):
        self.model, self.footage = model, footage

    def __iter__(self) -> Iterator[np.ndarray]:
        return (shown.frame.pixels() for shown in self.footage.frames())

    def edit(
        self,
        /,
        *strengths: Mapping[str, Course],
        strength: Course = 1.0,
        face: int | str | None = None,
        start: float = 0.0,
        end: float | None = None,
        source: str = latent_lib.NEUTRAL,
        like: 'edit_lib.Example | None' = None,
        pixels_only: bool = False,
        anchor: bool = True,
        teeth: 'still.EditablePhoto | None' = None,
        **named: Course,
    ) -> 'EditedFilm':
        """Edits faces in all frames, or from `start` to `end`, seconds.

        Every strength is a number, a sequence with one for each frame, or a function of the time in seconds; where
        `strength` is 0 frames are the film's own, bit for bit. Faces have numbers as they appear, the largest of the
        first frame first; None is the main one of each shot. All other arguments are those of `EditablePhoto.edit`.

        Raises:
          InputError: An expression is unknown, or a strength is given twice.
        """
        options = {'source': source, 'like': like, 'pixels_only': pixels_only, 'anchor': anchor, 'teeth': teeth}
        asked = FilmEdit(strengths, named, strength, face, options)
        return EditedFilm(self, asked, start, end)


class EditedFilm:
    """An edit of a film, or of its part from `start` to `end`, seconds.

    Iterate for its frames, (H, W, 3) uint8 RGB, or `save` it.
    """

    def __init__(self, original: EditableFilm, edit: FilmEdit, start: float = 0.0, end: float | None = None):
        self.original, self.edit, self.start, self.end = original, edit, start, end

    def __iter__(self) -> Iterator[np.ndarray]:
        return (shown.frame.pixels() for shown in self.shown())

    def shown(self) -> Iterator[footage_lib.Shown]:
        """The edited frames as the film stores them, with their times."""
        frames = self.original.footage.frames(self.start, self.end)
        return edit_stream(self.original.model, frames, self.edit)

    @property
    def provenance(self) -> dict[str, str]:
        """How the film was made, for the XMP of its file; courses over time by their names alone."""
        names = [
            name if callable(course) or np.ndim(course) else f'{name} {course:.4g}'
            for name, course in self.edit.strengths.items()
        ]
        return edit_lib.provenance(self.original.model, ', '.join(names) or 'like another photo')

    def save(
        self,
        path: str | os.PathLike,
        crf: int = ffmpeg.CRF,
        overwrite: bool = False,
        metadata: bool = True,
        progress: Callable[[Iterable], Iterable] = iter,
    ) -> None:
        """Writes the film, with the sound, the times, the size and the colors of the original.

        Args:
          path: .mp4, .mov or .mkv.
          crf: How much H.264 may lose: 0 nothing, 17 nothing visible, 51 most.
          overwrite: Whether a file may be replaced.
          metadata: Whether the file notes its `provenance`.
          progress: Goes over the frames, and may tell how far it is.

        Raises:
          InputError: The film cannot be read or written, or shows no face.
        """
        made = self.provenance if metadata else None
        options = {'start': self.start, 'end': self.end, 'crf': crf, 'metadata': made, 'overwrite': overwrite}
        recode.write(path, self.original.footage, progress(self.shown()), **options)


def edit_stream(model: Model, items: Iterable[Any], edit: FilmEdit) -> Iterator[Any]:
    """Edits frames as they come, a dozen frames late: of objects with a `frame` and a `time`.

    Returns:
      The same with other frames, those in which nothing changes as they were.

    Raises:
      InputError: No frame shows a face that is asked for, or the strengths cannot be used.
    """
    latent = next(iter(model.bundle.statistics.class_means.values()))
    edit.at(0, 0.0).latent(model, EncodedFace(None, latent, None, None, None))  # names and numbers, before the work
    settled = stream.ahead(follow.settle(follow.follow(items)), _AHEAD)
    pixels_only = edit.options.get('pixels_only', False)
    # A core that waits for the network moves pixels meanwhile.
    for planned in stream.ahead(steady.steady(model, _plan(model, settled, edit)), _READY):
        frame = planned.item.frame
        for changed in planned.changes.values():
            frame = retouch.carried_out(frame, changed.change, changed.matrix, changed.tone, changed.seam, pixels_only)
        yield dataclasses.replace(planned.item, frame=frame)


def _plan(model: Model, settled: Iterable[follow.Followed], edit: FilmEdit) -> Iterator[steady.Planned]:
    """What changes in each frame."""
    known, shot, seen = {}, -1, False
    for number, here in enumerate(settled):
        if here.shot != shot:
            known, shot = {}, here.shot
        wanted = {None: [here.main], 'all': list(here.faces)}.get(edit.face, [edit.face])
        frame, changes = here.item.frame, {}
        for person in wanted:
            if person not in here.faces:
                continue
            seen = True
            asked = edit.at(number, float(here.item.time), here.presence[person])
            does_nothing = not asked.strength or (asked.like is None and not any(asked.strengths.values()))
            if asked.anchor and does_nothing:
                continue
            matrix = align.crop_transform(here.faces[person], model.size, model.frame)
            face = model.encode(portrait.aligned(frame, matrix, model.size), teeth=False)
            if person not in known:
                known[person] = Known(model, face, asked)
            changes[person] = known[person].changed(frame, matrix, face, asked)
        yield steady.Planned(here.item, shot, changes)
    if not seen:
        what = 'no face that can be found' if edit.face in (None, 'all') else f'no face {edit.face}'
        raise InputError(f'the film shows {what}; take one with an upright, roughly frontal face')


@dataclasses.dataclass(frozen=True, eq=False)
class _Moment:
    """A frame of somebody else's program, and its time, seconds."""

    frame: frame_lib.Picture
    time: float


def edit_frames(model: Model, frames: Iterable[np.ndarray], edit: FilmEdit, fps: float) -> Iterator[np.ndarray]:
    """`edit_stream` for arrays, (H, W, 3) uint8 RGB of one size, of which `fps` make a second."""
    moments = (_Moment(frame_lib.Picture(rgb), n / fps) for n, rgb in enumerate(film.checked(frames)))
    return (moment.frame.rgb for moment in edit_stream(model, moments, edit))
