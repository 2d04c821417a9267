"""What a set of faces holds, as a short table, and what is odd in it: labels that are wrong in a plausible way."""

import collections
import itertools
from collections.abc import Sequence

from fvae_jax.data.builder import FaceData, Record
from fvae_jax.data.index import NEUTRAL

# Nobody is called so.
_EXPRESSIONS = frozenset(
    (
        *('neutral', 'smile', 'smiling', 'happy', 'surprise', 'surprised', 'sad', 'anger', 'angry', 'fear', 'disgust'),
        *('contempt', 'scream', 'squint', 'pucker', 'wink', 'laugh', 'laughing', 'frown', 'brow_raise'),
    )
)
# What may be odd about an image that is there several times.
_REMEDIES = {
    'is listed twice': 'drop one',
    'belongs to several people': 'keep the right one; until then they train or test together',
    'shows several expressions of one person': 'keep the right one',
}
_NAMED = 3  # examples in a message


def table(data: FaceData, parts: dict[str, Sequence[str]]) -> str:
    """Counts images and people by expression, and the images of the people of each part."""
    part_of = {name: part for part, names in parts.items() for name in names}
    images: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    people = collections.defaultdict(set)
    for record in data.records:
        images[record.expression][part_of.get(record.identity, 'left out')] += 1
        people[record.expression].add(record.identity)
    columns = [*parts, *(['left out'] if any('left out' in counts for counts in images.values()) else [])]
    rows = [['expression', 'people', 'images', *(f'of {part}' for part in columns)]]
    for name in sorted(images, key=lambda name: (name != NEUTRAL, name)):
        counts = images[name]
        rows.append([name, str(len(people[name])), str(counts.total()), *(str(counts[part]) for part in columns)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return '\n'.join(
        '  '.join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        for row in rows
    )


def doubts(data: FaceData) -> list[str]:
    """What is odd in a set, a line each, with the remedy."""
    records = data.records
    found = []
    people = sorted({record.identity for record in records})
    expressions = collections.Counter(record.expression for record in records)
    if swapped := [name for name in people if name.lower() in _EXPRESSIONS]:
        found.append(
            f'people are called {_some(swapped)}: name folders IDENTITY/EXPRESSION.jpg, as ann/smile.jpg; in a table '
            'the column identity says who it is'
        )
    if NEUTRAL not in expressions:
        found.append(
            f'no image is called {NEUTRAL!r}, from which the others start: edits then have nothing to start from; '
            f'name those of a calm face so (there are {_some(sorted(expressions))})'
        )
    if alone := [name for name, count in sorted(expressions.items()) if count == 1]:
        found.append(
            f'there is one image only of {_some(alone)}: nothing can be learned from it; leave it out or add more'
        )
    same = {what: [] for what in _REMEDIES}
    for group in data.repeated:
        labels = {(records[i].identity, records[i].expression) for i in group}
        sitters = {identity for identity, _ in labels}
        odd = len(group) > len(labels), len(sitters) > 1, len(labels) > len(sitters)
        for what in itertools.compress(_REMEDIES, odd):
            same[what].append(' = '.join(_name(records[i]) for i in group))
    for what, images in same.items():
        if images:
            found.append(f'the same image {what}: {_some(images)}; {_REMEDIES[what]}')
    if names := [f'{_name(records[i])} ~ {_name(records[j])}' for i, j in data.similar]:
        found.append(
            f'images of two people look the same, as if one were saved again: {_some(names)}; keep the right one, or '
            'somebody is tested on a copy of what was trained on'
        )
    return found


def _name(record: Record) -> str:
    return f'{record.file} ({record.identity}, {record.expression})'


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ', '.join(names[:_NAMED]) + (f' and {rest} more' if rest > 0 else '')
