"""The files of a study that come back: the key, and the answers of participants, which may hold anything."""

import datetime
import json
import os
import pathlib
import re
import reprlib
from typing import Any, NamedTuple

from fvae_jax.errors import InputError
from fvae_jax.evaluation.study.page import KEY, REAL

# A file of 40 answers has 3 kB.
_LARGEST = 5 * 2**20
_ANSWERS = ('real', 'fake', 'skip')
# Of names of studies, methods and images: they are printed.
_LONGEST = 100


class Key(NamedTuple):
    """What the participants do not know.

    Attributes:
      study: The study's id.
      methods: The methods and 'real', in the order of the table.
      images: The method of every image id.
    """

    study: str
    methods: tuple[str, ...]
    images: dict[str, str]


class Answers(NamedTuple):
    """One participant's file.

    Attributes:
      file: Where it was read.
      participant: 16 hexadecimal digits.
      finished: When the last image was judged.
      answers: 'real', 'fake' or 'skip' by image id.
    """

    file: pathlib.Path
    participant: str
    finished: datetime.datetime
    answers: dict[str, str]


def read_key(path: str | os.PathLike) -> Key:
    """Reads key.json of a study.

    Raises:
      InputError: It is not such a file.
    """
    remedy = f'give the {KEY} that was written beside the page'
    key = _read(path, 'key', remedy)
    methods, images = key.get('methods'), key.get('images')
    is_name = lambda value: isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()
    if (
        not isinstance(methods, list)
        or not isinstance(images, dict)
        or not all(map(is_name, [key.get('study'), *methods, *images, *images.values()]))
        or len(set(methods)) < len(methods)
        or set(methods) != set(images.values())
        or REAL not in methods
    ):
        raise InputError(f"key '{path}' is not the key of a study; {remedy}")
    return Key(key['study'], tuple(methods), images)


def read_answers(path: str | os.PathLike, key: Key) -> Answers:
    """Reads and checks the file that a participant of the key's study saved.

    Returns:
      The answers; images without any are absent.

    Raises:
      InputError: It is not such a file, or belongs to another study.
    """
    remedy = 'leave it out, or ask the participant to save it again'
    found = _read(path, 'answers', remedy)

    def check(holds, problem):
        if not holds:
            raise InputError(f"answers '{path}': {problem}; {remedy}")

    if found.get('study') != key.study:
        raise InputError(
            f"answers '{path}' belong to study {reprlib.repr(found.get('study'))}, the key to "
            f"'{key.study}'; leave the file out, or score it with its own key"
        )
    participant, answers = found.get('participant'), found.get('answers')
    check(
        isinstance(participant, str) and re.fullmatch('[0-9a-f]{16}', participant),
        f'participant is {reprlib.repr(participant)}, not 16 hexadecimal digits',
    )
    try:
        finished = datetime.datetime.fromisoformat(found.get('finished'))
    except (TypeError, ValueError):
        finished = None
    check(finished and finished.tzinfo, f'finished is {reprlib.repr(found.get("finished"))}, not a time with its zone')
    check(isinstance(answers, dict), f'answers are {reprlib.repr(answers)}, not a table of image and answer')
    for image, answer in answers.items():
        check(image in key.images, f'image {reprlib.repr(image)} is not in the study')
        check(answer in _ANSWERS, f"image '{image}' is labelled {reprlib.repr(answer)}, not real, fake or skip")
    return Answers(pathlib.Path(path), participant, finished, answers)


def _read(path: str | os.PathLike, what: str, remedy: str) -> dict[str, Any]:
    path = pathlib.Path(path)
    if not path.is_file():
        state = 'is not a file' if path.exists() else 'does not exist'
        raise InputError(f"{what} '{path}' {state}; {remedy}")
    try:
        with open(path, 'rb') as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"{what} '{path}' cannot be read ({error.strerror or error}); {remedy}") from None
    if len(content) > _LARGEST:
        raise InputError(f"{what} '{path}' is larger than {_LARGEST >> 20} MB, too large for such a file; {remedy}")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(f"{what} '{path}' is not JSON; {remedy}") from None
    if not isinstance(found, dict):
        raise InputError(f"{what} '{path}' holds {reprlib.repr(found)}, not a table; {remedy}")
    return found
