"""Reports and tables as Markdown, for what is read as text, and their numbers as JSON beside it."""

import json
import math
import pathlib
import re

from fvae_jax.evaluation.tables import Cell, Report, Section, Table, exact, number, shown
from fvae_jax.photo import output

_SIGNS = {'higher': ' ↑', 'lower': ' ↓', 'nearest 1': ' → 1', None: ''}


def write(report: Report, path: pathlib.Path) -> None:
    """Writes FILE.md and, with its numbers, FILE.json: headings, texts and tables of a report. Figures are left out.

    Raises:
      InputError: A file cannot be written.
    """
    facts = '\n'.join(f'- {name}: {fact}' for name, fact in report.facts.items())
    parts = [f'# {report.title}', report.summary, facts, *map(_section, report.sections)]
    as_json = json.dumps(numbers(report), indent=1, ensure_ascii=False) + '\n'
    output.write(path, '\n\n'.join(parts) + '\n')
    output.write(path.with_suffix('.json'), as_json)


def numbers(report: Report) -> dict:
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
    return '\n\n'.join([f'## {section.title}', *paragraphs, *map(table, section.tables)])


def table(content: Table) -> str:
    """A table with its heading and caption."""
    headings = [column.full_name + _SIGNS[column.better] for column in content.columns]
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
