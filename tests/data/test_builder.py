"""How sets are stored: what is read is what was written, and a build is whole or not there."""

import concurrent.futures
import logging
import multiprocessing
import os
import shutil

import numpy as np
import pytest

from fvae_jax.data.builder import Source, build
from fvae_jax.errors import InputError
from fvae_jax.photo import output

COUNT = 7


def example(i, size):
    generator = np.random.default_rng(i)
    return {
        'image': generator.integers(0, 256, (size, size, 3), dtype=np.uint8),
        'identity': f'person {i % 3} é',
        'expression': ('neutral', 'smile')[i % 2],
        'strength': float(np.float32(0.1 * i)),
        'origin': 'synthetic',
        'file': f'{i}.png',
        'reference': f'{i - i % 2}.png',
        'displacement': generator.normal(size=(size, size, 2)).astype(np.float16),
        'exposed': generator.random((size, size)) < 0.5,
        'shade': generator.normal(size=(size, size)).astype(np.float16),
        'lips': generator.normal(size=(20, 2)).astype(np.float32),
    }


def noise(size, fails=False, **options):
    """A source of examples that are all different, and that can be made to fail half-way."""

    def examples():
        for i in range(COUNT):
            if fails and i == COUNT // 2:
                raise RuntimeError('the machine stops here')
            yield example(i, size) | {'made_from': f'{i} {options}'}

    return Source('noise', 'noise', size, options, '', COUNT, examples)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, np.ndarray):
            assert found[key].dtype == value.dtype
        assert type(found[key]) is type(value) or isinstance(value, np.ndarray)
        np.testing.assert_array_equal(found[key], value)


@pytest.mark.parametrize('size', [16, 64])
def test_what_is_read_is_what_was_written(tmp_path, size):
    faces = build(noise(size), tmp_path)
    assert len(faces) == COUNT == len(faces.records)
    for i, record in enumerate(faces.records):
        assert_same(faces[i], example(i, size))
        assert record._asdict() == {key: faces[i][key] for key in record._fields}
    assert_same(faces[-1], example(COUNT - 1, size))
    with pytest.raises(IndexError):
        faces[COUNT]
    assert faces.report['examples'] == COUNT and faces.report['identities'] == 3
    assert faces.report['expressions'] == {'neutral': 4, 'smile': 3}


def test_threads_read_the_same(tmp_path):
    faces = build(noise(16), tmp_path)
    order = np.random.default_rng(0).integers(0, COUNT, 200).tolist()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for i, found in zip(order, pool.map(faces.__getitem__, order)):
            assert_same(found, example(i, 16))


def test_size_and_options_have_places_of_their_own(tmp_path):
    places = {
        repr(build(noise(size, **options), tmp_path)) for size in (8, 16) for options in ({}, {'seed': 1}, {'seed': 2})
    }
    assert len(places) == 6


def test_a_build_that_fails_leaves_nothing_to_be_taken_for_a_set(tmp_path):
    with pytest.raises(RuntimeError, match='stops here'):
        build(noise(16, fails=True), tmp_path)
    assert not list(tmp_path.rglob('*.json'))
    whole = build(noise(16), tmp_path)
    [place] = (tmp_path / 'noise').glob('16px-*')
    shutil.rmtree(place)
    with output.replacing_folder(place) as killed:
        pass
    place.rename(killed)
    assert_same(build(noise(16), tmp_path)[3], example(3, 16))
    assert not killed.exists() and repr(whole) == repr(build(noise(16), tmp_path))


def test_sets_that_were_used_longest_ago_make_room(tmp_path, monkeypatch):
    def count():
        return sorted(path.parent.name.partition('px')[0] for path in tmp_path.rglob('records.json'))

    def an_hour_later():
        for path in tmp_path.rglob('.used'):
            os.utime(path, (path.stat().st_mtime - 3600,) * 2)

    monkeypatch.setenv('FVAE_CACHE_GB', '1e-9')
    held = build(noise(16), tmp_path)
    an_hour_later()
    build(noise(24), tmp_path)
    an_hour_later()
    (tmp_path / 'noise' / '.32px-0.1.tmp').mkdir()
    build(noise(40), tmp_path)
    assert count() == ['16', '40']  # one is held, one is new
    assert_same(held[3], example(3, 16))
    assert (tmp_path / 'noise' / '.32px-0.1.tmp').is_dir()  # of a build that goes on
    del held
    an_hour_later()
    build(noise(40), tmp_path)
    assert count() == ['40']
    assert_same(build(noise(16), tmp_path)[3], example(3, 16))


def _build(cache):
    faces = build(noise(64), cache)
    return [faces[i]['image'].sum() for i in range(len(faces))]


def test_processes_that_build_at_once_share_one_build(tmp_path):
    with multiprocessing.get_context('spawn').Pool(3) as pool:
        sums = pool.map(_build, [str(tmp_path)] * 3, chunksize=1)
    assert sums == 3 * [[example(i, 64)['image'].sum() for i in range(COUNT)]]
    assert len(list(tmp_path.rglob('records.json'))) == 1
    assert {path.name[:5] for path in (tmp_path / 'noise').iterdir()} == {'64px-', '.64px'}  # the set and its lock


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match=r"data.cache '.*/file' cannot be written .*cache=DIR"):
        build(noise(16), tmp_path / 'file')


def test_building_says_so_in_the_log_and_nowhere_else(tmp_path, caplog, capfd):
    absl_verbosity = logging.getLogger('absl').level
    with caplog.at_level('INFO', logger='fvae_jax'):
        build(noise(16), tmp_path)
    assert caplog.messages == ['noise: 7 faces of 3 people']
    assert capfd.readouterr() == ('', '') and logging.getLogger('absl').level == absl_verbosity


def test_content_changes_with_what_the_examples_are_made_from_and_with_nothing_else(tmp_path):
    first = build(noise(16, seed=1), tmp_path).content
    assert build(noise(32, seed=1), tmp_path).content == first != build(noise(16, seed=2), tmp_path).content
