"""Reports and tables as Markdown, for what is read as text, and their numbers as JSON beside it."""

import json
import math
import pathlib
import re

from fvae_jax.evaluation.tables import Cell, Column, Report, Section, Table, exact, number, shown
from fvae_jax.photo import output

_SIGNS = {'higher': ' ↑', 'lower': ' ↓', 'nearest 1': ' → 1', None: ''}


def write(report: Report, path: pathlib.Path) -> None:
    """Writes FILE.md and FILE.json: headings, texts and tables of a report. Figures are left out.

    Raises:
      InputError: A file cannot be written.
    """
    texts = {path: render(report), numbers_file(path): json.dumps(numbers(report), indent=1, ensure_ascii=False) + '\n'}
    for file, text in texts.items():
        output.write(file, text)


def numbers_file(path: pathlib.Path) -> pathlib.Path:
    """Where the numbers of FILE.md are: FILE.json."""
    return path.with_suffix('.json')


def render(report: Report) -> str:
    """The report as Markdown."""
    facts = '\n'.join(f'- {name}: {fact}' for name, fact in report.facts.items())
    parts = [f'# {report.title}', report.summary, facts, *map(_section, report.sections)]
    return '\n\n'.join(parts) + '\n'


def numbers(report: Report) -> dict:
    """Everything that `render` shows, in full precision.

    Returns:
      'facts', and 'tables': {table: {row: {column: cell}}}. A number is {'mean', 'low', 'high'}, the last two None
      without an interval; 'inf' and 'nan' stand for what JSON cannot hold. A row with a note has that alone.
    """

    def rows(content: Table) -> dict:
        return {
            row.label: {'note': row.note}
            if row.note
            else {_heading(column): exact(c) for column, c in zip(content.columns, row.cells, strict=True)}
            for row in content.rows
        }

    return {
        'facts': dict(report.facts),
        'tables': {content.name: rows(content) for section in report.sections for content in section.tables},
    }


def _section(section: Section) -> str:
    # Paragraphs are wrapped where they are written; a reader wraps them anew.
    paragraphs = [' '.join(text.split()) for text in re.split(r'\n\s*\n', section.text.strip()) if text]
    return '\n\n'.join([f'## {section.title}', *paragraphs, *map(table, section.tables)])


def table(content: Table) -> str:
    """A table with its heading and caption."""
    signs = [_SIGNS[column.better] for column in content.columns]
    lines = [
        [content.row_heading, *(_heading(column) + sign for column, sign in zip(content.columns, signs))],
        ['---', *('---:' for _ in content.columns)],
    ]
    for row in content.rows:
        label = f'{row.label} ({row.left_out})' if row.left_out else row.label
        cells = (
            [row.note] + [''] * (len(content.columns) - 1)
            if row.note
            else [_cell(cell, column.decimals) for column, cell in zip(content.columns, row.cells, strict=True)]
        )
        lines.append([f'**{label}**' if row.ours else label, *cells])
    body = '\n'.join(f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in line)} |' for line in lines)
    return f'### {content.title}\n\n{content.caption}\n\n{body}'


def _heading(column: Column) -> str:
    return f'{column.name}, {column.unit}' if column.unit else column.name


def _cell(content: Cell, decimals: int) -> str:
    value = number(content)
    if value is None:
        return content or '–'
    low_high = [part for part in value[1:] if part is not None and not math.isnan(part)]
    interval = f' [{", ".join(shown(part, decimals) for part in low_high)}]' if low_high else ''
    return shown(value.mean, decimals) + interval
