"""Pictures in memory go in and come out, editors go to other processes, and wrong things are refused in one line."""

import copy
import io
import multiprocessing
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
from editing import models
from PIL import Image

from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError

ASTRONAUT = skimage.data.astronaut()


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle())


@pytest.fixture(scope='module')
def photo(editor):
    return editor.open(ASTRONAUT)


def test_every_kind_of_picture_is_edited_alike(editor, photo, tmp_path):
    expected = photo.edit(smile=1.0).to_array()
    assert (expected != ASTRONAUT).any()
    Image.fromarray(ASTRONAUT).save(tmp_path / 'a.png')
    content = (tmp_path / 'a.png').read_bytes()
    for picture in (
        tmp_path / 'a.png',
        str(tmp_path / 'a.png'),
        content,
        io.BytesIO(content),
        Image.open(tmp_path / 'a.png'),
    ):
        np.testing.assert_array_equal(editor.open(picture).edit(smile=1.0).to_array(), expected)
    other = editor.example(ASTRONAUT, content)
    assert other.name == 'a photo' and not (other.expression - other.neutral).any()


def test_an_edited_photo_is_an_array_and_an_image(editor, photo):
    edited = photo.edit(smile=1.0)
    array = edited.to_array()
    assert array.flags.writeable and array.base is not edited.photo.pixels
    np.testing.assert_array_equal(np.asarray(edited), array)
    np.testing.assert_array_equal(np.asarray(edited.to_image()), array)
    assert np.asarray(edited, np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(edited.encode('.png')))), array)
    with pytest.raises(InputError, match=r"writes to a path, not to a BytesIO; take encode\('.png'\)"):
        edited.save(io.BytesIO())
    alpha = np.dstack([ASTRONAUT, np.full(ASTRONAUT.shape[:2], 255, np.uint8)]).astype(np.uint16) * 257
    edited = editor.open(alpha).edit(smile=1.0)
    assert edited.to_array().shape == alpha.shape and edited.to_array().dtype == np.uint16
    assert edited.to_image().mode == 'RGBA'
    np.testing.assert_array_equal(editor.open(edited.to_array()).photo.alpha, edited.photo.alpha)
    floats = editor.open(ASTRONAUT / 255, unit_range=True)
    assert floats.edit(smile=0.0).to_array().dtype == np.uint16


@pytest.mark.parametrize('value', ['1', None, True, 1j, [1.0, 2.0], b'1', np.bool_(True), np.ones(2)], ids=repr)
def test_strengths_are_numbers(photo, value):
    for asked in ({'smile': value}, {'smile': 1.0, 'strength': value}):
        with pytest.raises(InputError, match=r'strength of .* is .*; give a number, as 1.0'):
            photo.edit(**asked)


def test_arguments_in_order_are_refused(photo):
    for arguments in (('smile', 1), (1.0,), ('smile',), ({'smile': 1.0}, {'surprise': 1.0})):
        with pytest.raises(InputError, match='give strengths by expression'):
            photo.edit(*arguments)
    for value in (1, np.float32(1), np.array(1.0)):
        np.testing.assert_array_equal(photo.edit(smile=value).field, photo.edit(smile=1.0).field)


def test_editors_and_photos_can_be_copied_and_pickled(editor, photo):
    expected = photo.edit(smile=1.0).to_array()
    editor.max_pixels = 300_000
    try:
        for made in (pickle.loads(pickle.dumps(editor)), copy.deepcopy(editor)):
            assert made.max_pixels == 300_000
            np.testing.assert_array_equal(made.open(ASTRONAUT).edit(smile=1.0).to_array(), expected)
    finally:
        editor.max_pixels = editor_lib.read.MAX_PIXELS
    again = pickle.loads(pickle.dumps(photo))
    np.testing.assert_array_equal(again.edit(smile=1.0).to_array(), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(photo.edit(smile=1.0))).to_array(), expected)


_POOL = """
import multiprocessing, sys
import numpy as np, skimage.data
import fvae_jax
from fvae_jax.errors import InputError

editor = fvae_jax.load(sys.argv[2])
photo = skimage.data.astronaut()

def job(strength):
    return editor.open(photo).edit(smile=strength).to_array()

def sent(pair):
    return pair[0].edit(smile=pair[1]).to_array()

if __name__ == '__main__':
    fork = multiprocessing.get_context('fork')
    if sys.argv[1] == 'unused':
        with fork.Pool(1) as pool:
            made = pool.map(job, [1.0, 0.5])
        assert all(map(np.array_equal, made, map(job, [1.0, 0.5])))
        print('the same')
    else:
        opened = editor.open(photo)
        opened.edit(smile=1.0).to_array()
        for work, given in ((job, 1.0), (sent, (opened, 1.0))):
            try:
                with fork.Pool(1) as pool:
                    pool.map(work, [given])
            except InputError as error:
                print(error)
"""


@pytest.mark.parametrize('parent', ['unused', 'used'])
def test_forked_processes_work_or_are_refused(tmp_path, parent):
    (tmp_path / 'pool.py').write_text(_POOL)
    bundle_lib.save(tmp_path / 'model.safetensors', models.random_bundle())
    found = subprocess.run(
        [sys.executable, tmp_path / 'pool.py', parent, tmp_path / 'model.safetensors'],
        capture_output=True, text=True, timeout=100,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'PYTHONWARNINGS': 'ignore'},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    if parent == 'unused':
        assert lines == ['the same']
    else:
        assert len(lines) == 2 and all("get_context('spawn')" in line for line in lines)


def test_spawned_processes_take_a_pickled_editor(editor, photo):
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        [made] = pool.map(_edit, [editor])
    np.testing.assert_array_equal(made, photo.edit(smile=1.0).to_array())


def _edit(editor):
    return editor.open(ASTRONAUT).edit(smile=1.0).to_array()
