"""The model file: what goes in comes out, whatever else is refused in one line."""

import json
import pickletools
import subprocess
import sys

import jax
import numpy as np
import pytest
import safetensors.numpy

from editing import models
from fvae_jax import bundle as bundle_lib
from fvae_jax.errors import InputError


@pytest.mark.parametrize('mask, norm', [(True, 'batch'), (False, 'group')])
def test_round_trip(tmp_path, mask, norm):
    bundle = models.random_bundle(mask, norm)
    bundle_lib.save(tmp_path / 'model.safetensors', bundle)
    again = bundle_lib.load(tmp_path / 'model.safetensors')
    assert again.config == bundle.config and again.info == bundle.info
    assert again.statistics.counts == bundle.statistics.counts
    for name in ('fvae', 'mask'):
        a, b = getattr(bundle, name), getattr(again, name)
        assert jax.tree.structure(a) == jax.tree.structure(b)
        jax.tree.map(np.testing.assert_array_equal, a, b)
    jax.tree.map(np.testing.assert_array_equal, dict(bundle.statistics.class_means), dict(again.statistics.class_means))
    assert [p.name for p in tmp_path.iterdir()] == ['model.safetensors']


def test_reading_needs_neither_orbax_nor_tfds_nor_grain(tmp_path):
    bundle_lib.save(tmp_path / 'model.safetensors', models.random_bundle())
    code = (f'import sys, fvae_jax; fvae_jax.load({str(tmp_path / "model.safetensors")!r}); '
            'print([m for m in ("orbax", "tensorflow_datasets", "grain", "tensorboardX") if m in sys.modules])')
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == '[]'


def _rewrite(path, key=bundle_lib.KEY, **changed):
    with safetensors.safe_open(path, 'numpy') as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        facts = {**json.loads(file.metadata()[bundle_lib.KEY]), **changed}
    kept = {name: value for name, value in facts.items() if value is not None}
    safetensors.numpy.save_file(tensors, path, {key: json.dumps(kept)})


def test_equal_models_are_equal_files(tmp_path):
    for name in ('a', 'b'):
        bundle_lib.save(tmp_path / name, models.random_bundle())
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()


@pytest.mark.parametrize('damage, words', [
    (lambda path: path.unlink(), 'no model file .*RUN/model.safetensors'),
    (lambda path: path.write_bytes(b''), 'is not a model file, or is cut short'),
    (lambda path: path.write_text('hello'), 'is not a model file, or is cut short'),
    (lambda path: path.write_bytes(path.read_bytes()[:-100]), 'is not a model file, or is cut short'),
    (lambda path: _rewrite(path, key='format'), 'safetensors file but not an fvae_jax model'),
    (lambda path: _rewrite(path, version=99), 'model version 99, this program reads version 1; update'),
    (lambda path: _rewrite(path, config='{}x'), 'no config.json'),
    (lambda path: _rewrite(path, counts=None), 'is damaged'),
], ids=['missing', 'empty', 'text', 'cut', 'foreign', 'version', 'config', 'counts'])
def test_files_that_are_no_model(tmp_path, damage, words):
    path = tmp_path / 'model.safetensors'
    bundle_lib.save(path, models.random_bundle())
    damage(path)
    with pytest.raises(InputError, match=words):
        bundle_lib.load(path)


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match='cannot write the model file'):
        bundle_lib.save(tmp_path / 'none' / 'model.safetensors', models.random_bundle())


def test_nothing_is_pickled(tmp_path):
    bundle_lib.save(tmp_path / 'model.safetensors', models.random_bundle())
    content = (tmp_path / 'model.safetensors').read_bytes()
    header = json.loads(content[8:8 + int.from_bytes(content[:8], 'little')])
    assert {entry['dtype'] for name, entry in header.items() if name != '__metadata__'} == {'F32'}
    with pytest.raises(ValueError):
        list(pickletools.genops(content))
