"""The model file: what goes in comes out, whatever else is refused in one line. And the one that ships."""

import json
import pickletools
import re
import subprocess
import sys

import jax
import numpy as np
import pytest
import safetensors.numpy
from editing import models

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import editor as editor_lib, latent
from fvae_jax.errors import InputError
from launch import ship_model


@pytest.mark.parametrize('mask', [True, False])
def test_round_trip(tmp_path, mask):
    bundle = models.random_bundle(mask)
    bundle_lib.save(tmp_path / 'model.safetensors', bundle)
    again = bundle_lib.load(tmp_path / 'model.safetensors')
    assert again.config == bundle.config and again.info == bundle.info
    assert again.statistics.counts == bundle.statistics.counts and again.statistics.spread is None
    for name in ('fvae', 'mask'):
        a, b = getattr(bundle, name), getattr(again, name)
        assert jax.tree.structure(a) == jax.tree.structure(b)
        jax.tree.map(np.testing.assert_array_equal, a, b)
    jax.tree.map(np.testing.assert_array_equal, dict(bundle.statistics.class_means), dict(again.statistics.class_means))
    spread = np.linspace(-1, 1, 2 * 4 * 4 * 8, dtype=np.float32).reshape(2, 4, 4, 8)
    bundle_lib.save(
        tmp_path / 'model.safetensors', bundle._replace(statistics=bundle.statistics._replace(spread=spread))
    )
    np.testing.assert_array_equal(bundle_lib.load(tmp_path / 'model.safetensors').statistics.spread, spread)
    assert [p.name for p in tmp_path.iterdir()] == ['model.safetensors']


def test_reading_needs_neither_orbax_nor_tfds_nor_grain(tmp_path):
    bundle_lib.save(tmp_path / 'model.safetensors', models.random_bundle())
    code = (
        f'import sys, fvae_jax; fvae_jax.load({str(tmp_path / "model.safetensors")!r}); '
        'print([m for m in ("orbax", "tensorflow_datasets", "grain", "tensorboardX") if m in sys.modules])'
    )
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == '[]'


def _rewrite(path, key=bundle_lib.KEY, **changed):
    with safetensors.safe_open(path, 'numpy') as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        facts = {**json.loads(file.metadata()[bundle_lib.KEY]), **changed}
    kept = {name: value for name, value in facts.items() if value is not None}
    safetensors.numpy.save_file(tensors, path, {key: json.dumps(kept)})


def test_equal_models_are_equal_files(tmp_path):
    for name in ('a', 'b'):
        bundle_lib.save(tmp_path / name, models.random_bundle())
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()


@pytest.mark.parametrize(
    'damage, words',
    [
        (lambda path: path.unlink(), 'no model file .*RUN/model.safetensors'),
        (lambda path: path.write_bytes(b''), 'is not a model file, or is cut short'),
        (lambda path: path.write_text('hello'), 'is not a model file, or is cut short'),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), 'is not a model file, or is cut short'),
        (lambda path: _rewrite(path, key='format'), 'safetensors file but not an fvae_jax model'),
        (lambda path: _rewrite(path, version=99), 'model version 99, this program reads version 1; update'),
        (lambda path: _rewrite(path, config='{}x'), 'is not a config.json'),
        (lambda path: _rewrite(path, counts=None), 'is damaged'),
    ],
    ids=['missing', 'empty', 'text', 'cut', 'foreign', 'version', 'config', 'counts'],
)
def test_files_that_are_no_model(tmp_path, damage, words):
    path = tmp_path / 'model.safetensors'
    bundle_lib.save(path, models.random_bundle())
    damage(path)
    with pytest.raises(InputError, match=words):
        bundle_lib.load(path)


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="model.safetensors' cannot be written"):
        bundle_lib.save(tmp_path / 'none' / 'model.safetensors', models.random_bundle())


def _types(path):
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], 'little')])
    return {name: entry['dtype'] for name, entry in header.items() if name != '__metadata__'}


def test_nothing_is_pickled(tmp_path):
    bundle_lib.save(tmp_path / 'model.safetensors', models.random_bundle())
    assert set(_types(tmp_path / 'model.safetensors').values()) == {'F32'}
    with pytest.raises(ValueError):
        list(pickletools.genops((tmp_path / 'model.safetensors').read_bytes()))


def test_half_precision(tmp_path):
    bundle = models.random_bundle()
    stats = bundle.fvae['batch_stats']['encoder']['stack']
    # Beyond float16; all below its smallest normal number; some below it.
    stats['down1']['norm']['var'] = np.full_like(stats['down1']['norm']['var'], 7e4)
    stats['down2']['norm']['var'] = np.full_like(stats['down2']['norm']['var'], 1.23456e-7)
    stats['down3']['norm']['var'] = np.geomspace(1.23456e-7, 1e3, stats['down3']['norm']['var'].size, dtype=np.float32)
    bundle_lib.save(tmp_path / 'whole', bundle)
    bundle_lib.save(tmp_path / 'half', bundle, half=True)
    assert {name for name, kind in _types(tmp_path / 'half').items() if kind != 'F16'} == {
        f'fvae/batch_stats/encoder/stack/{down}/norm/var' for down in ('down1', 'down2')
    }
    assert (tmp_path / 'half').stat().st_size < 0.6 * (tmp_path / 'whole').stat().st_size
    again = bundle_lib.load(tmp_path / 'half')
    for a, b in zip(jax.tree.leaves(bundle[1:3]), jax.tree.leaves(again[1:3]), strict=True):
        assert b.dtype == np.float32
        np.testing.assert_allclose(b, a, rtol=2**-11, atol=2**-25)  # half a step of normal and of smaller numbers


def test_a_model_is_shipped_when_half_precision_does_not_show(tmp_path):
    bundle_lib.save(tmp_path / 'model.safetensors', models.random_bundle())
    measured = ship_model.ship(tmp_path / 'model.safetensors', tmp_path / 'shipped')
    words = r'0\.\d MB; 3 edits differ by [0-3]/255 at most .* (99\.9|100\.0)\d+ % of the pixels of the face'
    assert re.fullmatch(words, measured), measured
    assert set(_types(tmp_path / 'shipped').values()) == {'F16'}
    assert {path.name for path in tmp_path.iterdir()} == {'model.safetensors', 'shipped'}


def test_a_model_that_half_precision_changes_is_not_shipped(tmp_path):
    bundle = models.random_bundle()
    # Directions are differences of numbers that float16 holds to 0.25 only.
    means = {name: 3 * mean + 500 for name, mean in bundle.statistics.class_means.items()}
    bundle_lib.save(
        tmp_path / 'model.safetensors', bundle._replace(statistics=bundle.statistics._replace(class_means=means))
    )
    _not_shipped(tmp_path, r'edits otherwise in half precision, 0\.\d MB; 3 edits differ by \d+/255')


def test_expressions_that_turned_out_badly_are_left_out(tmp_path):
    bundle = models.random_bundle()
    name = max(set(bundle.statistics.counts) - {'neutral'})
    kept = ship_model.without(bundle, [name]).statistics
    assert set(bundle.statistics.counts) - set(kept.counts) == {name} and name not in kept.class_means
    with pytest.raises(InputError, match='--without grin: the model has .*neutral'):
        ship_model.without(bundle, ['grin'])


def test_a_direction_is_made_longer_and_the_file_says_so(tmp_path):
    bundle = models.random_bundle()
    bundle_lib.save(tmp_path / 'model.safetensors', bundle)
    measured = ship_model.ship(tmp_path / 'model.safetensors', tmp_path / 'shipped', factors={'smile': 1.5})
    assert '3 edits differ by' in measured
    shipped = bundle_lib.load(tmp_path / 'shipped')
    assert shipped.info['stronger'] == {'smile': 1.5}
    for kind in ('class_means', 'within_identity'):
        for name, factor in (('smile', 1.5), ('surprise', 1.0)):
            before, after = (latent.direction(one.statistics, name, kind=kind) for one in (bundle, shipped))
            np.testing.assert_allclose(after, factor * before, atol=0.01)
    with pytest.raises(InputError, match='--stronger grin: the model has neutral, smile, surprise'):
        ship_model.stronger(bundle, {'grin': 2.0})


def test_a_large_model_is_not_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(ship_model, 'MAX_MEGABYTES', 0.05)
    bundle_lib.save(tmp_path / 'model.safetensors', models.random_bundle())
    _not_shipped(tmp_path, r'is too large to ship, 0\.1 MB')


def _not_shipped(folder, words):
    (folder / 'shipped').write_text('the one before')
    with pytest.raises(InputError, match=words):
        ship_model.ship(folder / 'model.safetensors', folder / 'shipped')
    assert (folder / 'shipped').read_text() == 'the one before'
    assert {path.name for path in folder.iterdir()} == {'model.safetensors', 'shipped'}


def test_shipping_nothing_is_one_line_and_status_2(tmp_path):
    found = subprocess.run([sys.executable, ship_model.__file__, tmp_path], capture_output=True, text=True)
    assert found.returncode == 2 and found.stdout == ''
    assert found.stderr == f'error: no model file {tmp_path}/model.safetensors; training writes RUN/model.safetensors\n'


def test_the_built_in_model():
    assert bundle_lib.built_in().stat().st_size <= 20e6
    assert 'F16' in _types(bundle_lib.built_in()).values()
    editor = fvae_jax.load()
    assert {'neutral', 'smile'} <= set(editor.expressions)
    assert editor.has_mask, 'fvae interpolate needs the mask'
    for fact in ('experiment', 'data', 'licence', 'training_people'):
        assert editor.bundle.info[fact], f'the model does not say its {fact}'


def test_an_installation_without_the_built_in_model(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_lib, 'BUILT_IN', tmp_path / 'faces.safetensors')
    for load in (bundle_lib.built_in, bundle_lib.load, fvae_jax.load):
        with pytest.raises(InputError, match='no built-in model; reinstall, or give --model RUN/model.safetensors'):
            load()


@pytest.mark.parametrize(
    'change, words',
    [
        (
            lambda b: b._replace(
                statistics=b.statistics._replace(class_means={'--help': np.zeros((4, 4, 8), np.float32)})
            ),
            'is not the name of an expression',
        ),
        (
            lambda b: b._replace(
                statistics=b.statistics._replace(class_means={'../x': np.zeros((4, 4, 8), np.float32)})
            ),
            'is not the name of an expression',
        ),
        (
            lambda b: b._replace(
                statistics=b.statistics._replace(
                    class_means={'neutral': np.zeros((4, 4), np.float32)}, within_identity={}
                )
            ),
            'has the shape',
        ),
        (
            lambda b: b._replace(statistics=b.statistics._replace(spread=np.ones((2, 4, 4, 7), np.float32))),
            'the spread of people has the shape',
        ),
        (lambda b: b._replace(statistics=b.statistics._replace(counts={'smile': 'many'})), 'are counted'),
        (lambda b: b._replace(fvae={**b.fvae, 'params': {'x': np.full(3, np.nan, np.float32)}}), 'is not finite'),
    ],
)
def test_what_a_stranger_s_file_may_hold_is_refused_in_a_line(tmp_path, change, words):
    path = tmp_path / 'model.safetensors'
    bundle_lib.save(path, change(models.random_bundle()))
    with pytest.raises(InputError, match=words) as error:
        bundle_lib.load(path)
    assert len(str(error.value).splitlines()) == 1


def test_a_config_out_of_range_is_refused_before_memory_is_taken(tmp_path):
    bundle = models.random_bundle()
    bundle.config.model.width = 7
    bundle_lib.save(tmp_path / 'model.safetensors', bundle)
    with pytest.raises(InputError, match='config.model.width = 7 is out of range'):
        bundle_lib.load(tmp_path / 'model.safetensors')


def test_weights_of_another_network_are_refused_when_they_are_used(tmp_path):
    bundle = models.random_bundle()
    bundle.config.model.width = 10**6
    bundle_lib.save(tmp_path / 'model.safetensors', bundle)
    editor = editor_lib.load(tmp_path / 'model.safetensors')
    with pytest.raises(InputError, match='weights of this model do not fit its config'):
        editor.encode(np.zeros((64, 64, 3), np.uint8))


def _folds(**changes):
    maps = np.random.default_rng(0).integers(-90, 90, (3, 16, 16)).astype(np.int8)
    corners = np.tile(np.float32([[0.4, 0.7], [0.6, 0.7]]), (3, 1, 1))
    folds = bundle_lib.Folds(maps, corners, np.float32([0.3, 0.5, 0.7]), ('smile', 'smile', 'surprise'))
    return folds._replace(**changes)


@pytest.mark.parametrize('half', [False, True])
def test_folds_are_kept_bit_for_bit(tmp_path, half):
    bundle_lib.save(tmp_path / 'model', models.random_bundle(shading=True)._replace(folds=_folds()), half=half)
    again = bundle_lib.load(tmp_path / 'model').folds
    assert again.expressions == _folds().expressions
    for stored, read in zip(_folds()[:3], again[:3]):
        assert stored.dtype == read.dtype
        np.testing.assert_array_equal(stored, read)


@pytest.mark.parametrize(
    'changes',
    [
        {'maps': np.zeros((3, 16, 16), np.float32)},
        {'maps': np.zeros((3, 16, 12), np.int8)},
        {'corners': np.zeros((3, 2, 2), np.float32)},
        {'corners': np.zeros((2, 2, 2), np.float32)},
        {'light': np.float32([0.5, np.nan, 0.5])},
        {'expressions': ('smile',)},
        {'expressions': ('smile', '../x', 'smile')},
    ],
)
def test_folds_that_do_not_fit_together_are_a_damaged_file(tmp_path, changes):
    bundle_lib.save(tmp_path / 'model', models.random_bundle()._replace(folds=_folds(**changes)))
    with pytest.raises(InputError, match='is damaged .*folds'):
        bundle_lib.load(tmp_path / 'model')


def _lips(**changes):
    rng = np.random.default_rng(0)
    latent = models.random_bundle().statistics.class_means['neutral'].size
    lips = bundle_lib.Lips(np.float32(rng.normal(size=(1 + latent, 40))), np.float32(rng.normal(size=(3, 1801, 40))))
    return lips._replace(**changes)


def test_how_lips_are_found_is_kept(tmp_path):
    resting = np.random.default_rng(0).integers(-127, 127, (2, 147, 281, 4), np.int8)
    bundle_lib.save(tmp_path / 'model', models.random_bundle()._replace(lips=_lips(resting=resting)), half=True)
    again = bundle_lib.load(tmp_path / 'model').lips
    for stored, read in zip(_lips(resting=resting), again):
        np.testing.assert_array_equal(stored, read)
        assert stored.dtype == read.dtype
    bundle_lib.save(tmp_path / 'model', models.random_bundle()._replace(lips=_lips()))
    assert bundle_lib.load(tmp_path / 'model').lips.resting is None
    bundle_lib.save(tmp_path / 'model', models.random_bundle())
    assert bundle_lib.load(tmp_path / 'model').lips is None


@pytest.mark.parametrize(
    'changes',
    [
        {'start': np.zeros((7, 40), np.float32)},
        {'steps': np.zeros((3, 1801, 38), np.float32)},
        {'steps': np.zeros((1801, 40), np.float32)},
        {'steps': np.full((3, 1801, 40), np.nan, np.float32)},
        {'resting': np.zeros((2, 147, 281, 3), np.int8)},
        {'resting': np.zeros((2, 147, 281, 4), np.float32)},
    ],
)
def test_lips_that_do_not_fit_are_a_damaged_file(tmp_path, changes):
    bundle_lib.save(tmp_path / 'model', models.random_bundle()._replace(lips=_lips(**changes)))
    with pytest.raises(InputError, match='is damaged .*lips'):
        bundle_lib.load(tmp_path / 'model')


def test_lips_found_by_looking_elsewhere_are_refused(tmp_path):
    bundle_lib.save(
        tmp_path / 'model', models.random_bundle()._replace(lips=_lips(steps=np.zeros((3, 901, 40), np.float32)))
    )
    with pytest.raises(InputError, match='lips of this model are found by 901 numbers and here by 1801'):
        editor_lib.load(tmp_path / 'model')
