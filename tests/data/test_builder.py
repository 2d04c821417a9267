"""How sets are stored: what is read is what was written, and a build is whole or not there."""

import concurrent.futures
import multiprocessing
import os
import pickle

import numpy as np
import pytest

from fvae_jax.data.builder import FaceSet
from fvae_jax.errors import InputError

COUNT = 7


def example(i, size):
    generator = np.random.default_rng(i)
    return {
        'image': generator.integers(0, 256, (size, size, 3), dtype=np.uint8),
        'identity': f'person {i % 3} é',
        'expression': ('neutral', 'smile')[i % 2],
        'strength': float(np.float32(0.1 * i)),
        'origin': 'synthetic',
        'landmarks': generator.normal(size=(5, 2)).astype(np.float32),
        'file': f'{i}.png',
        'reference': f'{i - i % 2}.png',
        'displacement': generator.normal(size=(size, size, 2)).astype(np.float16),
        'exposed': generator.random((size, size)) < 0.5,
    }


class NoiseFaces(FaceSet):
    """Examples that are all different, and a build that can be made to fail half-way."""

    fails = False

    def __init__(self, size, cache, **options):
        super().__init__(size=size, cache=cache, source='noise', options=options, fingerprint='')

    def _face_examples(self, report):
        report.expected = COUNT
        for i in range(COUNT):
            if self.fails and i == COUNT // 2:
                raise RuntimeError('the machine stops here')
            yield example(i, self._size)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, np.ndarray):
            assert found[key].dtype == value.dtype
        assert type(found[key]) is type(value) or isinstance(value, np.ndarray)
        np.testing.assert_array_equal(found[key], value)


@pytest.mark.parametrize('size', [16, 64])
def test_what_is_read_is_what_was_written(tmp_path, size):
    faces = NoiseFaces(size, tmp_path).build()
    assert len(faces) == COUNT == len(faces.records)
    for i, record in enumerate(faces.records):
        assert_same(faces[i], example(i, size))
        assert record._asdict() == {key: faces[i][key] for key in record._fields}
    assert_same(faces[-1], example(COUNT - 1, size))
    with pytest.raises(IndexError):
        faces[COUNT]
    assert faces.report['examples'] == COUNT and faces.report['identities'] == 3
    assert faces.report['expressions'] == {'neutral': 4, 'smile': 3}


def test_threads_and_other_processes_read_the_same(tmp_path):
    faces = NoiseFaces(16, tmp_path).build()
    copy = pickle.loads(pickle.dumps(faces))
    assert repr(copy) == repr(faces)
    order = np.random.default_rng(0).integers(0, COUNT, 200).tolist()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for i, found in zip(order, pool.map(copy.__getitem__, order)):
            assert_same(found, example(i, 16))


def test_size_and_options_have_places_of_their_own(tmp_path):
    places = {
        repr(NoiseFaces(size, tmp_path, **options).build())
        for size in (8, 16)
        for options in ({}, {'seed': 1}, {'seed': 2})
    }
    assert len(places) == 6


def test_a_build_that_fails_leaves_nothing_to_be_taken_for_a_set(tmp_path):
    broken = NoiseFaces(16, tmp_path)
    broken.fails = True
    with pytest.raises(RuntimeError, match='stops here'):
        broken.build()
    assert not list(tmp_path.rglob('*.json'))
    killed = broken.data_path.parent / 'incomplete.ABCDEF_1.0.0'
    killed.mkdir()
    (killed / 'noise_faces-faces.array_record-00000-of-00001').write_bytes(b'half')
    assert_same(NoiseFaces(16, tmp_path).build()[3], example(3, 16))
    assert not killed.exists()


def test_sets_that_were_used_longest_ago_make_room(tmp_path, monkeypatch):
    def count():
        return sorted(path.parent.parent.name.partition('px')[0] for path in tmp_path.rglob('records.json'))

    def an_hour_later():
        for path in tmp_path.rglob('.used'):
            os.utime(path, (path.stat().st_mtime - 3600,) * 2)

    monkeypatch.setenv('FVAE_CACHE_GB', '1e-9')
    held = NoiseFaces(16, tmp_path).build()
    an_hour_later()
    NoiseFaces(24, tmp_path).build()
    an_hour_later()
    (tmp_path / 'noise_faces' / '32px-0' / 'incomplete.ABCDEF_1.0.0').mkdir(parents=True)
    NoiseFaces(40, tmp_path).build()
    assert count() == ['16', '40']  # one is held, one is new
    assert_same(held[3], example(3, 16))
    assert (tmp_path / 'noise_faces' / '32px-0' / 'incomplete.ABCDEF_1.0.0').is_dir()  # of a build that goes on
    del held
    an_hour_later()
    NoiseFaces(40, tmp_path).build()
    assert count() == ['40']
    assert_same(NoiseFaces(16, tmp_path).build()[3], example(3, 16))


def _build(cache):
    faces = NoiseFaces(64, cache).build()
    return [faces[i]['image'].sum() for i in range(len(faces))]


def test_processes_that_build_at_once_share_one_build(tmp_path):
    with multiprocessing.get_context('spawn').Pool(3) as pool:
        sums = pool.map(_build, [str(tmp_path)] * 3, chunksize=1)
    assert sums == 3 * [[example(i, 64)['image'].sum() for i in range(COUNT)]]
    assert len(list(tmp_path.rglob('records.json'))) == 1
    assert not list(tmp_path.rglob('incomplete*'))


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match=r"data.cache '.*/file' cannot be written .*cache=DIR"):
        NoiseFaces(16, tmp_path / 'file').build()
