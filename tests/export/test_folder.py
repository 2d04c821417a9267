"""`fvae export`: whole or not at all, refused in one line, and beside the networks what others have to know."""

import configparser
import hashlib
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from export import variants

from fvae_jax import bundle as bundle_lib, cli, runtime
from fvae_jax.editing import latent
from fvae_jax.errors import InputError
from fvae_jax.export import facts, folder as folder_lib, onnx, web
from fvae_jax.ops.frame import TIGHT

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp('model') / 'model.safetensors'
    bundle_lib.save(path, variants.bundle('all'))
    return path


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A small page in place of the real one, which has tests of its own."""
    folder = tmp_path / 'a page'
    (folder / 'deeper' / '__pycache__').mkdir(parents=True)
    for name in ('index.html', 'deeper/code.js', '__init__.py', 'deeper/__pycache__/x.pyc'):
        (folder / name).write_text(name)
    monkeypatch.setattr(web, 'PAGE', folder)
    return folder


def run(capsys, *argv):
    assert cli.main(['export', *map(str, argv)]) == 0
    return capsys.readouterr().out


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file())


def test_the_built_in_model_in_one_line(tmp_path, capsys):
    told = run(capsys, '--to', 'onnx', '--out', tmp_path / 'faces')
    assert told.startswith(f'{tmp_path / "faces"}: 7.') and 'half precision' in told and told.count('\n') == 1
    assert names(tmp_path / 'faces') == [
        'MODEL_CARD.md',
        'README.md',
        'decode.onnx',
        'encode.onnx',
        'exemplars.bin',
        'folds.bin',
        'latents.bin',
        'lips.bin',
        'mask.onnx',
        'model.json',
    ]
    written = json.loads((tmp_path / 'faces' / 'model.json').read_text())
    assert written['size'] == 128 and written['content'] and written['mask'] and written['name'] == 'faces'
    for word in ('DeBruine', 'ICT-FaceKit', 'CC BY 4.0'):
        assert word in written['attribution']


def test_facts(model, tmp_path, capsys):
    out = tmp_path / 'out'
    run(capsys, model, '--to', 'onnx', '--out', out)
    told, bundle = json.loads((out / 'model.json').read_text()), bundle_lib.load(model)
    assert set(told['files']) == set(names(out)) - {'model.json'} and 'MODEL_CARD.md' not in told['files']
    for name, about in told['files'].items():
        data = (out / name).read_bytes()
        assert about == {'bytes': len(data), 'sha256': hashlib.sha256(data).hexdigest()}
    values = np.fromfile(out / 'latents.bin', '<f4').reshape(-1, *told['latents']['shape'])
    assert told['latents']['order'] == ['neutral', 'smile', 'surprise']
    np.testing.assert_array_equal(values[0], bundle.statistics.class_means['neutral'])
    for value, name in zip(values[1:3], ('smile', 'surprise')):
        np.testing.assert_array_equal(value, latent.direction(bundle.statistics, name))
    rows, gram = latent.readings(bundle.statistics)
    np.testing.assert_allclose(values[3:], list(rows.values()), rtol=1e-6)
    np.testing.assert_allclose(told['latents']['gram'], gram)
    assert told['expressions'] == [{'name': 'smile', 'images': 5}, {'name': 'surprise', 'images': 5}]
    assert told['lips'] is None
    np.testing.assert_allclose(told['eyes'], TIGHT.eye_centers(64))
    features = [f'mask_feature_{i}' for i in range(4)]
    assert told['networks']['mask'] == {'file': 'mask.onnx', 'inputs': ['latent', *features], 'outputs': ['mask_logit']}
    assert told['data'] == 'dice' and told['licence'] == 'none' and told['card'] == {'step': 12}


def test_how_lips_are_found(tmp_path):
    rng = np.random.default_rng(0)
    lips = bundle_lib.Lips(*(np.float32(rng.normal(0, 0.01, shape)) for shape in ((129, 40), (2, 31, 40))))
    outputs = dict.fromkeys(('encode', 'decode', 'mask'), [])
    facts.write(tmp_path, variants.bundle('all')._replace(lips=lips), '.onnx', outputs, None)
    told = json.loads((tmp_path / 'model.json').read_text())['lips']
    assert told['file'] == 'lips.bin' and told['order'] == ['start', 'steps']
    values = np.fromfile(tmp_path / told['file'], '<f4')
    start, steps = np.split(values, [np.prod(told['start'])])
    np.testing.assert_array_equal(start.reshape(told['start']), lips.start)
    np.testing.assert_array_equal(steps.reshape(told['steps']), lips.steps)


def test_the_directions_are_those_that_the_model_edits_with():
    bundle = variants.bundle('all')
    means = bundle.statistics.class_means
    within = {'neutral': np.zeros_like(means['smile']), 'smile': means['surprise']}
    bundle = bundle._replace(statistics=bundle.statistics._replace(within_identity=within))
    bundle.config.latent.direction = 'within_identity'
    arrays = facts.latents(bundle)
    assert list(arrays) == ['neutral', 'smile']
    np.testing.assert_array_equal(arrays['neutral'], means['neutral'])
    np.testing.assert_array_equal(arrays['smile'], means['surprise'])
    for table in ('class_means', 'within_identity'):
        known = {name: value for name, value in getattr(bundle.statistics, table).items() if name != 'neutral'}
        with pytest.raises(InputError, match='knows no neutral faces'):
            facts.latents(bundle._replace(statistics=bundle.statistics._replace(**{table: known})))


def test_a_web_page_has_its_files_and_the_model(model, page, tmp_path, capsys):
    run(capsys, model, '--to', 'web', '--out', tmp_path / 'out')
    written = names(tmp_path / 'out')
    assert {name for name in written if name.startswith('model/')} == {
        'model/README.md',
        'model/decode.onnx',
        'model/encode.onnx',
        'model/latents.bin',
        'model/mask.onnx',
        'model/model.json',
    }
    assert {'index.html', 'deeper/code.js'} <= set(written)
    assert not [name for name in written if name.endswith(('.py', '.pyc'))]
    assert (tmp_path / 'out' / 'deeper' / 'code.js').read_text() == 'deeper/code.js'


def test_what_is_there_is_replaced_only_if_it_is_an_export(model, page, tmp_path, capsys):
    out = tmp_path / 'out'
    out.mkdir()  # an empty folder will do
    run(capsys, model, '--to', 'web', '--out', out)
    with pytest.raises(InputError, match="^'.*out' holds an export; name a new folder, or .* with --overwrite$"):
        run(capsys, model, '--to', 'stablehlo', '--out', out)
    run(capsys, model, '--to', 'stablehlo', '--out', out, '--overwrite')
    assert 'load.py' in names(out) and 'index.html' not in names(out)
    mine = tmp_path / 'mine'
    mine.mkdir()
    (mine / 'diary.txt').write_text('x')
    for more in ((), ('--overwrite',)):
        with pytest.raises(InputError, match="mine' holds something that is not an export; name a new folder"):
            run(capsys, model, '--to', 'onnx', '--out', mine, *more)
    with pytest.raises(InputError, match="diary.txt' is a file; name a new folder"):
        run(capsys, model, '--to', 'onnx', '--out', mine / 'diary.txt')
    with pytest.raises(InputError, match="folder '.*nowhere' does not exist"):
        run(capsys, model, '--to', 'onnx', '--out', tmp_path / 'nowhere' / 'out')
    assert names(mine) == ['diary.txt']


@pytest.mark.parametrize('there', [False, True])
def test_an_export_that_disagrees_is_not_left(model, tmp_path, capsys, monkeypatch, there):
    out = tmp_path / 'out'
    if there:
        run(capsys, model, '--to', 'onnx', '--out', out)
    before = {name: (out / name).read_bytes() for name in names(out)} if there else None
    folded = onnx._folded

    def wrong(variables, name):
        weights, bias = folded(variables, name)
        return weights, bias + np.float32(0.01)

    monkeypatch.setattr(onnx, '_folded', wrong)
    with pytest.raises(InputError, match='the ONNX export does not compute what JAX does'):
        run(capsys, model, '--to', 'onnx', '--out', out, '--overwrite')
    assert [path.name for path in tmp_path.iterdir()] == (['out'] if there else [])
    assert not there or before == {name: (out / name).read_bytes() for name in names(out)}


def test_what_cannot_be_exported(model, tmp_path, capsys, monkeypatch):
    with pytest.raises(InputError, match='--to tflite: unknown target; it is one of stablehlo, onnx, web'):
        run(capsys, model, '--to', 'tflite', '--out', tmp_path / 'out')
    with pytest.raises(InputError, match='no model file .*nothing.safetensors'):
        run(capsys, tmp_path / 'nothing.safetensors', '--to', 'onnx', '--out', tmp_path / 'out')
    pixels = variants.bundle('no mask')
    pixels.config.model.decoder = 'pixels'
    for target in folder_lib.TARGETS:
        with pytest.raises(InputError, match="predicts pixels .*export a model of model.decoder = 'flow'"):
            folder_lib.write(pixels, target, tmp_path / 'out')
    for target, packages in folder_lib.TARGETS.items():
        for package in packages:
            monkeypatch.setitem(sys.modules, package, None)
            remedy = rf"^--to {target} needs {package} .*: pip install 'fvae-jax\[export\]' "
            with pytest.raises(InputError, match=remedy):
                run(capsys, model, '--to', target, '--out', tmp_path / 'out')
            monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_the_extra_is_what_the_targets_need():
    setup = configparser.ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    extra = {line.partition('>')[0] for line in setup['options.extras_require']['export'].split()}
    assert extra == set().union(*folder_lib.TARGETS.values())
    assert {name for name, brings in runtime.EXTRAS.items() if brings == 'export'} == extra


def test_stablehlo_needs_no_onnx_and_errors_are_one_line(model, tmp_path):
    code = (
        'import sys\nfor name in ("onnx", "onnxruntime"): sys.modules[name] = None\n'
        'sys.argv[0] = "fvae"\nfrom fvae_jax import cli; cli.run()'
    )

    def fvae(*argv):
        return subprocess.run([sys.executable, '-c', code, *map(str, argv)], cwd=ROOT, capture_output=True, text=True)

    found = fvae('export', model, '--to', 'stablehlo', '--out', tmp_path / 'out')
    assert found.returncode == 0 and 'load.py' in names(tmp_path / 'out'), found.stderr
    found = fvae('export', model, '--to', 'onnx', '--out', tmp_path / 'other')
    assert found.returncode == 2 and found.stdout == ''
    assert found.stderr.startswith('error: --to onnx needs onnx ') and found.stderr.count('\n') == 1
