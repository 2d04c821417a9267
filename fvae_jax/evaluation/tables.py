"""What a report or a model card is made of: tables with intervals, figures, sections; and all but figures as Markdown.

`report.page` writes them as a page; a report's figures are drawn by `report.figures`.
"""

import json
import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from fvae_jax.evaluation.statistics import Value
from fvae_jax.photo import output

Better = Literal['higher', 'lower', 'nearest 1']
SIGNS = {'higher': '↑', 'lower': '↓', 'nearest 1': '→ 1'}
# None is a blank; what is not a number is text in place of one.
Cell = Value | float | str | None


class Column(NamedTuple):
    """A column of a table."""

    heading: str  # what it measures; unique within its group
    unit: str = ''  # of its numbers, or what they are counted over
    decimals: int = 2  # how many the page shows; files hold full precision
    better: Better | None = None  # which number wins, if the column is a contest
    group: str = ''  # a heading above this and the neighbors of the same group

    @property
    def name(self) -> str:
        """Its name in files and figures."""
        return f'{self.group}, {self.heading}' if self.group else self.heading

    @property
    def full_name(self) -> str:
        """Its name and its unit."""
        return f'{self.name}, {self.unit}' if self.unit else self.name


class Row(NamedTuple):
    """A row of a table."""

    label: str
    cells: Sequence[Cell] = ()  # one for each column, unless there is a note
    note: str = ''  # what stands in place of the numbers: 'missing: train it with `COMMAND`'
    ours: bool = False  # whether to set the row off as the method that the report is about
    left_out: str = ''  # why it takes no part in the contests ('sees the answer'); shown with the label


class Table(NamedTuple):
    """Rows of numbers."""

    name: str  # of its file and its anchor: letters, digits, hyphens, underscores; unique in the report
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    row_heading: str = 'method'  # what the labels of the rows are

    def best(self) -> set[tuple[int, int]]:
        """Finds the winners of every contest between at least two rows.

        Returns:
          Their (row, column). Numbers that look the same on the page share the win; NaN never wins.
        """
        winners = set()
        for j, column in enumerate(self.columns):
            rows = {i: row for i, row in enumerate(self.rows) if column.better and not row.note and not row.left_out}
            means = {i: value.mean for i, row in rows.items() if (value := number(row.cells[j]))}
            distances = {i: _distance(mean, column) for i, mean in means.items() if not math.isnan(mean)}
            if len(distances) > 1:
                winners |= {(i, j) for i in distances if distances[i] == min(distances.values())}
        return winners


class Figure(NamedTuple):
    """A picture that is drawn already, shown 96 pixels of the page for each of its inches."""

    title: str
    caption: str
    file: pathlib.Path  # a PNG, anywhere; its name, unique in the report, is kept
    alt: str  # what it shows, for those who cannot see it


class Section(NamedTuple):
    """A part of the report; in its text blank lines part paragraphs, and backticks enclose code."""

    title: str
    text: str
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()


class Report(NamedTuple):
    """A page and its numbers."""

    title: str
    summary: str  # the result in one paragraph
    facts: Mapping[str, str | int | float]  # what the numbers depend on: config, seed, steps, people, hardware
    sections: Sequence[Section]  # with unique titles


def number(cell: Cell) -> Value | None:
    """A cell as Python floats, or None where it holds none."""
    if cell is None or isinstance(cell, str):
        return None
    parts = cell if isinstance(cell, Value) else Value(cell)
    return Value(*(None if part is None else float(part) for part in parts))


def exact(cell: Cell) -> dict[str, float | str | None] | str | None:
    """A cell for JSON, in full precision; 'inf' and 'nan' stand for what JSON cannot hold."""
    value = number(cell)
    if value is None:
        return cell
    parts = value._asdict().items()
    return {name: part if part is None or math.isfinite(part) else repr(part) for name, part in parts}


def shown(value: float, decimals: int) -> str:
    """A number as people read it, with a real minus."""
    if math.isnan(value):
        return '–'
    return f'{value:z.{decimals}f}'.replace('inf', '∞').replace('-', '−')


def _distance(mean: float, column: Column) -> float:
    """How far a number, as the page shows it, is from what its column asks for; the least wins."""
    rounded = round(mean, column.decimals)
    return {'higher': -rounded, 'lower': rounded}.get(column.better, round(abs(rounded - 1), column.decimals))


def write_markdown(report: Report, path: pathlib.Path) -> None:
    """Writes FILE.md and, with its numbers, FILE.json: headings, texts and tables of a report. Figures are left out.

    Raises:
      InputError: A file cannot be written.
    """
    facts = '\n'.join(f'- {name}: {fact}' for name, fact in report.facts.items())
    parts = [f'# {report.title}', report.summary, facts, *map(_section, report.sections)]
    as_json = json.dumps(all_numbers(report), indent=1, ensure_ascii=False) + '\n'
    output.write(path, '\n\n'.join(parts) + '\n')
    output.write(path.with_suffix('.json'), as_json)


def all_numbers(report: Report) -> dict:
    """Everything that the Markdown shows, in full precision.

    Returns:
      'facts', and 'tables': {table: {row: {column: cell}}}. A number is {'mean', 'low', 'high'}, the last two None
      without an interval; 'inf' and 'nan' stand for what JSON cannot hold. A row with a note has that alone.
    """
    tables = {}
    for content in (content for section in report.sections for content in section.tables):
        names = [column.full_name for column in content.columns]
        tables[content.name] = {
            row.label: {'note': row.note} if row.note else dict(zip(names, map(exact, row.cells), strict=True))
            for row in content.rows
        }
    return {'facts': dict(report.facts), 'tables': tables}


def _section(section: Section) -> str:
    # Paragraphs are wrapped where they are written; a reader wraps them anew.
    paragraphs = [' '.join(text.split()) for text in re.split(r'\n\s*\n', section.text.strip()) if text]
    return '\n\n'.join([f'## {section.title}', *paragraphs, *map(markdown, section.tables)])


def markdown(content: Table) -> str:
    """A table in Markdown, with its heading and caption."""
    signs = [f' {SIGNS[column.better]}' if column.better else '' for column in content.columns]
    headings = [column.full_name + sign for column, sign in zip(content.columns, signs)]
    lines = [[content.row_heading, *headings], ['---', *('---:' for _ in headings)]]
    for row in content.rows:
        label = f'{row.label} ({row.left_out})' if row.left_out else row.label
        if row.note:
            cells = [row.note, *('' for _ in headings[1:])]
        else:
            cells = [_cell(cell, column.decimals) for column, cell in zip(content.columns, row.cells, strict=True)]
        lines.append([f'**{label}**' if row.ours else label, *cells])
    body = '\n'.join(f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in line)} |' for line in lines)
    return f'### {content.title}\n\n{content.caption}\n\n{body}'


def _cell(content: Cell, decimals: int) -> str:
    value = number(content)
    if value is None:
        return content or '–'
    low_high = [part for part in value[1:] if part is not None and not math.isnan(part)]
    interval = f' [{", ".join(shown(part, decimals) for part in low_high)}]' if low_high else ''
    return shown(value.mean, decimals) + interval
