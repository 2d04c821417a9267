"""The numbers of a report: exposed pixels found, flows measured where they can be, the whole from a tiny run."""

import csv
import json
import pathlib

import numpy as np
import pytest

from configs import synthetic
from fvae_jax import cli, config as config_lib
from fvae_jax.evaluation import cases
from fvae_jax.evaluation.baselines.base import Pair
from fvae_jax.evaluation.report import build
from fvae_jax.evaluation.sections import Context, flow, perception
from fvae_jax.evaluation.study import answers, build as study
from fvae_jax.training import experiment

pytest_plugins = ('browser',)


def test_detection_of_exposed_pixels():
    exposed = np.zeros((4, 8, 8), bool)
    exposed[:, :4] = True
    perfect = flow.detect(exposed.astype(float), exposed)
    assert perfect.precisions[50] == perfect.recalls[50] == 1
    blind = flow.detect(np.full(exposed.shape, 0.7), exposed)
    assert (blind.precisions[50], blind.recalls[50]) == (0.5, 1) and blind.recalls[80] == 0
    wrong = flow.detect(1.0 - exposed, exposed)
    assert wrong.precisions[50] == wrong.recalls[50] == 0
    doubt = np.random.default_rng(0).random(exposed.shape)
    found = flow.detect(doubt, exposed)
    for i in (10, 50, 90):
        chosen = doubt >= found.thresholds[i]
        assert found.precisions[i] == pytest.approx((chosen & exposed).sum() / chosen.sum())
        assert found.recalls[i] == pytest.approx((chosen & exposed).sum() / exposed.sum())


def test_end_point_errors_are_of_pixels_that_have_a_source():
    size = 64
    truth = np.zeros((size, size, 2), np.float32)
    truth[:, 32:, 0] = 3.0
    exposed = np.zeros((size, size), bool)
    exposed[:8] = True
    image = np.zeros((size, size, 3), np.float32)
    case = cases.KnownFlow(Pair('x', 'neutral', 'smile', image, image), truth, exposed, np.ones_like(exposed))
    assert flow._errors(truth, case) == (0, 0, 0)
    assert flow._errors(np.zeros_like(truth), case)[:2] == (1.5, 3)
    off = truth.copy()
    off[:8] += 100
    assert flow._errors(off, case) == (0, 0, 0)
    off[40:] += [0, 4]
    assert flow._errors(off, case)[2] > flow._errors(off, case)[0] > 0


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A tiny run with one of its two VAEs."""
    folder = tmp_path_factory.mktemp('run')
    config = synthetic.get_config('tiny')
    config.data.cache = str(folder / 'cache')
    experiment.train(config, folder / 'run')
    config.model.decoder, config.model.source_concat, config.confidence.enabled = 'pixels', 'none', False
    experiment.train(config, folder / 'run' / 'vae')
    return folder / 'run'


@pytest.mark.slow
def test_the_report_of_a_tiny_run(run, open_page):
    page_file = build.report(config_lib.of_run(run), run)
    assert page_file == run / 'report' / 'index.html' and not list(run.glob('.report*'))
    content = json.loads((run / 'report' / 'report.json').read_text())
    with open(run / 'report' / 'tables' / 'table1.csv') as file:
        rows = {row['method']: row for row in csv.DictReader(file)}
    assert {'copy', 'VAE', 'FVAE', 'FVAE with confidence', 'optical flow (DIS)'} <= set(rows)
    evaluation = json.loads((run / 'evaluation.json').read_text())
    printed = next(float(v) for k, v in rows['FVAE, bilinear (Eq. 5)'].items() if k.startswith('PSNR') and v)
    # Half strengths are no part of the table, and the tiny set has none: the very number of the evaluation.
    assert printed == pytest.approx(evaluation['psnr'], abs=2e-3)
    text = page_file.read_text()
    assert f'configs/vae.py:{run},pyramid' in text and 'figure6-t050' in json.dumps(content)
    for width in (400, 1400):
        page = open_page(page_file, width=width)
        assert page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth') == 0
        page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
        page.wait_for_function('[...document.images].every(image => image.complete)')
        assert page.evaluate('[...document.images].every(image => image.naturalWidth > 0)')
        assert page.evaluate('document.images.length') >= 8


@pytest.mark.slow
def test_the_report_has_rows_for_the_content_layer(tmp_path):
    config = synthetic.get_config('tiny,content')
    config.data.cache = str(tmp_path / 'cache')
    config.train.steps = config.train.evaluate_every = 6
    experiment.train(config, tmp_path / 'run')
    build.report(config_lib.of_run(tmp_path / 'run'), tmp_path / 'run')
    for name, rows in {
        'table1': {'FVAE', 'FVAE with content'},
        'figure6-t050': {'FVAE', 'FVAE with content'},
        'edits': {'FVAE', 'FVAE with content'},
        'exposed-pixels': {'1 − M', 'alpha'},
    }.items():
        with open(tmp_path / 'run' / 'report' / 'tables' / f'{name}.csv') as file:
            found = {next(iter(row.values())): row for row in csv.DictReader(file)}
        assert rows <= set(found), name
        assert all(not found[row].get('note') for row in rows)


@pytest.mark.slow
def test_the_study_of_a_tiny_run(run, tmp_path, capsys):
    assert cli.main(['study', 'build', str(run), '--out', str(tmp_path / 'study')]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / 'study' / 'index.html')
    key = json.loads((tmp_path / 'study' / 'key.json').read_text())
    assert 'FVAE' in json.dumps(key) and 'VAE' in json.dumps(key) and 'average flow' in json.dumps(key)
    assert {path.name for path in pathlib.Path(tmp_path / 'study').iterdir()} == {'index.html', 'key.json'}


def test_table_2_takes_the_answers_that_lie_in_the_run(tmp_path):
    context = Context(tmp_path, *[None] * 6)
    assert perception.section(context).tables[0].rows[0].cells == [None, None, 89.7]
    rng = np.random.default_rng(0)
    images = {
        name: [rng.uniform(-1, 1, (64, 64, 3)).astype(np.float32) for _ in range(10)] for name in ('real', 'FVAE')
    }
    study.build(images, tmp_path / 'study')
    key = json.loads((tmp_path / 'study' / 'key.json').read_text())
    (tmp_path / 'study' / 'answers').mkdir()
    read = answers.read_key(tmp_path / 'study' / 'key.json')
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
    rows = {row.label: row.cells for row in perception.section(context).tables[0].rows}
    assert rows['real'][0].mean == 100 and rows['FVAE'][0].mean == 25 and rows['FVAE'][1:] == [40, 59.4]
    assert rows['FVAE'][0].low < 25 < rows['FVAE'][0].high


def test_a_run_that_is_none_is_named(tmp_path):
    from fvae_jax.errors import InputError

    for command in (['report', str(tmp_path)], ['study', 'build', str(tmp_path), '--out', str(tmp_path / 'study')]):
        with pytest.raises(InputError, match=f'{tmp_path} holds no run'):
            cli.main(command)
    with pytest.raises(InputError, match='unknown command .judge.'):
        cli.main(['study', 'judge'])
    assert not (tmp_path / 'study').exists()
