"""The training command with wrong input: one clear line with the remedy, exit status 2, no traceback."""

import json
import os
import pathlib
import subprocess
import sys

import forked
import numpy as np
import pytest
import skimage.data
from PIL import Image

from configs import synthetic
from fvae_jax.training import rundir

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope='module')
def command(tmp_path_factory):
    """Runs the command as `forked` does."""
    with forked.parent(tmp_path_factory.mktemp('said'), 'fvae_jax.main', 'fvae_jax.training.experiment') as run:
        yield lambda *arguments, **env: run('from fvae_jax import main; main.run()', ['main.py', *arguments], **env)


def _line(found):
    """The one line of an error."""
    assert found.returncode == 2, found.stderr
    assert 'Traceback' not in found.stderr
    errors = [line for line in found.stderr.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1 and found.stderr.strip().splitlines()[-1] == errors[0]
    return errors[0]


@pytest.fixture
def fails(command, tmp_path):
    """`fails(*arguments)` runs the command in a new run directory, expects a one-line error, and returns the line."""

    def fails(*arguments):
        return _line(command(f'--workdir={tmp_path / "run"}', *arguments, FVAE_CACHE=str(tmp_path / 'cache')))

    return fails


def test_the_command_itself(tmp_path):
    """In a process of its own, as people start it; the other tests leave out its imports."""
    arguments = [f'--workdir={tmp_path / "run"}', '--config=configs/synthetic.py:tiny', '--mode=evaluate']
    found = subprocess.run(
        [sys.executable, '-m', 'fvae_jax.main', *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, 'FVAE_CACHE': str(tmp_path / 'cache')},
    )
    assert 'holds no run; train first with --mode=train' in _line(found)


def _photos(root, *more):
    return ('--config=configs/photos.py:small', f'--config.data.root={root}', f'--workdir={root}/run', *more)


@pytest.mark.parametrize(
    'arguments, words',
    [
        ([], ['--config is missing', '--config=configs/synthetic.py']),
        (['--config=configs/none.py'], ['configs/none.py']),
        (['--config=configs/photos.py:tiny'], ["unknown config variant 'tiny'", 'small']),
        (
            ['--config=configs/synthetic.py:tiny', '--config.train.stepps=3'],
            ['config.train.stepps', 'may be config.train.steps;'],
        ),
        (['--config=configs/synthetic.py:tiny', '--config.train.image_size=64'], ['may be config.data.image_size;']),
        (
            ['--config=configs/synthetic.py:tiny', '--config.eval.every=9'],
            ['config.eval.every is not a field', 'config.eval.batch_size, config.eval.max_pairs;', '--help'],
        ),
        (['--config=configs/synthetic.py:tiny', '--config.nothing'], ['config.nothing is not a field; --help']),
        (['--config=configs/synthetic.py:tiny', '--config.train.steps=many'], ['train.steps', 'many']),
        (['--config=configs/synthetic.py:tiny', '--config.train.steps=0'], ['config.train.steps = 0', 'at least 1']),
        (['--config=configs/synthetic.py:tiny', '--mode=fly'], ['fly', 'evaluate']),
        (['--config=configs/synthetic.py:tiny', 'steps=3'], ["'steps=3'", '--config.GROUP.FIELD=VALUE']),
        (
            ['--config=configs/synthetic.py:tiny', '--config.train.batch_size=9'],
            ['config.train.batch_size = 9', '8 devices', 'use 8 or 16'],
        ),
        (['--config=configs/photos.py'], ['config.data.root is empty', '--config.data.root=DATA']),
        (['--config=configs/multipie.py', '--config.data.manual_dir=nowhere'], ['nowhere', 'Multi-PIE']),
        (['--config=configs/synthetic.py:tiny', '--mode=evaluate'], ['holds no run', '--mode=train']),
        (['--config=configs/synthetic.py:tiny', '--mode=mask'], ['holds no run', '--mode=train']),
        (
            ['--config=configs/synthetic.py:tiny', '--config.data.root=x'],
            ['data.root', "set 'synthetic' does not have"],
        ),
        (['--config=configs/synthetic.py:tiny', '--config.model.dtype=float64'], ['JAX_ENABLE_X64']),
    ],
    ids=lambda value: ' '.join(value)[:60],
)
def test_flags_and_config(fails, arguments, words):
    line = fails(*arguments)
    assert all(word in line for word in words), line


def test_missing_data_root(fails, tmp_path):
    line = fails(*_photos(tmp_path / 'none'))
    assert str(tmp_path / 'none') in line


def test_index_without_a_column(fails, tmp_path):
    (tmp_path / 'index.csv').write_text('path,expression\na.jpg,smile\n')
    line = fails(*_photos(tmp_path))
    assert "'identity'" in line and 'path, identity, expression' in line


def test_no_usable_photo_names_the_reasons(fails, tmp_path):
    """A photo without a face, a truncated JPEG, a missing file: each is named, none is left, so it is an error."""
    Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(tmp_path / 'gray.png')
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / 'whole.jpg')
    content = (tmp_path / 'whole.jpg').read_bytes()
    (tmp_path / 'cut.jpg').write_bytes(content[: len(content) // 2])
    (tmp_path / 'index.csv').write_text(
        'path,identity,expression\ngray.png,a,neutral\ncut.jpg,a,smile\nnone.jpg,b,neutral\n'
    )
    line = fails(*_photos(tmp_path))
    for words in ('gray.png', 'no face', 'cut.jpg', 'truncated', 'none.jpg', 'does not exist'):
        assert words in line, line


def test_workdir_that_cannot_be_written(fails, tmp_path):
    (tmp_path / 'file').write_text('')
    line = fails('--config=configs/synthetic.py:tiny', f'--workdir={tmp_path}/file/run')
    assert f'{tmp_path}/file/run' in line and '--workdir' in line


def test_workdir_of_another_config(fails, tmp_path):
    run = tmp_path / 'run'
    rundir.open_workdir(run, synthetic.get_config('tiny'))
    # Nothing is saved there yet, so wrong settings can still be mended; a checkpoint makes it somebody's.
    rundir.open_workdir(run, synthetic.get_config())
    rundir.open_workdir(run, synthetic.get_config('tiny'))
    (run / 'manifests').mkdir()
    (run / 'manifests' / '4.json').write_text('{}')
    line = fails('--config=configs/synthetic.py:tiny', '--config.loss.flow_alpha=1')
    assert 'loss.flow_alpha: 1.0, not 10.0' in line and '--workdir' in line
    assert json.loads((run / 'config.json').read_text())['loss']['flow_alpha'] == 10.0
    (run / 'config.json').write_bytes(b'\xff')
    assert 'cannot be read' in fails('--config=configs/synthetic.py:tiny')


def test_a_second_run_in_the_same_workdir_is_refused(fails, tmp_path):
    rundir.open_workdir(tmp_path / 'run', synthetic.get_config('tiny'))
    with rundir.claim(tmp_path / 'run'):
        assert 'another process is training' in fails('--config=configs/synthetic.py:tiny')
