"""Damaged files of a run directory, and checkpoints of other versions: one line that names the file and the remedy."""

import json
import shutil

import numpy as np
import orbax.checkpoint as ocp
import pytest

from configs import synthetic
from fvae_jax import config as config_lib
from fvae_jax.errors import InputError
from fvae_jax.training import checkpoint, experiment, history


@pytest.fixture(scope='module')
def config(set_cache):
    config = synthetic.get_config('tiny')
    config.data.cache = str(set_cache)
    return config


@pytest.fixture
def run(copy_run, tmp_path):
    """A finished run to damage."""
    copy_run(tmp_path / 'run')
    return tmp_path / 'run'


def _refused(config, run):
    with pytest.raises(InputError) as error:
        experiment.train(config, run)
    assert '\n' not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize('content', [b'', b'\xff\xfe', b'[]', b'{"train": 3}', b'{"seed"', None])
def test_config_json(config, run, content):
    path = run / 'config.json'
    path.unlink() if content is None else path.write_bytes(content)
    assert str(path) in (line := _refused(config, run)) and 'restore' in line


def test_config_json_of_a_run_that_is_only_read(run):
    (run / 'config.json').write_bytes(b'\xff\xfe')
    with pytest.raises(InputError, match='config.json is damaged .*restore it'):
        config_lib.of_run(run)


@pytest.mark.parametrize('content', [b'', b'\xff\xfe', b'[]', b'{}', b'{"digest"'])
def test_people_json(config, run, content):
    (run / 'people.json').write_bytes(content)
    assert 'people.json cannot be read' in (line := _refused(config, run)) and 'delete it' in line


def test_beta(config, run):
    [path] = run.glob('mask/*/beta.txt')
    for content in (b'', b'\xff', b'0.1.2', b'-1', b'inf', b'0'):
        path.write_bytes(content)
        with pytest.raises(InputError, match='beta.txt is damaged'):
            experiment._stored_beta(path.parent)
    path.write_bytes(b'nan')
    assert 'beta.txt is damaged' in (line := _refused(config, run)) and 'trained again' in line


def test_what_only_people_read_does_not_stop_a_run(config, run):
    model = (run / 'model.safetensors').read_bytes()
    for name in ('history.jsonl', 'metrics.jsonl', 'parameters.txt', 'evaluation.json', 'model.safetensors'):
        (run / name).write_bytes(b'\xff{')
    scores = experiment.train(config, run)
    assert json.loads((run / 'evaluation.json').read_text())['psnr'] == scores['psnr']
    assert (run / 'model.safetensors').read_bytes() == model
    assert (run / 'metrics.jsonl').read_text() == ''
    # The line that was cut short stands alone.
    assert len((run / 'history.jsonl').read_bytes().splitlines()) == 2


def test_a_checkpoint_of_other_versions(config, run):
    """The line names the packages that have changed since."""
    [line] = (run / 'history.jsonl').read_text().splitlines()
    start = json.loads(line)
    start['versions'].update({'flax': '0.0.1', 'a-package-that-is-gone': '1.0'})
    (run / 'history.jsonl').write_text(json.dumps(start) + '\n')
    now = history._version('flax')
    assert history.versions_since(run) == f'flax 0.0.1 → {now}, a-package-that-is-gone 1.0 → none'
    step = 12
    # A state of other arrays, whole by its manifest: what a version that names its layers otherwise would have saved.
    folder = run / 'checkpoints' / str(step)
    shutil.rmtree(folder / 'state')
    ocp.PyTreeCheckpointer().save(folder / 'state', {'weights': np.ones(1)})
    checkpoint.manifest_of(run, step).write_text(json.dumps(checkpoint._checksums(folder)))
    with pytest.raises(
        InputError, match=f'does not fit this version and config .*flax 0.0.1 → {now}.*install those again'
    ) as error:
        experiment.train(config, run)
    assert '\n' not in str(error.value)
    assert checkpoint.whole_steps(run) == [8, step]
