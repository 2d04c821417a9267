"""What the answers to a perception study say: Table 2 of the paper by its rules (section 6.3)."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.evaluation.statistics import Value
from fvae_jax.evaluation.study import interval
from fvae_jax.evaluation.study.answers import Answers, Key, read_answers, read_key
from fvae_jax.evaluation.study.page import REAL
from fvae_jax.evaluation.tables import Cell, Column, Row, Table, shown

# Table 2 of the paper, % labelled real, by the names that its methods have here.
PAPER = {REAL: 89.7, 'FVAE': 59.4, 'VAE': 35.6, 'average flow': 41.6}

# "Users performing below 50% accuracy on the real images are dropped" (6.3).
_LEAST_ACCURACY = 0.5
_INTERVALS = (
    'The 95 % interval (Wilson) is for other participants and other images of the method; "if independent" counts all '
    'answers as independent: too narrow where people or images differ.'
)


class MethodAnswers(NamedTuple):
    """One method of Table 2.

    Attributes:
      method: Its name.
      judged: Answers that count: not skipped, of participants who were not dropped.
      real: How many of them are 'real'.
      interval: 95 % interval of the share for other participants and other images, see `interval.crossed`; None
        where nothing was judged, as the next.
      independent: 95 % interval that takes all answers as independent, see `interval.independent`.
    """

    method: str
    judged: int
    real: int
    interval: tuple[float, float] | None
    independent: tuple[float, float] | None


class Dropped(NamedTuple):
    """A participant whose answers do not count.

    Attributes:
      participant: Who.
      file: The name of the file.
      correct: Real images labelled 'real'.
      judged: Real images not skipped; 0 leaves nothing to trust.
    """

    participant: str
    file: str
    correct: int
    judged: int


class StudyResult(NamedTuple):
    """A study's outcome.

    Attributes:
      study: The study's id.
      participants: How many count.
      rows: Table 2, in the order of the key.
      dropped: Who was dropped.
      replaced: Names of files that gave way to a later one of the same participant.
    """

    study: str
    participants: int
    rows: tuple[MethodAnswers, ...]
    dropped: tuple[Dropped, ...]
    replaced: tuple[str, ...]


def score(files: Iterable[str | os.PathLike], key: str | os.PathLike) -> StudyResult:
    """Scores the files that participants saved.

    Args:
      files: One per participant; of several by the same one, the last finished counts.
      key: The study's key.json.

    Returns:
      Table 2 and who was dropped.

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
    latest: dict[str, Answers] = {}
    for given in sorted(answers, key=lambda given: given.finished):
        latest[given.participant] = given
    replaced = tuple(given.file.name for given in answers if latest[given.participant] is not given)
    codes = {'real': 1.0, 'fake': 0.0}
    columns = {method: [image for image, of in key.images.items() if of == method] for method in key.methods}
    kept, dropped = [], []
    for given in latest.values():
        labels = {
            method: [codes.get(given.answers.get(image), np.nan) for image in images]
            for method, images in columns.items()
        }
        on_real = np.array(labels[REAL])
        correct, judged = int(np.nansum(on_real)), int(np.sum(~np.isnan(on_real)))
        if judged and correct >= _LEAST_ACCURACY * judged:
            kept.append(labels)
        else:
            dropped.append(Dropped(given.participant, given.file.name, correct, judged))
    rows = tuple(_row(method, np.array([labels[method] for labels in kept])) for method in key.methods)
    return StudyResult(key.study, len(kept), rows, tuple(dropped), replaced)


def _row(method: str, labels: np.ndarray) -> MethodAnswers:
    judged = int(np.sum(~np.isnan(labels)))
    if not judged:
        return MethodAnswers(method, 0, 0, None, None)
    return MethodAnswers(method, judged, int(np.nansum(labels)), interval.crossed(labels), interval.independent(labels))


def table(result: StudyResult | None) -> Table:
    """Table 2, the paper's numbers beside it; None for the paper's alone."""
    if result:
        caption = f'{_count(result.participants, "participant")}, {len(result.dropped)} dropped; study {result.study}.'
        rows = [Row(row.method, [*_cells(row), PAPER.get(row.method.partition(' (')[0])]) for row in result.rows]
    else:
        caption = "No answers yet; the paper's numbers."
        rows = [Row(method, [None, None, None, share]) for method, share in PAPER.items()]
    columns = [
        Column('judged', '', 0),
        Column('labelled real', '%', 1),
        Column('if independent', '%', 1),
        Column('paper', '%', 1),
    ]
    return Table('table2', 'Table 2', f'{caption} {_INTERVALS}', columns, rows)


def _cells(row: MethodAnswers) -> list[Cell]:
    if not row.judged:
        return [0, 'n/a', 'n/a']
    share = row.real / row.judged
    alone = Value(share, *row.independent).percent()
    return [row.judged, Value(share, *row.interval).percent(), f'{shown(alone.low, 1)} – {shown(alone.high, 1)}']


def left_out(result: StudyResult) -> list[str]:
    """Tells, a line for each file, whose answers do not count, and why."""
    lines = []
    for dropped in result.dropped:
        why = (
            f'labelled {dropped.correct} of {dropped.judged} real images real, below {100 * _LEAST_ACCURACY:.0f} %'
            if dropped.judged
            else 'judged no real image'
        )
        lines.append(f'dropped: participant {dropped.participant} ({dropped.file}) {why}')
    return lines + [f'left out: {file}, a later file of the same participant counts' for file in result.replaced]


def _count(number: int, what: str) -> str:
    return f'{number} {what}' if number == 1 else f'{number} {what}s'
