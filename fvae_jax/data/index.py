"""Which photos a folder of one's own data holds: index.csv, or IDENTITY/EXPRESSION.jpg."""

import collections
import functools
import hashlib
import math
import os
import pathlib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from fvae_jax.data import lips as lips_lib, table
from fvae_jax.errors import InputError

NEUTRAL = 'neutral'
COLUMNS = ('path', 'identity', 'expression')
ORIGINS = ('real', 'synthetic')

_SEE = 'name a folder of photos (see docs/training.md, "Own data")'
_EXPECTED = f'expected columns {", ".join(COLUMNS)} (see docs/training.md, "Own data")'
_PHOTO_SUFFIXES = {'.jpg', '.jpeg', '.png', '.webp', '.heic', '.heif', '.avif', '.bmp', '.tif', '.tiff'}
_COUNTER = re.compile(r'[\s_.()-]*\d*\)?$')  # smile_2, smile-02, smile (2), smile2 are all smiles


class Entry(NamedTuple):
    """One photo of a set, not yet opened; identity, expression, strength and origin are as in `builder.Source`."""

    root: pathlib.Path  # the folder that `file` and `flow` are relative to
    file: str
    identity: str
    expression: str
    strength: float
    origin: str = 'real'
    flow: str = ''  # the .npz with the true displacement from `reference`, '' if none
    # The photo of the same person that `flow` starts from; the photo itself where other flows start from it; '' where
    # no flow is known.
    reference: str = ''
    # The inner contour of the lips, (x0, y0, x1, …), px of the photo; empty where it is not known.
    lips: tuple[float, ...] = ()


def read_roots(root: str, exclude: Collection[str] = ()) -> list[Entry]:
    """Lists the photos of one or several folders.

    A folder has an index.csv, separated by commas, semicolons or tabs, with the columns path, identity, expression
    and, if wanted, strength, origin, flow and reference, and beside it, if wanted, a lips.csv, see `lips.read`; or else
    photos named IDENTITY/EXPRESSION.jpg, where a number at the end of the name does not count. Expressions are read in
    lower case. A neutral photo has the strength 0.

    Args:
      root: A folder, or several separated by commas; the same name in two of them is one person.
      exclude: Expressions to leave out.

    Raises:
      InputError: A folder is missing, or its index cannot be read; names the folder and the row.
    """
    folders = folders_of(root)
    if not folders:
        raise InputError(f'data.root is empty; {_SEE}')
    excluded = {name.strip().lower() for name in exclude}
    photos = []
    for folder in folders:
        if not os.path.isdir(folder):
            raise InputError(f"data.root '{folder}' is not a folder; {_SEE}")
        has_index = os.path.exists(os.path.join(folder, 'index.csv'))
        photos += _read_index(folder) if has_index else _walk(folder)
    _check_one_folder(photos, root)
    kept = [photo for photo in photos if photo.expression not in excluded]
    if not kept:
        raise InputError(
            f"data.exclude leaves nothing of data.root '{root}', which has only "
            f'{", ".join(sorted({photo.expression for photo in photos}))}'
        )
    return kept


def folders_of(root: str) -> list[str]:
    """The folders that data.root names: one, which may have a comma in its name, or several separated by commas."""
    parts = [root] if os.path.isdir(os.path.expanduser(root)) else root.split(',')
    return [os.path.expanduser(part.strip()) for part in parts if part.strip()]


def fingerprint(photos: Sequence[Entry]) -> str:
    """A digest of the list and of the size and date of every file in it."""
    digest = hashlib.sha256()
    for photo in photos:
        stamps = [_stamp(photo.root / file) for file in (photo.file, photo.flow) if file]
        digest.update(repr((photo[1:], stamps)).encode())  # a folder may move
    return digest.hexdigest()


def _stamp(path: pathlib.Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _walk(folder: str) -> list[Entry]:
    root = pathlib.Path(folder)
    photos = []
    for path in sorted(root.glob('*/*')):
        expression = _COUNTER.sub('', path.stem).lower()
        hidden = path.name.startswith('.') or path.parent.name.startswith('.')
        if path.suffix.lower() in _PHOTO_SUFFIXES and expression and not hidden:
            file = path.relative_to(root).as_posix()
            strength = 0.0 if expression == NEUTRAL else 1.0
            photos.append(Entry(root, file, path.parent.name, expression, strength))
    if not photos:
        raise InputError(
            f"data.root '{folder}' has no index.csv and no photos named IDENTITY/EXPRESSION.jpg; {_EXPECTED}"
        )
    return photos


def _read_index(folder: str) -> list[Entry]:
    lips = lips_lib.read(folder)
    rows = table.read(os.path.join(folder, 'index.csv'), f"data.root '{folder}' has an index.csv", COLUMNS, _EXPECTED)
    photos = _find_references({row.line: _entry(folder, row, lips) for row in rows})
    if not photos:
        raise InputError(f"data.root '{folder}' has an index.csv without rows; {_EXPECTED}")
    return photos


def _entry(folder: str, row: table.Row, lips: Mapping[str, tuple[float, ...]]) -> Entry:
    cell, wrong = row.text, functools.partial(_wrong, folder, row.line)
    for column in COLUMNS:
        if not cell(column):
            raise wrong(f"the column '{column}' is empty")
    for column in ('path', 'flow', 'reference'):
        inside = os.path.normpath(cell(column))
        if os.path.isabs(inside) or inside.split(os.sep)[0] == os.pardir:
            raise wrong(f"{column} '{cell(column)}' leaves the folder; give a path inside it")
        if not _lies_in(folder, inside):
            raise wrong(f"{column} '{cell(column)}' leads out of the folder by a link; put a copy there")
    origin = cell('origin') or ORIGINS[0]
    if origin not in ORIGINS:
        raise wrong(f"origin is '{origin}'; it is one of {', '.join(ORIGINS)}")
    expression = cell('expression').lower()
    try:
        strength = row.number('strength') if cell('strength') else 1.0
    except ValueError:
        strength = math.nan
    if not 0 <= strength < math.inf:
        raise wrong(f"strength is '{cell('strength')}'; it is a number from 0 up, 1 for the full expression")
    strength = 0.0 if expression == NEUTRAL else strength
    file, identity, flow = cell('path'), cell('identity'), cell('flow')
    reference, contour = cell('reference') if flow else '', lips.get(file, ())
    return Entry(pathlib.Path(folder), file, identity, expression, strength, origin, flow, reference, contour)


def _lies_in(folder: str, file: str) -> bool:
    try:
        return (pathlib.Path(folder) / file).resolve().is_relative_to(pathlib.Path(folder).resolve())
    except (OSError, RuntimeError, ValueError):  # too long, a ring of links, a NUL
        return False


def _find_references(entries: dict[int, Entry]) -> list[Entry]:
    """Completes a table, by line, with what its flows start from: the neutral photo unless the table says."""
    plain = collections.defaultdict(set)  # the photos without a flow, by person
    for entry in entries.values():
        if not entry.flow:
            plain[entry.identity].add((entry.file, entry.expression))
    starts = {}
    for line, entry in entries.items():
        others, wrong = plain[entry.identity], functools.partial(_wrong, entry.root, line)
        neutrals = [file for file, expression in others if expression == NEUTRAL]
        if entry.reference and entry.reference not in dict(others):
            raise wrong(
                f"reference '{entry.reference}' is not a photo of '{entry.identity}' without a flow of its own; name "
                'the photo that the flow starts from'
            )
        if entry.flow and not entry.reference and len(neutrals) != 1:
            raise wrong(
                f"its flow starts from one of {len(neutrals)} neutral photos of '{entry.identity}'; name it in the "
                'column reference'
            )
        if entry.flow:
            starts[line] = entry.reference or neutrals[0]
    own = {(entries[line].identity, file) for line, file in starts.items()}
    return [
        entry._replace(reference=starts.get(line, entry.file if (entry.identity, entry.file) in own else ''))
        for line, entry in entries.items()
    ]


def _wrong(folder: str | os.PathLike, line: int, what: str) -> InputError:
    return InputError(f"data.root '{folder}', index.csv, line {line}: {what}")


def _check_one_folder(photos: list[Entry], root: str) -> None:
    """Refuses flows of one person in two folders, whose references may have the same name."""
    where = dict.fromkeys((photo.identity, photo.root) for photo in photos if photo.flow)
    for identity, count in collections.Counter(identity for identity, _ in where).items():
        if count > 1:
            raise InputError(
                f"'{identity}' has flows in {count} folders of data.root '{root}', from different photos; give each "
                'its own identity'
            )
