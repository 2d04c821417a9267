"""Films, edited frame by frame as they come: what is asked, where the faces are, what changes, and the pixels."""

import dataclasses
import functools
import itertools
import numbers
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.editing import (
    edit as edit_lib,
    exemplar,
    folds as folds_lib,
    follow,
    latent as latent_lib,
    lips,
    mouth,
    portrait,
    retouch,
    speech,
    steady,
    still,
    stream,
)
from fvae_jax.editing.model import Change, EncodedFace, Model
from fvae_jax.errors import InputError
from fvae_jax.photo import ffmpeg, footage as footage_lib, frame as frame_lib, recode

# A number, one for each frame (the last goes on), or a function of the time in seconds.
Course = float | Sequence[float] | Callable[[float], float]

# The options of an edit that mean the same in photos and films.
OPTIONS = ('source', 'like', 'pixels_only', 'anchor', 'teeth')
_SHOWS = 0.02  # of alpha: less than that is not laid over anything
_LOOK = 4  # frames from one look for closed lips to the next
_AHEAD, _READY = 3, 1  # frames that wait for their edit, and for their pixels
_FINE_MOUTH = 512  # px: side of the crop in which the edge of lips is sought, also where faces are smaller: coarser,
# it is found elsewhere from frame to frame
_MARGIN = 16  # px around a crop from which its pixels may come


@dataclasses.dataclass(frozen=True, eq=False)
class FilmEdit:
    """What is asked of a film; for what is not said here see `edit.Edit`.

    Attributes:
      strengths: By expression.
      strength: A factor for all.
      face: The number of a face, 'all', or None for the main one of each shot.
      options: `source`, `like`, `pixels_only`, `anchor` and `teeth` of an `edit.Edit`.
    """

    strengths: Mapping[str, Course]
    strength: Course = 1.0
    face: int | str | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def at(self, number: int, time: float, share: float = 1.0) -> edit_lib.Edit:
        """What is asked of a frame.

        Args:
          number: Of the frame, from 0.
          time: Seconds.
          share: Of the strength.
        """
        value = functools.partial(_value, number=number, time=time)
        strengths = {name: value(course) for name, course in self.strengths.items()}
        return edit_lib.Edit(strengths, strength=share * value(self.strength), **self.options)


def _value(course: Course, number: int, time: float) -> float:
    if callable(course):
        return float(course(time))
    if np.ndim(course):
        return float(course[min(number, len(course) - 1)])
    return float(course)


def film_edit(
    strengths: Sequence[Mapping[str, Course]],
    named: Mapping[str, Course],
    strength: Course,
    face: int | str | None,
    options: Mapping[str, Any],
) -> FilmEdit:
    """Checks what is asked.

    Raises:
      InputError: Something is given twice, or is no strength.
    """
    if len(strengths) > 1 or not all(isinstance(values, Mapping) for values in strengths):
        raise InputError("give strengths by expression, as edit({'smile': 1.0}) or edit(smile=1.0)")
    given = dict(strengths[0]) if strengths else {}
    if twice := set(given) & set(named):
        raise InputError(f'the strength of {", ".join(sorted(twice))} is given twice; give it once')
    for name, course in {**given, **named, 'strength': strength}.items():
        if callable(course):
            continue
        if np.ndim(course) and not len(course):
            raise InputError(f'{name} is an empty list; give a number, one for each frame, or a function of seconds')
        for value in course if np.ndim(course) else [course]:
            edit_lib.number(name, value)
    if not (face is None or face == 'all' or (isinstance(face, numbers.Integral) and face > 0)):
        raise InputError(f"face is {face!r}; give its number, from 1 on, or 'all'")
    if options.get('teeth') is not None:
        options = {**options, 'teeth': options['teeth'].teeth()}
    return FilmEdit({**given, **named}, strength, face, options)


class EditableFilm:
    """A film, whose frames are read when they are asked for; iterate for them, (H, W, 3) uint8 RGB.

    Args:
      model: The model.
      footage: The film.
    """

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
        """Edits faces in all frames, or from `start` to `end`; for what is not said here see `EditablePhoto.edit`.

        Every strength is a number, a sequence with one for each frame, or a function of the time in seconds.

        Args:
          *strengths: By expression.
          strength: A factor for everything; where it is 0 frames are the film's own, bit for bit.
          face: The number of a face, as they appear, the largest of the first frame first; 'all'; None for the main one
            of each shot.
          start: Where the part begins, seconds.
          end: Where it ends; the film's end when None.
          source: The expression to come from.
          like: See `Editor.example`.
          pixels_only: Leave out content and shading.
          anchor: Whether the edit starts from each frame itself.
          teeth: A photo of the same person whose teeth are shown where the mouth opens.
          **named: Strengths of expressions.

        Raises:
          InputError: An expression is unknown, or a strength is given twice.
        """
        options = {'source': source, 'like': like, 'pixels_only': pixels_only, 'anchor': anchor, 'teeth': teeth}
        asked = film_edit(strengths, named, strength, face, options)
        return EditedFilm(self, asked, start, end)


class EditedFilm:
    """An edit of a film; iterate for its frames, (H, W, 3) uint8 RGB, or `save` it.

    Args:
      original: What is edited.
      edit: What is asked.
      start: Of the part, seconds.
      end: The same.
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
        given = self.edit.strengths.items()
        constant = {name: course for name, course in given if not callable(course) and not np.ndim(course)}
        names = [f'{name} {constant[name]:.4g}' if name in constant else name for name, _ in given]
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
        with recode.writing(path, self.original.footage, **options) as write:
            for shown in progress(self.shown()):
                write(shown)


def edit_stream(model: Model, items: Iterable[Any], edit: FilmEdit) -> Iterator[Any]:
    """Edits frames as they come, a dozen frames late.

    Args:
      model: The model.
      items: Objects with a `frame` and a `time`.
      edit: What is asked.

    Returns:
      The same with other frames, those in which nothing changes as they were.

    Raises:
      InputError: No frame shows a face that is asked for, or the strengths cannot be used.
    """
    edit.at(0, 0.0).latent(model, _no_face(model))  # names and numbers, before the work
    settled = stream.ahead(follow.settle(follow.follow(items)), _AHEAD)
    # A core that waits for the network moves pixels meanwhile.
    for planned in stream.ahead(steady.steady(model, _plan(model, settled, edit)), _READY):
        yield _carried_out(planned, edit)


def _no_face(model: Model) -> EncodedFace:
    latent = next(iter(model.bundle.statistics.class_means.values()))
    return EncodedFace(None, latent, None, None, None)


def _plan(model: Model, settled: Iterable[follow.Settled], edit: FilmEdit) -> Iterator[steady.Planned]:
    """What changes in each frame."""
    insides, shot, seen = {}, -1, False
    for number, here in enumerate(settled):
        if here.shot != shot:
            insides, shot = {}, here.shot
        wanted = {None: [here.main], 'all': list(here.faces)}.get(edit.face, [edit.face])
        changes = {}
        for person in wanted:
            if person not in here.faces:
                continue
            seen = True
            asked = edit.at(number, float(here.item.time), here.presence[person])
            if edit.options.get('anchor', True) and not _does_anything(asked):
                continue
            matrix = align.crop_transform(here.faces[person], model.size, model.frame)
            face = model.encode(aligned(here.item.frame, matrix, model.size), teeth=False)
            if person not in insides:
                insides[person] = _Inside.of(model, face, asked)
            inside, own, held = insides[person], None, None
            face, latent = inside.given_to(model, face), asked.latent(model, face)
            if inside.lips_closed is not None:
                inside.see(model, face)
                own = speech.inside(model, face, inside.lips_closed)
                face = face._replace(slit=own)  # lips that are apart already are not parted
            change = model.change(face, latent, asked.anchor)
            if own is not None:
                held = _lips(model, here.item.frame, matrix, face._replace(latent=latent), own, change, inside)
                if change.content.alpha.max() > _SHOWS:
                    change = speech.uncovered(change, own)
            changes[person] = steady.Changed(matrix, face, change, held)
        yield steady.Planned(here.item, shot, changes)
    if not seen:
        what = 'no face that can be found' if edit.face in (None, 'all') else f'no face {edit.face}'
        raise InputError(f'the film shows {what}; take one with an upright, roughly frontal face')


def _lips(
    model: Model,
    frame: frame_lib.Planes | frame_lib.Picture,
    matrix: np.ndarray,
    edited: EncodedFace,
    own: np.ndarray,
    change: Change,
    inside: '_Inside',
) -> lips.Lips | None:
    """The lips of a face with the opening `own`, and how its edit, of the latent of `edited`, closes them."""
    if not mouth.is_open(own, model.frame):
        return None
    wanted = speech.inside(model, edited, inside.lips_closed)
    finer = portrait.scale_transform(matrix, _FINE_MOUTH / model.size)
    crop = functools.partial(aligned, frame, finer, _FINE_MOUTH)
    return lips.of(own, wanted, change.displacement, crop, model.frame)


def _does_anything(edit: edit_lib.Edit) -> bool:
    return bool(edit.strength) and (edit.like is not None or any(edit.strengths.values()))


@dataclasses.dataclass(eq=False)
class _Inside:
    """What is known of a mouth, and of the skin around it, for a whole shot.

    Attributes:
      donor: Whose teeth are shown where it opens, if anybody's.
      folds: Of skin; see `EncodedFace`.
      lips_closed: The face with its lips closed; None where nothing is laid over it.
    """

    donor: exemplar.Donor | None
    folds: folds_lib.Placed | None
    lips_closed: EncodedFace | None
    _seen: int = 0

    def given_to(self, model: Model, face: EncodedFace) -> EncodedFace:
        """A face of the shot with its teeth and folds, which are less deep where the frame shows them already."""
        folds = self.folds and self.folds._replace(shown=model.shown(face))
        return face._replace(donor=self.donor, folds=folds)

    def see(self, model: Model, face: EncodedFace) -> None:
        """Looks now and then whether a frame shows the lips more closed."""
        self._seen += 1
        if self._seen % _LOOK == 0 and speech.is_more_closed(model, face, self.lips_closed):
            self.lips_closed = speech.closed(model, face)

    @classmethod
    def of(cls, model: Model, face: EncodedFace, edit: edit_lib.Edit) -> '_Inside':
        """Of a face in the first frame of a shot in which it is edited."""
        if not model.bundle.config.model.content:
            return cls(None, None, None)
        exemplars = model.bundle.exemplars if edit.teeth is None else edit.teeth
        donor = None if exemplars is None or edit.pixels_only else model.with_teeth(face, exemplars).donor
        if not edit.anchor:
            return cls(donor, None, None)
        closed = speech.closed(model, face)
        return cls(donor, model.with_folds(closed).folds, closed)


def _rectangle(matrix: np.ndarray, size: int, shape: tuple[int, ...]) -> portrait.Box:
    """The part of a frame that a crop reads, even so that chroma goes along."""
    y0, y1, x0, x1 = portrait.face_region(matrix, size, shape)
    y0, x0 = (max(low - _MARGIN, 0) // 2 * 2 for low in (y0, x0))
    y1, x1 = (min(-(-(high + _MARGIN) // 2) * 2, side) for high, side in zip((y1, x1), shape))
    return y0, max(y1, y0), x0, max(x1, x0)


def aligned(frame: frame_lib.Planes | frame_lib.Picture, matrix: np.ndarray, size: int) -> np.ndarray:
    """The aligned crop of a face; large faces are reduced first, most of the way."""
    y0, y1, x0, x1 = box = _rectangle(matrix, size, frame.shape)
    pixels, matrix = frame.pixels(box), _within(matrix, box)
    times = int(0.5 / portrait.scale_of(matrix))
    if times > 1 and pixels.size:
        height, width = y1 - y0, x1 - x0
        pixels = cv2.copyMakeBorder(pixels, 0, -height % times, 0, -width % times, cv2.BORDER_REPLICATE)
        smaller = pixels.shape[1] // times, pixels.shape[0] // times
        pixels = cv2.resize(pixels, smaller, interpolation=cv2.INTER_AREA)
        # The center of the first smaller pixel is that of the square it stands for.
        shift = align.transform_points(matrix, np.full(2, (times - 1) / 2))
        matrix = np.column_stack([times * matrix[:, :2], shift])
    return align.align_crop(pixels, matrix, size)


def _within(matrix: np.ndarray, box: portrait.Box) -> np.ndarray:
    """The similarity from px of a part of a frame."""
    return np.column_stack([matrix[:, :2], align.transform_points(matrix, (box[2], box[0]))])


def _carried_out(planned: steady.Planned, edit: FilmEdit):
    """The frame with its changes."""
    frame = planned.item.frame
    for changed in planned.changes.values():
        pixels_only = edit.options.get('pixels_only', False)
        frame = retouch.carried_out(frame, changed.change, changed.matrix, pixels_only, changed.seam)
    return dataclasses.replace(planned.item, frame=frame)


@dataclasses.dataclass(frozen=True, eq=False)
class _Moment:
    """A frame of somebody else's program, and its time, seconds."""

    frame: frame_lib.Picture
    time: float


def edit_frames(model: Model, frames: Iterable[np.ndarray], edit: FilmEdit, fps: float) -> Iterator[np.ndarray]:
    """`edit_stream` for arrays, (H, W, 3) uint8 RGB of one size, of which `fps` make a second."""
    moments = (_Moment(frame_lib.Picture(rgb), n / fps) for n, rgb in zip(itertools.count(), _checked(frames)))
    return (moment.frame.rgb for moment in edit_stream(model, moments, edit))


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    shape = None
    for number, rgb in enumerate(frames):
        shape = shape or np.shape(rgb)
        if np.shape(rgb) != shape or len(shape) != 3 or shape[2] != 3 or rgb.dtype != np.uint8:
            raise InputError(f'frame {number} is {rgb.dtype} {np.shape(rgb)}; give uint8 (H, W, 3), all of one size')
        yield rgb
