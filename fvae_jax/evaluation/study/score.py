"""The answers to a perception study: files that may hold anything, and Table 2 by the rules of section 6.3."""

import datetime
import json
import pathlib
import re
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.evaluation.statistics import Value, crossed_share, independent_share
from fvae_jax.evaluation.study.page import KEY, REAL
from fvae_jax.evaluation.tables import Cell, Column, Row, Table, shown

# Table 2 of the paper, % labelled real, by the names that its methods have here.
PAPER = {REAL: 89.7, 'FVAE': 59.4, 'VAE': 35.6, 'average flow': 41.6}

# "Users performing below 50% accuracy on the real images are dropped" (6.3).
_LEAST_ACCURACY = 0.5
_INTERVALS = (
    'The 95 % interval (Wilson) is for other participants and other images of the method; "if independent" counts all '
    'answers as independent: too narrow where people or images differ.'
)
# A file of 40 answers has 3 kB.
_LARGEST = 5 * 2**20
_ANSWERS = ('real', 'fake', 'skip')
# Of names of studies, methods and images: they are printed.
_LONGEST = 100


class Key(NamedTuple):
    """What the participants do not know."""

    study: str  # the study's id
    methods: tuple[str, ...]  # and 'real', in the order of the table
    images: dict[str, str]  # the method of every image id


class Answers(NamedTuple):
    """One participant's file."""

    file: pathlib.Path
    participant: str  # 16 hexadecimal digits
    finished: datetime.datetime  # when the last image was judged
    answers: dict[str, str]  # 'real', 'fake' or 'skip' by image id


class StudyResult(NamedTuple):
    """A study's outcome.

    Attributes:
      labels: The answers that count by method, in the order of the key: 1 for 'real', 0 for 'fake', NaN where skipped
        or not judged, (participants, images).
    """

    study: str  # the study's id
    labels: dict[str, np.ndarray]
    dropped: list[str]  # a line for each participant who was dropped
    replaced: list[str]  # and for each file that gave way to a later one of the same participant


def score(files: Iterable[pathlib.Path], key: pathlib.Path) -> StudyResult:
    """Scores the files that participants saved, by the study's key.json; of several by one, the last finished counts.

    Raises:
      InputError: No files, or one that is not of this study.
    """
    opened = read_key(key)
    answers = [read_answers(file, opened) for file in files]
    if not answers:
        raise InputError('no answer files; give those that the participants saved, answers-….json')
    return tally(answers, opened)


def tally(answers: Sequence[Answers], key: Key) -> StudyResult:
    """Applies the rules of section 6.3 to answers that were read."""
    latest = {given.participant: given for given in sorted(answers, key=lambda given: given.finished)}
    people = list(latest.values())
    replaced = [
        f'left out: {given.file.name}, a later file of the same participant counts'
        for given in answers
        if latest[given.participant] is not given
    ]
    codes, labels = {'real': 1.0, 'fake': 0.0}, {}
    for method in key.methods:
        images = [image for image, of in key.images.items() if of == method]
        labels[method] = np.array(
            [[codes.get(given.answers.get(image), np.nan) for image in images] for given in people]
        )
    judged, right = np.sum(~np.isnan(labels[REAL]), axis=1), np.nansum(labels[REAL], axis=1)
    kept = (judged > 0) & (right >= _LEAST_ACCURACY * judged)
    dropped = []
    for i in np.flatnonzero(~kept):
        why = f'labelled {right[i]:.0f} of {judged[i]} real images real, below {100 * _LEAST_ACCURACY:.0f} %'
        why = why if judged[i] else 'judged no real image'
        dropped.append(f'dropped: participant {people[i].participant} ({people[i].file.name}) {why}')
    return StudyResult(key.study, {method: found[kept] for method, found in labels.items()}, dropped, replaced)


def table(result: StudyResult | None) -> Table:
    """Table 2, the paper's numbers beside it; None for the paper's alone."""
    if result:
        count = len(result.labels[REAL])
        caption = f'{count} participant{"s" * (count != 1)}, {len(result.dropped)} dropped; study {result.study}.'
        rows = [
            Row(method, [*_cells(labels), PAPER.get(method.partition(' (')[0])])
            for method, labels in result.labels.items()
        ]
    else:
        caption = "No answers yet; the paper's numbers."
        rows = [Row(method, [None, None, None, share]) for method, share in PAPER.items()]
    shares = [Column(heading, '%', 1) for heading in ('labelled real', 'if independent', 'paper')]
    columns = [Column('judged', '', 0), *shares]
    return Table('table2', 'Table 2', f'{caption} {_INTERVALS}', columns, rows)


def _cells(labels: np.ndarray) -> list[Cell]:
    """How many were judged, the share that is 'real' with its interval, and the interval if all were independent."""
    judged = int(np.sum(~np.isnan(labels)))
    if not judged:
        return [0, 'n/a', 'n/a']
    share = int(np.nansum(labels)) / judged
    alone = Value(share, *independent_share(labels)).percent()
    crossed = Value(share, *crossed_share(labels)).percent()
    return [judged, crossed, f'{shown(alone.low, 1)} – {shown(alone.high, 1)}']


def read_key(path: pathlib.Path) -> Key:
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


def read_answers(path: pathlib.Path, key: Key) -> Answers:
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
    return Answers(path, participant, finished, answers)


def _read(path: pathlib.Path, what: str, remedy: str) -> dict[str, Any]:
    if not path.is_file():
        state = 'is not a file' if path.exists() else 'does not exist'
        raise InputError(f"{what} '{path}' {state}; {remedy}")
    try:
        with path.open('rb') as file:
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
