"""The report and the study of tiny runs, whole; the numbers of its sections are tested beside what measures them."""

import csv
import json
import pathlib

import numpy as np
import pytest

from fvae_jax import cli, config as config_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation.report import Context, build, true_flow
from fvae_jax.evaluation.runs import Run
from fvae_jax.evaluation.study import page as study, score


def test_detection_of_exposed_pixels():
    def detect(doubt, exposed):
        # In two halves, as pairs come one after the other.
        counts = [true_flow.count_above(doubt[part], exposed[part]) for part in (np.s_[:2], np.s_[2:])]
        return true_flow.detection(sum(counts))

    exposed = np.zeros((4, 8, 8), bool)
    exposed[:, :4] = True
    precisions, recalls = detect(exposed.astype(float), exposed)
    assert precisions[50] == recalls[50] == 1
    precisions, recalls = detect(np.full(exposed.shape, 0.7), exposed)
    assert (precisions[50], recalls[50]) == (0.5, 1) and recalls[80] == 0
    precisions, recalls = detect(1.0 - exposed, exposed)
    assert precisions[50] == recalls[50] == 0
    doubt = np.random.default_rng(0).random(exposed.shape)
    precisions, recalls = detect(doubt, exposed)
    for i in (10, 50, 90):
        chosen = doubt >= i / 100
        assert precisions[i] == pytest.approx((chosen & exposed).sum() / chosen.sum())
        assert recalls[i] == pytest.approx((chosen & exposed).sum() / exposed.sum())


def read_rows(table):
    """The rows of a table of a report by their labels."""
    with open(table, encoding='utf-8', newline='') as file:
        return {next(iter(row.values())): row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_the_report_of_a_tiny_run(tiny_run, open_page):
    page_file = build.report(config_lib.of_run(tiny_run), tiny_run)
    assert page_file == tiny_run / 'report' / 'index.html' and not list(tiny_run.glob('.report*'))
    content = json.loads((tiny_run / 'report' / 'report.json').read_text())
    rows = read_rows(tiny_run / 'report' / 'tables' / 'table1.csv')
    assert {'copy', 'VAE', 'FVAE', 'FVAE with confidence', 'optical flow (DIS)'} <= set(rows)
    evaluation = json.loads((tiny_run / 'evaluation.json').read_text())
    printed = next(float(v) for k, v in rows['FVAE, bilinear (Eq. 5)'].items() if k.startswith('PSNR') and v)
    # Half strengths are no part of the table, and the tiny set has none: the very number of the evaluation.
    assert printed == pytest.approx(evaluation['psnr'], abs=2e-3)
    text = page_file.read_text()
    assert f'configs/vae.py:{tiny_run},pyramid' in text and 'figure6-t050' in json.dumps(content)
    # The model has no content layer, and its figures say nothing of one.
    assert 'content layer lays' not in text and not list((tiny_run / 'report' / 'figures').glob('*content*'))
    for width in (400, 1400):
        opened = open_page(page_file, width=width)
        assert opened.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth') == 0
        opened.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
        opened.wait_for_function('[...document.images].every(image => image.complete)')
        assert opened.evaluate('[...document.images].every(image => image.naturalWidth > 0)')
        assert opened.evaluate('document.images.length') >= 8


@pytest.mark.slow
def test_the_report_has_the_papers_form_beside_that_with_content(content_run):
    build.report(config_lib.of_run(content_run), content_run)
    report = content_run / 'report'
    for name, rows in {
        'table1': {'FVAE', 'FVAE with content'},
        'figure6-t050': {'FVAE', 'FVAE with content'},
        'edits': {'FVAE', 'FVAE with content'},
        'exposed-pixels': {'1 − M', 'alpha'},
    }.items():
        found = read_rows(report / 'tables' / f'{name}.csv')
        assert rows <= set(found), name
        assert all(not found[row].get('note') for row in rows)
    titles = {
        pathlib.Path(figure['file']).stem: figure['title']
        for section in json.loads((report / 'report.json').read_text())['sections']
        for figure in section['figures']
    }
    for figure in ('figure2', 'figure5'):
        assert titles[figure].endswith(', FVAE') and titles[f'{figure}-content'].endswith(', FVAE with content')
        pictures = [(report / 'figures' / f'{name}.png').read_bytes() for name in (figure, f'{figure}-content')]
        assert pictures[0] != pictures[1]


@pytest.mark.slow
def test_the_study_shows_the_papers_form(tiny_run, content_run, tmp_path, capsys):
    for run, ours in ((tiny_run, {'FVAE'}), (content_run, {'FVAE', 'FVAE with content'})):
        folder = tmp_path / run.parent.name
        assert cli.main(['study', 'build', str(run), '--out', str(folder), '--per-method', '4']) == 0
        assert capsys.readouterr().out.strip() == str(folder / 'index.html')
        key = json.loads((folder / 'key.json').read_text())
        assert {name for name in key['methods'] if name.startswith('FVAE')} == ours
        assert {name.partition(' (')[0] for name in key['methods']} >= {'real', 'average flow'}
        assert ('VAE' in key['methods']) == (run is tiny_run)
        assert {path.name for path in folder.iterdir()} == {'index.html', 'key.json'}


def test_table_2_takes_the_answers_that_lie_in_the_run(tmp_path):
    context = Context(Run(tmp_path, None, None, None), None, None)
    assert build.table2(context).tables[0].rows[0].cells == [None, None, None, 89.7]
    rng = np.random.default_rng(0)
    images = {
        name: [rng.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(10)]
        for name in ('real', 'FVAE', 'FVAE with content')
    }
    study.build(images, tmp_path / 'study')
    key = json.loads((tmp_path / 'study' / 'key.json').read_text())
    (tmp_path / 'study' / 'answers').mkdir()
    read = score.read_key(tmp_path / 'study' / 'key.json')
    for number in range(4):
        given = {image: 'real' if method == 'real' or number == 0 else 'fake' for image, method in read.images.items()}
        text = json.dumps(
            {
                'study': key['study'],
                'participant': f'{number:016x}',
                'started': '2026-01-01T00:00:00Z',
                'finished': '2026-01-01T00:10:00Z',
                'answers': given,
                'order': list(given),
            }
        )
        (tmp_path / 'study' / 'answers' / f'{number}.json').write_text(text)
    rows = {row.label: row.cells for row in build.table2(context).tables[0].rows}
    assert rows['real'][1].mean == 100 and rows['FVAE'][1].mean == 25
    assert (rows['FVAE'][0], rows['FVAE'][3]) == (40, 59.4) and rows['FVAE'][1].low < 25 < rows['FVAE'][1].high
    # The paper has no such model.
    assert rows['FVAE with content'][3] is None


def test_a_run_that_is_none_is_named(tmp_path):
    out = str(tmp_path / 'made')
    for command in (['report'], ['study', 'build', '--out', out], ['card', '--people', 'x.csv', '--out', f'{out}.md']):
        with pytest.raises(InputError, match=f'{tmp_path} holds no run'):
            cli.main([*command, str(tmp_path)])
    with pytest.raises(InputError, match='unknown command .judge.'):
        cli.main(['study', 'judge'])
    assert not list(tmp_path.iterdir())
