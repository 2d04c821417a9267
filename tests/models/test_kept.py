"""Compiled programs are kept whole, for whom they fit, and made again otherwise."""

import os
import pathlib
import subprocess
import sys
import types
from concurrent import futures

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fvae_jax.models import kept

ROOT = pathlib.Path(__file__).parents[2]
X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def wave(x):
    return {'out': jnp.sin(x) @ x.T}


def lower():
    return jax.jit(wave).trace(jax.ShapeDtypeStruct(X.shape, X.dtype)).lower()


@pytest.fixture
def devices():
    return list(jnp.zeros(()).devices())


@pytest.fixture
def path(tmp_path):
    return tmp_path / f'wave-abc{kept.SUFFIX}'


def made(path, devices):
    return np.asarray(kept.make(path, devices, lower())(X)['out'])


def found(path, devices):
    program = kept.load(path, devices)
    return None if program is None else np.asarray(program(X)['out'])


def test_a_program_is_read_again_and_gives_the_same_bits(path, devices):
    assert found(path, devices) is None
    np.testing.assert_array_equal(made(path, devices), jax.jit(wave)(X)['out'])
    np.testing.assert_array_equal(found(path, devices), jax.jit(wave)(X)['out'])
    assert list(path.parent.iterdir()) == [path]


def test_a_program_of_jaxs_cache_is_compiled_anew(path, devices):
    """One that comes from there cannot be written: its code lacks what it calls."""
    jax.jit(wave)(X)  # it is in the tests' cache now
    jax.clear_caches()
    expected = made(path, devices)
    np.testing.assert_array_equal(found(path, devices), expected)
    assert jax.config.jax_enable_compilation_cache


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: b'',
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: content[: len(content) // 2] + b'?' + content[len(content) // 2 + 1 :],
    ],
    ids=['empty', 'cut by a byte', 'cut short', 'another byte'],
)
def test_a_damaged_program_is_made_again(path, devices, damage):
    expected = made(path, devices)
    whole = path.read_bytes()
    assert damage(whole) != whole
    path.write_bytes(damage(whole))
    assert found(path, devices) is None
    np.testing.assert_array_equal(made(path, devices), expected)
    np.testing.assert_array_equal(found(path, devices), expected)


def test_a_program_under_the_name_of_another_is_none(path, devices):
    made(path, devices)
    other = path.with_name(path.name.replace('abc', 'abd'))
    path.rename(other)
    assert found(other, devices) is None


def test_bytes_that_jax_does_not_take_are_none(path, devices):
    content = b'no pickle'
    path.write_bytes(kept._digest(path.name.encode(), content).digest() + content)
    assert found(path, devices) is None


def test_what_does_not_come_back_as_it_was_is_not_kept(path, devices, monkeypatch):
    other = jax.jit(lambda x: {'out': jnp.cos(x) @ x.T}).lower(X).compile()
    monkeypatch.setattr(kept, '_loaded', lambda content, devices: other)
    np.testing.assert_array_equal(made(path, devices), jax.jit(wave)(X)['out'])
    assert not path.exists()


@pytest.mark.parametrize('folder', ['/proc', '/proc/no'])
def test_where_nothing_can_be_written_it_is_compiled(devices, folder):
    path = pathlib.Path(folder, f'wave{kept.SUFFIX}')
    np.testing.assert_array_equal(made(path, devices), jax.jit(wave)(X)['out'])
    assert found(path, devices) is None


def test_a_folder_that_may_only_be_read_serves_what_it_has(path, devices, monkeypatch):
    expected = made(path, devices)
    monkeypatch.setattr(os, 'access', lambda path, mode: not mode & os.W_OK)
    np.testing.assert_array_equal(found(path, devices), expected)
    made(path.with_name('another.program'), devices)
    assert list(path.parent.iterdir()) == [path]


def test_several_threads_keep_what_they_compile_and_jaxs_cache_comes_back(path, devices):
    names = [path.with_name(f'{n}{kept.SUFFIX}') for n in range(4)]
    lowered = [lower() for _ in names]
    with futures.ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name, program: kept.make(name, devices, program), names, lowered))
    assert all((found(name, devices) == jax.jit(wave)(X)['out']).all() for name in names)
    assert jax.config.jax_enable_compilation_cache


@pytest.fixture
def options():
    """Sets options of JAX until the test ends."""
    before = {}

    def update(name, value):
        before.setdefault(name, getattr(jax.config, name))
        jax.config.update(name, value)

    yield update
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.parametrize(
    'place, enabled, expected',
    [(None, True, None), ('gs://bucket/x', True, None), ('/x', False, None), ('/x', True, pathlib.Path('/x'))],
)
def test_programs_lie_where_jax_has_its_cache(options, devices, place, enabled, expected):
    options('jax_compilation_cache_dir', place)
    options('jax_enable_compilation_cache', enabled)
    assert kept.folder(devices) == expected


def test_programs_of_other_devices_and_unknown_processors_are_not_kept(devices, monkeypatch):
    assert kept.folder(devices) is not None
    assert kept.folder([types.SimpleNamespace(platform='gpu')]) is None
    monkeypatch.setattr(kept, '_processor', lambda: None)
    assert kept.folder(devices) is None


def test_a_key_tells_what_a_program_is_made_of(monkeypatch):
    weights = {'a': np.zeros((2, 3), np.float32), 'b': np.ones(4, np.float32)}
    key = kept.key('config', weights, None)
    assert key == kept.key('config', {name: value.copy() for name, value in weights.items()}, None)
    others = [
        kept.key('another', weights, None),
        kept.key('config', None, weights),
        kept.key('config', weights | {'a': np.zeros((3, 2), np.float32)}, None),
        kept.key('config', weights | {'a': np.zeros((2, 3), np.int32)}, None),
        kept.key('config', weights | {'b': weights['b'] + np.float32([0, 0, 0, 1e-6])}, None),
        kept.key('config', {'a': weights['a'], 'c': weights['b']}, None),
    ]
    with jax.default_matmul_precision('highest'):
        others.append(kept.key('config', weights, None))
    for name, value in (('__version__', '0'), ('_processor', lambda: 'another')):
        with monkeypatch.context() as patch:
            patch.setattr(kept, name, value)
            others.append(kept.key('config', weights, None))
    with monkeypatch.context() as patch:
        patch.setenv('XLA_FLAGS', f'{os.environ.get("XLA_FLAGS", "")} --xla_cpu_enable_fast_math=true')
        others.append(kept.key('config', weights, None))
    assert len({key, *others}) == 1 + len(others)
    assert key == kept.key('config', weights, None)


_EDIT = """
import sys
from fvae_jax import cli
cli.main(sys.argv[1:])
print(*(name for name in ('flax', 'scipy') if name in sys.modules))
"""


def start(cache, out, *more):
    """An edit by the built-in model, in a process of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith('JAX_COMPILATION')}
    photo = ROOT / 'docs' / 'composite_face.jpg'
    return subprocess.Popen(
        [sys.executable, '-c', _EDIT, 'edit', photo, '--smile', '1', '--out', out, *more],
        cwd=ROOT,
        env=env | {'FVAE_CACHE': str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_edits_that_start_at_once_and_those_after_them(tmp_path):
    """Several fill one cache; the next imports neither Flax nor SciPy; a damaged file is put right without a word."""
    first = [start(tmp_path, tmp_path / f'{n}.png') for n in range(2)]
    for process in first:
        output, errors = process.communicate()
        assert (process.returncode, errors) == (0, '') and 'flax' in output.split()
    programs = sorted((tmp_path / 'xla').glob('*.program*'))
    assert [path.name.partition('-')[0] for path in programs] == ['decode', 'encode', 'move']
    whole = [path.read_bytes() for path in programs]
    assert start(tmp_path, tmp_path / 'warm.png').communicate() == ('\n', '')
    programs[0].write_bytes(whole[0][:-1])
    output, errors = start(tmp_path, tmp_path / 'mended.png').communicate()
    assert errors == '' and 'flax' in output
    assert programs[0].read_bytes() != whole[0][:-1] and programs[1].read_bytes() == whole[1]
    assert start(tmp_path, tmp_path / 'after.png').communicate() == ('\n', '')
    pictures = {(tmp_path / f'{name}.png').read_bytes() for name in ('0', '1', 'warm', 'mended', 'after')}
    assert len(pictures) == 1
