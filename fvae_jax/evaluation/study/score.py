"""What the answers to a perception study say: Table 2 of the paper by its rules (section 6.3)."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.evaluation.statistics import Value, crossed_share, independent_share
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


class StudyResult(NamedTuple):
    """A study's outcome.

    Attributes:
      study: The study's id.
      labels: The answers that count by method, in the order of the key: 1 for 'real', 0 for 'fake', NaN where skipped
        or not judged, (participants, images).
      dropped: A line for each participant who was dropped.
      replaced: A line for each file that gave way to a later one of the same participant.
    """

    study: str
    labels: dict[str, np.ndarray]
    dropped: list[str]
    replaced: list[str]


def score(files: Iterable[str | os.PathLike], key: str | os.PathLike) -> StudyResult:
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
    latest: dict[str, Answers] = {}
    for given in sorted(answers, key=lambda given: given.finished):
        latest[given.participant] = given
    replaced = [
        f'left out: {given.file.name}, a later file of the same participant counts'
        for given in answers
        if latest[given.participant] is not given
    ]
    codes = {'real': 1.0, 'fake': 0.0}
    columns = {method: [image for image, of in key.images.items() if of == method] for method in key.methods}
    kept, dropped = [], []
    for given in latest.values():
        labels = {
            method: [codes.get(given.answers.get(image), np.nan) for image in images]
            for method, images in columns.items()
        }
        judged = [label for label in labels[REAL] if not np.isnan(label)]
        if judged and np.mean(judged) >= _LEAST_ACCURACY:
            kept.append(labels)
        else:
            correct = (
                f'labelled {judged.count(1)} of {len(judged)} real images real, below {100 * _LEAST_ACCURACY:.0f} %'
            )
            why = correct if judged else 'judged no real image'
            dropped.append(f'dropped: participant {given.participant} ({given.file.name}) {why}')
    by_method = {
        method: np.reshape([labels[method] for labels in kept], (len(kept), len(images)))
        for method, images in columns.items()
    }
    return StudyResult(key.study, by_method, dropped, replaced)


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
