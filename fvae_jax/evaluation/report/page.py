"""A report as a folder: index.html, its figures, and every number as JSON and CSV."""

import csv
import html
import importlib.resources
import itertools
import json
import os
import pathlib
import re
import shutil
import string
import urllib.parse
from collections.abc import Iterator
from xml.etree import ElementTree

import PIL.Image

from fvae_jax.errors import InputError
from fvae_jax.evaluation.tables import SIGNS, Cell, Column, Figure, Report, Section, Table, Value, exact, number, shown
from fvae_jax.photo import output

_MEANINGS = {'higher': 'higher is better', 'lower': 'lower is better', 'nearest 1': 'the nearest to 1 is best'}


def write(report: Report, folder: str | os.PathLike) -> pathlib.Path:
    """Writes a report and copies its figures: all or, when something fails, nothing, so that an older one stays whole.

    An older report in the folder is replaced, with all its files.

    Returns:
      The page, `folder/index.html`. Beside it: `report.json`, `tables/NAME.csv`, `figures/`.

    Raises:
      InputError: The folder holds something else or cannot be written.
    """
    folder = pathlib.Path(os.path.abspath(folder))
    output.check_folder(folder.parent)
    if folder.exists():
        is_report = all((folder / name).exists() for name in ('index.html', 'report.json'))
        if not folder.is_dir() or not is_report and any(folder.iterdir()):
            raise InputError(f"'{folder}' is not a report and would be replaced; choose another folder")
    page = _render(report)
    with output.replacing_folder(folder) as temporary:
        for name in ('figures', 'tables'):
            (temporary / name).mkdir()
        for section in report.sections:
            for figure in section.figures:
                shutil.copyfile(figure.file, temporary / 'figures' / figure.file.name)
            for table in section.tables:
                with open(temporary / 'tables' / f'{table.name}.csv', 'x', encoding='utf-8', newline='') as file:
                    csv.writer(file).writerows(_csv_rows(table))
        numbers = json.dumps(_as_json(report), indent=1, ensure_ascii=False) + '\n'
        for name, text in (('report.json', numbers), ('index.html', page)):
            # A fact may be a file name that is not UTF-8.
            (temporary / name).write_text(text, encoding='utf-8', errors='backslashreplace')
    return folder / 'index.html'


def _as_json(part: Report | Section | Table | Figure) -> dict:
    """Everything the page says, numbers in full; infinite and undefined ones as 'inf' and 'nan'."""
    told = part._asdict()
    if isinstance(part, Table):
        names = [column.name for column in part.columns]
        told['columns'] = [column._asdict() for column in part.columns]
        told['rows'] = [{**row._asdict(), 'cells': dict(zip(names, map(exact, row.cells)))} for row in part.rows]
    if isinstance(part, Figure):
        told['file'] = f'figures/{part.file.name}'
    parts = {name: list(map(_as_json, told[name])) for name in ('sections', 'tables', 'figures') if name in told}
    return {**told, **parts}


def _csv_rows(table: Table) -> Iterator[list]:
    """A table as CSV: columns with intervals have two more, low and high."""
    rows = [[None] * len(table.columns) if row.note else row.cells for row in table.rows]
    header, with_interval = [table.row_heading], []
    for j, column in enumerate(table.columns):
        with_interval.append(any((value := number(cells[j])) and value.low is not None for cells in rows))
        name = f'{column.name} ({column.unit})' if column.unit else column.name
        header += [name, f'{name} low', f'{name} high'] if with_interval[j] else [name]
    yield [*header, 'left out', 'note']
    for row, cells in zip(table.rows, rows):
        values = [(number(cell) or (cell, None, None))[: 3 if wide else 1] for cell, wide in zip(cells, with_interval)]
        yield [row.label, *itertools.chain(*values), row.left_out, row.note]


def _render(report: Report) -> str:
    """The page."""
    template = importlib.resources.files('fvae_jax.evaluation.report').joinpath('template.html')
    facts = [_tag('div', _tag('dt', name), _tag('dd', *_prose(str(fact)))) for name, fact in report.facts.items()]
    contents = [_tag('li', _tag('a', section.title, href=f'#{_anchor(section)}')) for section in report.sections]
    return string.Template(template.read_text('utf-8')).substitute(
        title=html.escape(report.title),
        summary=_text(*_prose(report.summary)),
        facts=_text(*facts),
        contents=_text(*contents),
        sections=_text(*map(_section, report.sections)),
    )


def _text(*nodes: ElementTree.Element | str) -> str:
    """Nodes as HTML."""
    return ''.join(
        html.escape(node, quote=False) if isinstance(node, str) else ElementTree.tostring(node, 'unicode', 'html')
        for node in nodes
    )


def _tag(name: str, *children: ElementTree.Element | str, **attributes: object) -> ElementTree.Element:
    """An element without its empty attributes; `class_` is the attribute class, `aria_label` is aria-label."""
    given = {key.rstrip('_').replace('_', '-'): str(value) for key, value in attributes.items() if value}
    element = ElementTree.Element(name, given)
    for child in children:
        if not isinstance(child, str):
            element.append(child)
        elif len(element):
            element[-1].tail = (element[-1].tail or '') + child
        else:
            element.text = (element.text or '') + child
    return element


def _prose(text: str) -> list[ElementTree.Element | str]:
    """Text with code between backticks."""
    parts = re.split(r'`([^`]+)`', text)
    return [_tag('code', part) if i % 2 else part for i, part in enumerate(parts)]


def _anchor(section: Section) -> str:
    return 'section-' + re.sub(r'\W+', '-', section.title.lower()).strip('-')


def _section(section: Section) -> ElementTree.Element:
    anchor = _anchor(section)
    paragraphs = [_tag('p', *_prose(text)) for text in re.split(r'\n\s*\n', section.text.strip()) if text]
    heading = _tag('h2', _tag('a', section.title, href=f'#{anchor}'), id=f'{anchor}-title')
    shown_below = [*map(_table, section.tables), *map(_figure, section.figures)]
    return _tag('section', heading, *paragraphs, *shown_below, id=anchor, aria_labelledby=f'{anchor}-title')


def _figure(figure: Figure) -> ElementTree.Element:
    address = f'figures/{urllib.parse.quote(figure.file.name)}'
    with PIL.Image.open(figure.file) as picture:
        density = max(96, picture.info.get('dpi', (96, 96))[0])
        width, height = (round(side * 96 / density) for side in picture.size)
    image = _tag('img', src=address, alt=figure.alt, width=width, height=height, loading='lazy', decoding='async')
    link = _tag('a', image, href=address, class_='card', title='Open at full size')
    caption = _tag('figcaption', _tag('strong', figure.title), ' ', *_prose(figure.caption))
    return _tag('figure', link, caption, id=f'figure-{figure.file.stem}')


def _table(table: Table) -> ElementTree.Element:
    anchor = f'table-{table.name}'
    title = _tag('strong', table.title, id=f'{anchor}-title')
    numbers = _tag('a', 'CSV', href=f'tables/{table.name}.csv', title='The table in full precision')
    caption = _tag('figcaption', title, ' ', *_prose(table.caption), ' ', numbers, class_='above')
    best = table.best()
    body = _tag('tbody', *(_row(table, i, best) for i in range(len(table.rows))))
    grid = _tag('table', _head(table), body, aria_labelledby=f'{anchor}-title')
    scroll = _tag('div', grid, class_='scroll', role='region', tabindex=0, aria_labelledby=f'{anchor}-title')
    return _tag('figure', caption, scroll, *_legend(table, best), id=anchor, class_='table')


def _head(table: Table) -> ElementTree.Element:
    """The headings, and above them the groups if there are any."""
    groups = [(group, len(list(columns))) for group, columns in itertools.groupby(table.columns, lambda c: c.group)]
    grouped = any(group for group, _ in groups)
    first = _tag('th', table.row_heading, scope='col', class_='label', rowspan=2 if grouped else None)
    headings = map(_heading, table.columns)
    spans = [
        _tag('th', group, scope='colgroup', colspan=count, class_='group') if group else _tag('td', colspan=count)
        for group, count in groups
    ]
    rows = [[first, *spans], headings] if grouped else [[first, *headings]]
    return _tag('thead', *(_tag('tr', *row) for row in rows))


def _heading(column: Column) -> ElementTree.Element:
    parts = [column.heading]
    if column.better:
        meaning = _MEANINGS[column.better]
        sign = _tag('span', SIGNS[column.better], class_='sign', role='img', title=meaning, aria_label=meaning)
        parts += ['\N{NO-BREAK SPACE}', sign]
    if column.unit:
        parts.append(_tag('span', column.unit, class_='unit'))
    return _tag('th', *parts, scope='col')


def _row(table: Table, i: int, best: set[tuple[int, int]]) -> ElementTree.Element:
    row = table.rows[i]
    reason = _tag('span', row.left_out, class_='reason') if row.left_out else ''
    label = _tag('th', row.label, reason, scope='row', class_='label')
    if row.note:
        cells = [_tag('td', *_prose(row.note), class_='note', colspan=len(table.columns))]
    else:
        cells = [
            _cell(cell, column.decimals, (i, j) in best)
            for j, (cell, column) in enumerate(zip(row.cells, table.columns, strict=True))
        ]
    kind = 'ours' if row.ours else 'left-out' if row.left_out else ''
    return _tag('tr', label, *cells, class_=kind)


def _cell(content: Cell, decimals: int, best: bool) -> ElementTree.Element:
    value = number(content)
    if value is None:
        return _tag('td', *_prose(content or '–'), class_='text')
    mean, *ends = (shown(part, decimals) for part in value if part is not None)
    interval = _tag('span', f'[{", ".join(ends)}]', class_='interval') if ends else ''
    return _tag('td', _tag('b', mean) if best else mean, interval)


def _legend(table: Table, best: set[tuple[int, int]]) -> list[ElementTree.Element]:
    """What the type of a table's numbers means."""
    words = ['Bold: the best of its column.'] if best else []
    if best and any(row.left_out for row in table.rows):
        words = ['Bold: the best of its column; rows in italics take no part.']
    if any(isinstance(cell, Value) and cell.low is not None for row in table.rows for cell in row.cells):
        words.append('In brackets: 95 % interval.')
    return [_tag('p', ' '.join(words), class_='legend')] if words else []
