"""The report's page in a browser, its numbers as files, its pictures; and nothing is half written."""

import csv
import itertools
import json
import math
import os
import re

import numpy as np
import pytest
from PIL import Image

from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.errors import InputError
from fvae_jax.evaluation import tables as tables_lib
from fvae_jax.evaluation.report import figures, page
from fvae_jax.evaluation.tables import Column, Figure, Report, Row, Section, Table, Value

AWKWARD = '<b>&"\' </script> $title {x}'
LONG = 'anameofapersonthatneverends' * 4
TS = (0.25, 0.5, 0.75)


def table_1():
    """Seven columns wide, with every kind of row and cell."""
    columns = [
        Column('PSNR', 'dB', 2, 'higher'),
        Column('SSIM', '', 3, 'higher'),
        Column('LPIPS', '', 3, 'lower'),
        Column('sharpness', 'of the source', 2, 'nearest 1'),
        Column('identity distance', decimals=3),
        Column('pairs', decimals=0),
        Column('what ran'),
    ]
    rng = np.random.default_rng(0)

    def cells():
        mean = rng.normal([24, 0.8, 0.1, 1, 0.3], [3, 0.1, 0.03, 0.2, 0.1])
        return [*(Value(m, m - 0.11, m + 0.07) for m in mean), 412, f'`{AWKWARD}`']

    return Table(
        'table1',
        f'Table 1 {AWKWARD}',
        f'Caption {AWKWARD}',
        columns,
        [
            Row('copy', cells()),
            Row(AWKWARD, cells()),
            Row(LONG, cells()),
            Row('FVAE', cells(), ours=True),
            Row('edges', [Value(math.inf), math.nan, -0.0001, None, 'n/a', np.float32(0.1), '']),
            Row('VAE', note=f'missing: train it with `python -m fvae_jax.main --config=configs/vae.py {LONG}`'),
            Row('flow from the target', [99.0, 1.0, 0.0, 1.0, 0.0, 412, ''], left_out='sees the answer'),
        ],
    )


def middle_frames():
    columns = [
        Column(f't = {t}', decimals=decimals, better=better, group=group)
        for group, decimals, better in (('PSNR', 2, 'higher'), ('LPIPS', 3, 'lower'))
        for t in TS
    ]
    return Table(
        'middle_frames',
        'Middle frames',
        '',
        columns,
        [
            Row(name, [Value(start - t, start - t - 0.2, start - t + 0.3) for start in (30, 1) for t in TS])
            for name in ('FVAE', 'cross-fading')
        ],
    )


def draw_figures(folder):
    """One picture of each kind."""
    faces = [DrawnFace(0, i, 64) for i in range(2)]
    crops = [[face.image('smile', strength) for strength in (0.0, 0.5, 1.0)] for face in faces]
    figures.grid([*crops, [None, *crops[0][1:]]], ['S', LONG, AWKWARD], ['one', LONG, AWKWARD], folder / 'faces.png')
    figures.dots_with_intervals(table_1(), ['PSNR', 'LPIPS', 'sharpness'], folder / 'dots.png')
    curve = [Value(20, 10, 30), Value(40, 30, 50), Value(60, 50, 70)]
    figures.strength_plot(TS, {'mouth width': curve, AWKWARD: curve}, folder / 'strength.png')
    figures.interpolation_plot(
        TS, {'PSNR': {AWKWARD: curve, 'VAE': curve}, 'LPIPS': {'VAE': curve}}, folder / 'interpolation.png'
    )
    figures.precision_recall_plot(
        {'mask': ((0.2, 0.4, 0.6), (0.9, 0.5, 0.1)), 'alpha': ((0.3, 0.4, 0.5), (0.8, 0.4, 0.3))},
        0.05,
        folder / 'mask #1.png',
    )
    return [
        Figure(f'{path.stem} {AWKWARD}', 'Caption.', path, f'a picture {AWKWARD}')
        for path in sorted(folder.glob('*.png'))
    ]


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    pictures = draw_figures(tmp_path_factory.mktemp('pictures'))
    return Report(
        f'Report {AWKWARD}',
        f'Summary {AWKWARD} {LONG}',
        {'config': LONG, 'seed': 0, AWKWARD: AWKWARD},
        [
            Section('Tables', f'First {AWKWARD}.\n\nSecond `{LONG}`.', [table_1(), middle_frames()]),
            Section(AWKWARD, '', figures=pictures),
            Section(LONG, 'No more.'),
        ],
    )


@pytest.fixture(scope='module')
def folder(report, tmp_path_factory):
    return page.write(report, tmp_path_factory.mktemp('run') / 'report').parent


def overflow(opened):
    return opened.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')


def broken_images(opened):
    return opened.evaluate("""async () => (await Promise.allSettled([...document.images].map(image => {
        image.loading = 'eager'; return image.decode()}))).filter(result => result.status == 'rejected').length""")


@pytest.mark.parametrize('width', [400, 1400])
def test_the_page_is_whole_and_fits(open_page, folder, report, width):
    opened, asked = open_page(folder / 'index.html', width=width), []
    opened.on('request', lambda request: asked.append(request.url))
    opened.reload()
    assert opened.locator('img').count() == sum(len(section.figures) for section in report.sections) == 5
    assert broken_images(opened) == 0
    assert overflow(opened) <= 0
    assert {url.rpartition('/')[0] for url in asked} == {folder.as_uri(), f'{folder.as_uri()}/figures'}
    for link in opened.locator('a').evaluate_all('links => links.map(link => link.href)'):
        target, _, anchor = link.partition('#')
        assert (folder / os.path.relpath(opened.evaluate('decodeURIComponent', target), folder.as_uri())).is_file()
        assert not anchor or opened.evaluate('a => !!document.getElementById(decodeURIComponent(a))', anchor)

    opened.add_style_tag(content='.scroll {overflow: visible} .card img {max-width: none; width: 3000px}')
    assert overflow(opened) > 0
    opened.locator('img').first.evaluate("image => image.src = 'data:image/png;base64,AAAA'")
    assert broken_images(opened) == 1


def test_text_stays_text(open_page, folder):
    opened = open_page(folder / 'index.html')
    assert opened.title() == f'Report {AWKWARD}'
    assert opened.locator('h1').text_content() == f'Report {AWKWARD}'
    assert opened.locator('h2').all_text_contents() == ['Contents', 'Tables', AWKWARD, LONG]
    assert opened.locator('section p').nth(0).text_content() == f'First {AWKWARD}.'
    assert opened.locator('section p code').first.text_content() == LONG
    assert opened.locator('#table-table1 tbody th').nth(1).text_content() == AWKWARD
    assert opened.locator('img').first.get_attribute('alt') == f'a picture {AWKWARD}'
    assert opened.locator('script').count() == 0


def contrasts(opened):
    """The contrast (WCAG) of every text with the color behind it."""
    pairs = opened.evaluate("""() => [...document.querySelectorAll('body *')]
        .filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()))
        .map(e => { let behind = e, color;
            while ((color = getComputedStyle(behind).backgroundColor) == 'rgba(0, 0, 0, 0)')
                behind = behind.parentElement;
            return [getComputedStyle(e).color, color] })""")

    def luminance(color):
        parts = np.array([int(part) / 255 for part in re.findall(r'\d+', color)[:3]])
        return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    for pair in pairs:
        low, high = sorted(map(luminance, pair))
        yield (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_text_is_readable_in_light_and_dark(open_page, folder, scheme):
    opened = open_page(folder / 'index.html', color_scheme=scheme)
    assert min(contrasts(opened)) > 4.5
    assert opened.locator('.card').first.evaluate('e => getComputedStyle(e).backgroundColor') == 'rgb(255, 255, 255)'
    dark = opened.locator('body').evaluate('e => getComputedStyle(e).backgroundColor') != 'rgb(255, 255, 255)'
    assert dark == (scheme == 'dark')
    opened.add_style_tag(content='.interval {color: #888}')
    assert min(contrasts(opened)) < 4.5


def test_page_json_and_csv_agree_in_full_precision(open_page, folder, report):
    opened = open_page(folder / 'index.html')
    stored = json.loads((folder / 'report.json').read_text('utf-8'))
    assert stored['facts'] == report.facts
    for table, as_json in zip(report.sections[0].tables, stored['sections'][0]['tables'], strict=True):
        with open(folder / 'tables' / f'{table.name}.csv', encoding='utf-8', newline='') as file:
            lines = list(csv.DictReader(file))
        shown = opened.locator(f'#table-{table.name} tbody tr')
        for i, (row, json_row) in enumerate(zip(table.rows, as_json['rows'], strict=True)):
            assert json_row['label'] == lines[i]['method'] == row.label
            assert json_row['left_out'] == lines[i]['left out'] == row.left_out
            assert json_row['note'] == lines[i]['note'] == row.note
            for j, (cell, column) in enumerate(zip(row.cells, table.columns)):
                value, name = tables_lib.number(cell), f'{column.name} ({column.unit})' if column.unit else column.name
                if value is None:
                    assert json_row['cells'][column.name] == cell and lines[i][name] == (cell or '')
                    continue
                ends = [name, f'{name} low', f'{name} high']
                for part, key, end in zip(value, ('mean', 'low', 'high'), ends):
                    in_json = json_row['cells'][column.name][key]
                    assert (in_json is None) == (part is None)
                    if part is not None:
                        np.testing.assert_equal([float(in_json), float(lines[i][end])], [part, part])
                text = shown.nth(i).locator('td').nth(j).inner_text().split('\n')[0].replace('−', '-')
                if math.isfinite(value.mean):
                    assert float(text) == round(value.mean, column.decimals) and not text.startswith('-0.000')
                else:
                    assert text == {math.inf: '∞'}.get(value.mean, '–')
    assert '∞' in shown.page.locator('#table-table1').inner_text()


def contest(better, means, left_out=''):
    """A table of one column; the reason to leave out is the last row's."""
    reasons = [''] * (len(means) - 1) + [left_out]
    return Table(
        't',
        't',
        '',
        [Column('m', better=better)],
        [Row('row', [mean], left_out=reason) for mean, reason in zip(means, reasons)],
    )


CONTESTS = [
    (contest('higher', (1, 3, 2)), {1}),
    (contest('lower', (1, 3, 2)), {0}),
    (contest('nearest 1', (0.7, 1.2, 2)), {1}),
    (contest(None, (1, 3, 2)), set()),
    # Equal as shown is equal.
    (contest('nearest 1', (0.8, 1.2, 2)), {0, 1}),
    (contest('higher', (2.001, 2.004, 1)), {0, 1}),
    (contest('higher', (2.001, 2.006, 1)), {1}),
    (contest('higher', (math.nan, math.inf, 2)), {1}),
    (contest('lower', (3, math.nan, None)), set()),
    # Who sees the answer would win, and takes no part.
    (contest('higher', (1.5, 1.6, 9)), {2}),
    (contest('higher', (1.5, 1.6, 9), 'sees the answer'), {1}),
    (contest('lower', (1.5, 1.6, -9)), {2}),
    (contest('lower', (1.5, 1.6, -9), 'sees the answer'), {0}),
    (contest('nearest 1', (1.5, 1.6, 1)), {2}),
    (contest('nearest 1', (1.5, 1.6, 1), 'sees the answer'), {0}),
]


def test_the_best_of_a_column_is_bold(open_page, tmp_path):
    tables = [table._replace(name=f't{k}') for k, (table, _) in enumerate(CONTESTS)]
    opened = open_page(page.write(Report('r', '', {}, [Section('s', '', tables)]), tmp_path / 'report'))
    for table, (_, expected) in zip(tables, CONTESTS):
        rows = opened.locator(f'#table-{table.name} tbody tr').all()
        assert {i for i, row in enumerate(rows) if row.locator('td b').count()} == expected, table
        assert table.best() == {(i, 0) for i in expected}


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_a_new_report_replaces_the_old_one_and_leaves_nothing_else(report, tmp_path):
    page.write(report, tmp_path / 'report')
    page.write(Report('new', '', {}, []), tmp_path / 'report')
    assert set(map(str, contents(tmp_path / 'report'))) == {'index.html', 'report.json'}
    assert os.listdir(tmp_path) == ['report']


def test_a_failure_halfway_leaves_the_old_report_whole(report, tmp_path):
    page.write(report, tmp_path / 'report')
    before = contents(tmp_path / 'report')
    with pytest.raises(TypeError):  # JSON takes no arrays, and comes after the figures.
        page.write(report._replace(title='new', facts={'steps': np.arange(3)}), tmp_path / 'report')
    assert contents(tmp_path / 'report') == before and os.listdir(tmp_path) == ['report']


def test_a_failure_of_the_very_last_step_brings_the_old_report_back(report, tmp_path, monkeypatch):
    page.write(report, tmp_path / 'report')
    before = contents(tmp_path / 'report')
    replace = os.replace

    def full_disk(source, target):
        if str(source).endswith('.tmp'):
            raise OSError(28, 'No space left on device')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', full_disk)
    with pytest.raises(InputError, match='No space left'):
        page.write(Report('new', '', {}, []), tmp_path / 'report')
    assert contents(tmp_path / 'report') == before and os.listdir(tmp_path) == ['report']


def test_no_other_folder_is_replaced(tmp_path):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'me.jpg').write_bytes(b'me')
    with pytest.raises(InputError, match="photos' is not a report"):
        page.write(Report('r', '', {}, []), tmp_path / 'photos')
    assert (tmp_path / 'photos' / 'me.jpg').read_bytes() == b'me'
    (tmp_path / 'empty').mkdir()
    assert page.write(Report('r', '', {}, []), tmp_path / 'empty').is_file()


def test_two_tables_of_one_name_are_refused(tmp_path):
    with pytest.raises(InputError, match=r'table1\.csv|exists'):
        page.write(Report('r', '', {}, [Section('s', '', [table_1(), table_1()])]), tmp_path / 'report')
    assert not os.listdir(tmp_path)


def test_plots_are_as_wide_as_the_page_and_the_same_bytes_each_time(tmp_path):
    def plot(name, middle):
        curve = [Value(0.2, 0.1, 0.3), Value(middle, 0.3, 0.5), Value(0.6, 0.5, 0.7)]
        figures.interpolation_plot(TS, {'PSNR': {'FVAE': curve}}, tmp_path / name)
        return (tmp_path / name).read_bytes()

    assert plot('a.png', 0.4) == plot('b.png', 0.4) != plot('c.png', 0.41)
    with Image.open(tmp_path / 'a.png') as picture:
        assert 1000 < picture.width * 96 / picture.info['dpi'][0] < 1025


def test_a_grid_never_loses_a_pixel(tmp_path):
    crops = np.random.default_rng(0).integers(0, 256, (2, 1, 500, 500, 3), np.uint8)
    floats = np.float32(crops) / 127.5 - 1
    for name, cells in (('bytes.png', crops), ('floats.png', floats)):
        figures.grid(cells, ['source'], None, tmp_path / name)
        drawn = np.asarray(Image.open(tmp_path / name))
        bottom, right = (np.flatnonzero((drawn != 255).any(axes)).max() + 1 for axes in ((1, 2), (0, 2)))
        np.testing.assert_array_equal(drawn[bottom - 500 : bottom, right - 500 : right], crops[1, 0])


def test_labels_of_a_grid_stay_above_and_beside_their_images(tmp_path):
    black = np.zeros((64, 64, 3), np.uint8)
    labels = [[AWKWARD * 3, ''], ['', LONG]]
    for k, columns in enumerate(labels):
        figures.grid([[black, None], [black, None]], columns, [LONG, ''], tmp_path / 'grid.png')
        ink = np.asarray(Image.open(tmp_path / 'grid.png')).min(-1) < 128
        ink, width = ink[: np.flatnonzero(ink.any(1)).max() + 1], 416  # without the white edge below
        left = np.flatnonzero(ink[-1])[0]
        top = np.flatnonzero(ink[:, left + 10 : left + 12].all(1))[0] if k else ink.shape[0] - 2 * 416 - 12
        above = ink[:top, left : left + width].any(), ink[:top, left + width :].any()
        assert above == (k == 0, k == 1)
        assert ink[top : top + 416, : left - 4].any() and not ink[-416:, : left - 4].any()


@pytest.mark.parametrize(
    'rows, columns, labels, message',
    [
        ([[None]], ['a'], None, 'holds no image'),
        ([[None, None]], ['a'], None, 'row 0 of the grid has 2 cells'),
        ([[None]], ['a'], ['b', 'c'], '2 row labels for 1 rows'),
    ],
)
def test_grids_that_do_not_add_up_are_refused(tmp_path, rows, columns, labels, message):
    with pytest.raises(InputError, match=message):
        figures.grid(rows, columns, labels, tmp_path / 'grid.png')


def test_no_two_curves_look_alike():
    styles = list(itertools.islice(figures._curve_styles(), 12))
    looks = [(style['color'], str(style['linestyle']), style['marker']) for style in styles]
    assert len(set(looks)) == 12
