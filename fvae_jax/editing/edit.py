"""What is asked of a face, in a photo or over time in a film: where its latent is to go, and what is shown of it."""

import dataclasses
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import latent as latent_lib
from fvae_jax.editing.model import Model
from fvae_jax.editing.records import EncodedFace
from fvae_jax.errors import InputError
from fvae_jax.version import __version__

T = TypeVar('T')

# A number, one for each frame (the last goes on), or a function of the time in seconds.
Course = float | Sequence[float] | Callable[[float], float]

# The options of an edit that mean the same in photos and films.
OPTIONS = ('source', 'like', 'pixels_only', 'anchor', 'teeth')


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """An expression shown by a photo from outside the training set (the paper's "fear", 6.1).

    Attributes:
      expression: Z of the photo that shows it.
      neutral: Z of the same person's neutral photo; None stands for the photo that is edited, the paper's
        Z_source ≈ Z(S), which also moves whatever else distinguishes the two photos.
      name: For people.
    """

    expression: np.ndarray
    neutral: np.ndarray | None
    name: str

    def direction(self, latent: np.ndarray) -> np.ndarray:
        """The direction for a face with Z(S) = `latent`, (4, 4, C)."""
        return self.expression - (latent if self.neutral is None else self.neutral)


@dataclasses.dataclass(frozen=True, eq=False)
class Edit:
    """What is asked of a face: `strength` times the sum of its directions.

    Attributes:
      strengths: By expression; see `Model.edited_latent`.
      source: The expression to come from.
      like: An example whose direction is added.
      strength: A factor for everything; anchored, 0 is the photo itself.
      pixels_only: Whether content and shading are left out.
      anchor: Whether the edit starts from the photo itself; see `Model`.
      teeth: Those that are shown where the mouth opens; None takes the model's exemplars.
    """

    strengths: Mapping[str, float]
    source: str = latent_lib.NEUTRAL
    like: Example | None = None
    strength: float = 1.0
    pixels_only: bool = False
    anchor: bool = True
    teeth: bundle_lib.Exemplars | None = None

    def latent(self, model: Model, face: EncodedFace) -> np.ndarray:
        """Z_edit, (4, 4, C).

        Raises:
          InputError: An expression is unknown or a strength is not finite.
        """
        latent_lib.check_strength('strength', self.strength)
        strengths = {name: self.strength * value for name, value in self.strengths.items()}
        edited = model.edited_latent(face, strengths, source=self.source)
        if self.like is None:
            return edited
        return edited + np.float32(self.strength) * self.like.direction(face.latent)

    def __str__(self) -> str:
        start = '' if self.source == latent_lib.NEUTRAL else f'{self.source} to '
        parts = [f'{start}{name} {self.strength * value:.4g}' for name, value in self.strengths.items()]
        if self.like is not None:
            parts.append(f'like {self.like.name} {self.strength:.4g}')
        if self.teeth is not None:
            parts.append('own teeth')
        return (', '.join(parts) or 'nothing') + ('' if self.anchor else ', not anchored')


def provenance(model: Model, what: str) -> dict[str, str]:
    """What a file notes of a picture that a model had a part in: program, model and what was done."""
    name = str(model.bundle.info.get('experiment', model.bundle.config.name))
    return {'Software': f'fvae_jax {__version__}', 'Model': name, 'Edit': what}


def given(strengths: Sequence[Mapping[str, T]], named: Mapping[str, T]) -> dict[str, T]:
    """Strengths by expression, of a mapping and keywords; raises `InputError` where one is given twice."""
    if len(strengths) > 1 or not all(isinstance(values, Mapping) for values in strengths):
        raise InputError(
            f'edit({", ".join(map(repr, strengths))}): give strengths by expression, '
            "as edit({'smile': 1.0}) or edit(smile=1.0)"
        )
    first = strengths[0] if strengths else {}
    if both := set(first) & set(named):
        raise InputError(f'the strength of {", ".join(sorted(both))} is given twice; give it once')
    return {**first, **named}


def number(name: str, value: Any) -> float:
    """A strength; what only looks like one (texts, truths, arrays of several) is refused.

    Raises:
      InputError: It is no number.
    """
    looks = isinstance(value, (bool, np.bool_, str, bytes)) or np.iscomplexobj(value) or np.ndim(value)
    try:
        if not looks:
            return float(value)
    except (TypeError, ValueError):
        pass
    raise InputError(f'strength of {name} is {value!r}; give a number, as 1.0')


class FilmEdit:
    """What is asked of a film, checked; for what is not said here see `Edit`.

    Args:
      strengths: By expression, as `given` takes them.
      named: By expression.
      strength: A factor for all.
      face: The number of a face, 'all', or None for the main one of each shot.
      options: `source`, `like`, `pixels_only` and `anchor` of an `Edit`; `teeth` as a photo that shows them.

    Raises:
      InputError: Something is given twice, or is no strength.
    """

    def __init__(
        self,
        strengths: Sequence[Mapping[str, Course]],
        named: Mapping[str, Course],
        strength: Course,
        face: int | str | None,
        options: Mapping[str, Any],
    ):
        self.strengths, self.strength, self.face, self.options = given(strengths, named), strength, face, dict(options)
        for name, course in {**self.strengths, 'strength': strength}.items():
            if callable(course):
                continue
            if np.ndim(course) and not len(course):
                raise InputError(
                    f'{name} is an empty list; give a number, one for each frame, or a function of seconds'
                )
            for value in course if np.ndim(course) else [course]:
                number(name, value)
        if not (face is None or face == 'all' or (isinstance(face, numbers.Integral) and face > 0)):
            raise InputError(f"face is {face!r}; give its number, from 1 on, or 'all'")
        if options.get('teeth') is not None:
            self.options['teeth'] = options['teeth'].teeth()

    def at(self, number: int, time: float, share: float = 1.0) -> Edit:
        """What is asked of a frame by its number, from 0, and its time, seconds; `share` of the strength."""

        def value(course: Course) -> float:
            if callable(course):
                return float(course(time))
            return float(course[min(number, len(course) - 1)] if np.ndim(course) else course)

        strengths = {name: value(course) for name, course in self.strengths.items()}
        return Edit(strengths, strength=share * value(self.strength), **self.options)
