"""Following faces through a film: found once, then looked for where they are expected, and kept apart by number.

A face is found by the detector on the first frame of a shot and now and then, and in between its landmarks are read
where it moves to. Readings tremble by a tenth of a pixel of the crop or so; over a few frames before and after they are
replaced by a parabola, which a face that turns or nods follows closely.
"""

import collections
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np

from fvae_jax.data import align
from fvae_jax.editing.stream import windows
from fvae_jax.ops import maps
from fvae_jax.ops.frame import Frame

REACH = 6  # frames before and after that smoothing looks at, and over which an edit comes and goes
_SPREAD = 3.5  # frames, deviation of the weights
_CONFIRM = 4  # frames from one look of the detector at a followed face to the next
_SEARCH, _MISSING = 50, 6  # frames from one search of the whole frame to the next: nobody missing, somebody missing
_WAIT = 250  # frames after which nobody who is gone is waited for, as long as somebody is there
_FASTEST = 0.15  # eye distances a frame by which a reading may differ from what was expected
_THUMBNAIL = (32, 18)
_PAN = (3, 5)  # px of a thumbnail, down and across, by which a camera may move from frame to frame
_CUT = 20.0  # difference of thumbnails, of 255, from which on there may be a cut,
_SUDDEN = 3.0  # if it is so many times that of the frames before
_SAME_PLACE = 1.0  # eye distances within which a face that is found is one that was there


@dataclasses.dataclass(frozen=True, eq=False)
class Followed:
    """A frame with its faces.

    Attributes:
      item: What was given: it has a `frame`, with `luma` and `pixels()`.
      shot: The number of its shot, from 0.
      faces: Landmarks, (5, 2) px, by number of the face.
      main: The number of the main face of the shot; None if it has none yet.
      presence: By number of the face, how much of an edit is shown, 0 to 1: less before a face is lost and after it
        came back. Empty before `settle`.
    """

    item: Any
    shot: int
    faces: dict[int, np.ndarray]
    main: int | None
    presence: dict[int, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(eq=False)
class _Person:
    """A face that is known: where it was last, how it looks and moves, and for how many frames it is gone."""

    landmarks: np.ndarray
    look: np.ndarray
    motion: np.ndarray | float = 0.0
    there: bool = True
    gone: int = 0

    def expected(self) -> np.ndarray:
        return self.landmarks + self.motion


def follow(items: Iterable[Any]) -> Iterator[Followed]:
    """Follows all faces of a film.

    Numbers go from 1, the largest face of the first frame first, as in photos; who comes later gets the next one. After
    a cut, and when a face comes back, it has the number of the one that looks most alike. Items are frames in their
    order, each an object with a `frame`.
    """
    people: dict[int, _Person] = {}
    cuts, shot, main, since = _Cuts(), -1, None, 0
    for item in items:
        frame = item.frame
        if cuts.at(frame.luma):
            shot, since, main = shot + 1, 0, None
            for person in people.values():
                person.there = False
        for person in people.values():
            person.gone = 0 if person.there else person.gone + 1
        gone = [person.gone for person in people.values()]
        missing = all(gone) or any(0 < frames < _WAIT for frames in gone)
        if since % (_MISSING if missing else _SEARCH) == 0:
            found = _search(frame, people)
            main = main or found
        for person in people.values():
            if person.there and since:
                _find_again(frame.luma, person, confirm=since % _CONFIRM == 0)
        faces = {number: person.landmarks for number, person in people.items() if person.there}
        yield Followed(item, shot, faces, main)
        since += 1


def settle(stream: Iterable[Followed]) -> Iterator[Followed]:
    """Smooths landmarks over time, and lets edits come and go softly where a face is lost; `REACH` frames late."""
    for here, around in windows(stream, REACH):
        shown = [(other.faces, n) for other, n in around if other.shot == here.shot]
        faces, presence = {}, {}
        for number in here.faces:
            nearest = min((abs(n) for others, n in shown if number not in others), default=REACH + 1)
            near = [(others[number], n) for others, n in shown if abs(n) < nearest]
            faces[number] = _parabola(*map(np.array, zip(*near)))
            presence[number] = float(maps.smooth_step(nearest - 1, 0, REACH))
        yield dataclasses.replace(here, faces=faces, presence=presence)


def _parabola(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The value at 0 of the parabola that fits (n, 5, 2) points at (n,) places best, near ones above all."""
    powers = places[:, None] ** np.arange(min(3, len(places)))
    weights = np.exp(-0.5 * (places / _SPREAD) ** 2)
    solve = np.linalg.pinv(powers * weights[:, None])[0] * weights
    return np.tensordot(solve, points, 1)


class _Cuts:
    """Tells where a shot begins: the picture changes by much more than before, also if it may have moved."""

    def __init__(self):
        self._last, self._changes = None, collections.deque(maxlen=8)

    def at(self, luma: np.ndarray) -> bool:
        thumbnail = cv2.resize(luma, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
        last, self._last = self._last, thumbnail
        if last is None:
            return True
        y, x = _PAN
        middle = thumbnail[y:-y, x:-x]
        squares = cv2.matchTemplate(last, middle, cv2.TM_SQDIFF)
        change = float(np.sqrt(max(squares.min(), 0) / middle.size))
        if change > max(_CUT, _SUDDEN * float(np.mean(self._changes or [0.0]))):
            self._changes.clear()
            return True
        self._changes.append(change)
        return False


def _search(frame: Any, people: dict[int, _Person]) -> int | None:
    """Finds faces in all of a frame and gives them numbers; returns that of the main one."""
    faces = align.detect_faces(frame.pixels())
    subject, main = align.main_face(faces), None
    free = {number for number, person in people.items() if not person.there}
    for face in faces:
        here = (n for n, person in people.items() if n not in free and _same_place(person, face.landmarks))
        if (number := next(here, None)) is None:
            if not align.is_face(frame.luma, face.landmarks):
                continue  # half hidden: it would be lost in the next frame
            look = _look(frame, face.landmarks)
            alike = {n: likeness for n in free if (likeness := float(people[n].look @ look)) >= _ALIKE}
            number = max(alike, key=alike.get, default=max(people, default=0) + 1)
            people[number] = _Person(face.landmarks, look)
            free.discard(number)
        if face is subject:
            main = number
    return main


# Correlation of two small upright pictures of faces above which they may be one person's.
_ALIKE = 0.6
_LOOK_SIDE = 24
_LOOK_FRAME = Frame(0.30, 0.35)


def _look(frame: Any, landmarks: np.ndarray) -> np.ndarray:
    """A face as a small upright picture, of mean 0 and length 1."""
    matrix = align.crop_transform(landmarks, _LOOK_SIDE, _LOOK_FRAME)
    small = align.align_crop(frame.pixels(), matrix, _LOOK_SIDE).astype(np.float32)
    small -= small.mean()
    return small.ravel() / max(float(np.linalg.norm(small)), 1e-6)


def _same_place(person: _Person, landmarks: np.ndarray) -> bool:
    """Whether a face that was found is one that is followed."""
    (left, right), (other, _) = align.eye_centers(landmarks), align.eye_centers(person.expected())
    return np.hypot(*(left - other)) < _SAME_PLACE * np.hypot(*(right - left))


def _find_again(luma: np.ndarray, person: _Person, confirm: bool) -> None:
    """Reads the landmarks of a face where it is expected; it is lost where they are nowhere near, or are no face's."""
    expected = person.expected()
    landmarks = align.find_again(luma, expected)
    distance, before = (float(np.hypot(*np.subtract(*align.eye_centers(points)))) for points in (landmarks, expected))
    strayed = float(np.abs(landmarks - expected).max()) > max(_FASTEST * before, 1.0)
    inside = (landmarks > 0).all() and (landmarks < luma.shape[::-1]).all()
    as_large = 0.8 < distance / max(before, 1e-6) < 1.25
    person.there = bool(inside and as_large and (not (confirm or strayed) or align.is_face(luma, landmarks)))
    if person.there:
        person.motion = 0.5 * person.motion + 0.5 * (landmarks - person.landmarks)
        person.landmarks = landmarks
