"""Tables as people and spreadsheets write them: CSV with commas, semicolons or tabs, with spaces and capitals."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fvae_jax.errors import InputError

_SEPARATORS = (',', ';', '\t')
_LONGEST = 100  # characters of a header in a message
_LARGEST = 2**26  # bytes; a row has from fifty to three hundred


class Row(NamedTuple):
    """A row of a table."""

    line: int  # its last one in the file, from 1
    cells: Mapping[str, str]  # by column, in lower case; without the spaces around
    decimal: str  # what numbers have before their fractions

    def text(self, column: str) -> str:
        """What a column holds, '' where the row or the table has none."""
        return self.cells.get(column, '')

    def number(self, column: str) -> float:
        """What a column holds, as a number; raises `ValueError` if it is none."""
        return float(self.text(column).replace(self.decimal, '.'))


def read(path: str | os.PathLike, what: str, columns: Sequence[str], expected: str) -> Iterator[Row]:
    """Reads a table row by row; empty lines do not count.

    Args:
      path: The file.
      what: How messages begin: "data.root 'x' has an index.csv".
      columns: Those that it must have, in lower case.
      expected: How messages end.

    Raises:
      InputError: The file is none, too large, not a UTF-8 table, or without a column.
      OSError: It cannot be opened.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # opening a pipe would wait for ever
        raise InputError(f'{what} that is not a file; {expected}')
    if os.path.getsize(path) > _LARGEST:
        raise InputError(f'{what} of more than {_LARGEST >> 20} MB, which no such list is; {expected}')
    # A spreadsheet may put a byte order mark in front, which utf-8-sig takes away.
    with open(path, newline='', encoding='utf-8-sig') as file:
        try:
            # What spreadsheets of half of the world write, and what people type.
            separator = max(_SEPARATORS, key=file.readline().count)
            file.seek(0)
            reader = csv.reader(file, delimiter=separator, skipinitialspace=True)
            names = [name.strip().lower() for name in next(reader, ())]
            for column in columns:
                if column not in names:
                    has = f' (it has {", ".join(names)[:_LONGEST]})' if names else ''
                    raise InputError(f"{what} without the column '{column}'{has}; {expected}")
            for row in filter(None, reader):
                cells = {name: cell.strip() for name, cell in zip(names, row)}
                # Where commas end numbers, semicolons end cells.
                yield Row(reader.line_num, cells, '.' if separator == ',' else ',')
        except (UnicodeDecodeError, csv.Error) as error:
            # One line, whatever the table holds.
            raise InputError(f'{what} that is not a UTF-8 table ({error}); {expected}') from None
