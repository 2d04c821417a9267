"""What is asked of a film: the edit of each frame, whose strengths may change over time."""

import dataclasses
import functools
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fvae_jax.editing import edit as edit_lib
from fvae_jax.errors import InputError

# A number, one for each frame (the last goes on), or a function of the time in seconds.
Course = float | Sequence[float] | Callable[[float], float]

# The options of an edit that mean the same in photos and films.
OPTIONS = ('source', 'like', 'pixels_only', 'anchor', 'teeth')


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
        """What is asked of a frame by its number, from 0, and its time, seconds; `share` of the strength."""
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
    """What is asked of a film, checked.

    Raises:
      InputError: Something is given twice, or is no strength.
    """
    given = edit_lib.given(strengths, named)
    for name, course in {**given, 'strength': strength}.items():
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
    return FilmEdit(given, strength, face, options)
