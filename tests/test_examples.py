"""The scripts of examples/, run as people run them."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
from PIL import Image

import fvae_jax
from fvae_jax import cli

ROOT = pathlib.Path(__file__).parents[1]
ASTRONAUT = skimage.data.astronaut()
EYES = ('203.4', '102', '246.3', '104.3')


def _run(name, *arguments, cwd):
    return subprocess.run(
        [sys.executable, ROOT / 'examples' / name, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )


def _mouth_moved(before, after, box):
    """How much a face changed, of 255, in the middle of its lower half and above its brows."""
    left, top, right, bottom = map(int, box)
    difference = np.abs(np.float32(after) - before).mean(-1)
    middle = slice((2 * left + right) // 3, (left + 2 * right) // 3)
    return difference[(top + bottom) // 2 : bottom, middle].mean(), difference[: top // 2].mean()


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    Image.fromarray(ASTRONAUT).save(folder / 'me.png')
    shutil.copy(ROOT / 'docs' / 'composite_face.jpg', folder / 'average.jpg')
    Image.new('RGB', (200, 200)).save(folder / 'night.png')
    return folder


def test_each_example_is_tried_here():
    named = pathlib.Path(__file__).read_text()
    assert {path.name for path in (ROOT / 'examples').iterdir() if path.is_file()} == {
        'edit_folder.py',
        'onnx_edit.py',
        'slider_figure.py',
        'train_and_edit.py',
    }
    assert all(f"_run('{path.name}'" in named for path in (ROOT / 'examples').glob('*.py'))


def test_a_folder_is_edited(photos, tmp_path):
    found = _run('edit_folder.py', 'photos', 'out', cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['average.png', 'me.png']
    assert 'left out: ' in found.stderr and 'night.png' in found.stderr
    average = np.asarray(Image.open(photos / 'average.jpg').convert('RGB'))
    mouth, above = _mouth_moved(average, np.asarray(Image.open(tmp_path / 'out' / 'average.png')), (169, 152, 428, 497))
    assert mouth > 3 and above == 0


def test_a_figure_of_strengths(photos, tmp_path):
    found = _run('slider_figure.py', 'photos/average.jpg', 'figure.png', cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    figure = np.asarray(Image.open(tmp_path / 'figure.png').convert('L'))
    assert min(figure.shape) > 800 and figure.std() > 30


def test_an_export_without_this_package(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(['export', '--to', 'onnx', '--out', 'model']) == 0
    source = (ROOT / 'examples' / 'onnx_edit.py').read_text()
    assert 'fvae_jax' not in source and 'import jax' not in source
    pictures = []
    for strength in ('0', '-1'):
        found = _run('onnx_edit.py', 'model', 'photos/me.png', *EYES, 'smile', strength, 'x.png', cwd=tmp_path)
        assert found.returncode == 0, found.stderr
        pictures.append(np.asarray(Image.open('x.png').convert('RGB')))
    assert pictures[0].shape == (128, 128, 3)
    mouth, above = _mouth_moved(*pictures, (40, 24, 88, 108))
    assert mouth > 4 and above < mouth / 4


@pytest.mark.slow
def test_training_on_own_photos(tmp_path, monkeypatch):
    """Photos that the built-in model makes of two faces and their mirror images: four people with two expressions."""
    monkeypatch.setenv('FVAE_CACHE', str(tmp_path / 'cache'))
    editor = fvae_jax.load()
    average = np.asarray(Image.open(ROOT / 'docs' / 'composite_face.jpg').convert('RGB'))
    for number, pixels in enumerate((ASTRONAUT, ASTRONAUT[:, ::-1], average, average[:, ::-1])):
        photo = editor.open(np.ascontiguousarray(pixels))
        folder = tmp_path / 'data' / f'person{number}'
        folder.mkdir(parents=True)
        photo.edit(neutral=1.0).save(folder / 'neutral.png')
        photo.edit(neutral=1.0, smile=1.0).save(folder / 'smile.png')
    Image.fromarray(ASTRONAUT).save(tmp_path / 'me.png')
    found = _run('train_and_edit.py', 'data', 'me.png', 'out.png', '2', cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert 'PSNR' in found.stdout and 'smile' in found.stdout
    assert (tmp_path / 'runs' / 'own' / 'model.safetensors').is_file()
    with Image.open(tmp_path / 'out.png') as edited:
        assert edited.size == (512, 512)
