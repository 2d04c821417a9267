"""The cache stays below its limit, and no process loses what it is using."""

import os
import pathlib
import subprocess
import sys

import pytest

from fvae_jax import cache
from fvae_jax.errors import InputError

HOUR = 3600


def file(path, size, age):
    """Makes a file that was last used `age` seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    _age(path, age)
    return path


def folder(path, size, age):
    """Makes a folder of two files that was held `age` seconds ago."""
    for name in ('a', 'deeper/b'):
        file(path / name, size // 2, 0)
    cache.Hold(path)
    _age(path / '.used', age)
    return path


def _age(path, age):
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))


@pytest.mark.parametrize('make', [file, folder])
def test_what_was_used_longest_ago_goes_first(tmp_path, make):
    entries = {age: make(tmp_path / f'{age}', 100, age * HOUR) for age in (3, 1, 4, 2)}
    cache.trim(tmp_path.iterdir(), 400)
    assert all(entry.exists() for entry in entries.values())
    cache.trim(tmp_path.iterdir(), 399)
    assert [age for age in sorted(entries) if entries[age].exists()] == [1, 2, 3]
    cache.trim(tmp_path.iterdir(), 150)
    assert [age for age in sorted(entries) if entries[age].exists()] == [1]
    assert [path.name for path in tmp_path.iterdir()] == ['1']


def test_reading_a_file_and_holding_a_folder_are_uses(tmp_path):
    old, other = (folder(tmp_path / name, 100, 5 * HOUR) for name in ('old', 'other'))
    cache.Hold(old)
    program, unread = (file(tmp_path / name, 100, 5 * HOUR) for name in ('program', 'unread'))
    os.utime(program, (program.stat().st_atime + HOUR, program.stat().st_mtime))
    cache.trim(tmp_path.iterdir(), 200)
    assert old.exists() and program.exists() and not other.exists() and not unread.exists()


def test_what_is_new_stays_whatever_its_size(tmp_path):
    """Whoever has made or found it is about to hold it."""
    new, old = folder(tmp_path / 'new', 100, 1), folder(tmp_path / 'old', 100, HOUR)
    cache.trim(tmp_path.iterdir(), 10)
    assert new.exists() and not old.exists()


def test_another_process_keeps_what_it_holds(tmp_path):
    held = folder(tmp_path / 'held', 100, 0)
    code = (
        'import pathlib, sys\nfrom fvae_jax import cache\n'
        'hold = cache.Hold(pathlib.Path(sys.argv[1]))\nprint("held", flush=True)\nsys.stdin.read()'
    )
    with subprocess.Popen(
        [sys.executable, '-c', code, held], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == 'held\n'
        _age(held / '.used', HOUR)
        cache.trim([held], 0)
        assert (held / 'a').exists() and (held / 'deeper' / 'b').exists()
        process.stdin.close()
    cache.trim([held], 0)
    assert not list(tmp_path.iterdir())


def test_two_processes_may_trim_at_once(tmp_path):
    for i in range(200):
        (file if i % 2 else folder)(tmp_path / f'{i}', 10, HOUR + i)
    code = 'import pathlib, sys\nfrom fvae_jax import cache\ncache.trim(pathlib.Path(sys.argv[1]).iterdir(), 100)'
    processes = [subprocess.Popen([sys.executable, '-c', code, tmp_path], stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[1] for process in processes] == [b''] * 3
    assert {path.name for path in tmp_path.iterdir()} == {str(i) for i in range(10)}


def test_what_was_being_deleted_goes_at_last(tmp_path):
    folder(tmp_path / 'a.123.old', 10, 0)
    folder(tmp_path / 'b', 10, HOUR)
    cache.trim(tmp_path.iterdir(), 100)
    assert {path.name for path in tmp_path.iterdir()} == {'b'}


def test_a_folder_that_cannot_be_marked_is_used_all_the_same(tmp_path):
    cache.Hold(tmp_path / 'nowhere')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('text', ['much', '0', '-1', 'nan', 'inf'])
def test_a_limit_is_a_positive_number(monkeypatch, text):
    monkeypatch.setenv('FVAE_CACHE_GB', text)
    with pytest.raises(InputError, match=f'FVAE_CACHE_GB={text}: give a positive number'):
        cache.limit()
    monkeypatch.setenv('FVAE_CACHE_GB', '0.5')
    assert cache.limit() == 500_000_000


def test_compiled_programs_are_trimmed_and_made_again(tmp_path):
    """Through JAX itself, in processes of their own: here the tests' cache is on already."""
    code = (
        'from fvae_jax import runtime\nruntime.prepare()\nimport jax, jax.numpy as jnp\n'
        'print(jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((3, 3)))[0, 0])'
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith('JAX_COMPILATION')}
    programs = tmp_path / 'xla'

    def run(gigabytes):
        found = subprocess.run(
            [sys.executable, '-W', 'error', '-c', code],
            env={**env, 'FVAE_CACHE': str(tmp_path), 'FVAE_CACHE_GB': gigabytes},
            cwd=pathlib.Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        )
        return found.stdout

    first = run('1')
    made = {path.name for path in programs.glob('*-cache')}
    for path in programs.iterdir():
        _age(path, HOUR)
    old = [file(programs / name, 5000, 2 * HOUR) for name in ('old-cache', 'old.program')]
    assert made and run('1') == first and all(path.exists() for path in old)
    total = sum((programs / name).stat().st_size for name in made)
    assert run(f'{10 * (total + 4000) / 1e9:.9f}') == first
    assert {path.name for path in programs.glob('*-cache')} == made and not any(path.exists() for path in old)
    for path in programs.iterdir():
        _age(path, HOUR)
    assert run('1e-9') == first and {path.name for path in programs.glob('*-cache')} == made  # all went, and came back
