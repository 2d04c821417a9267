"""Outputs take their place whole or not at all, also when the process is killed."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from fvae_jax.errors import InputError, is_disk_full
from fvae_jax.photo import output

ROOT = pathlib.Path(__file__).parents[2]
_KILLED = """
import os, pathlib, signal, sys
from fvae_jax.photo import output
with output.replacing(pathlib.Path(sys.argv[1])) as temporary:
    temporary.mkdir() if temporary.suffix == '.tmp' else temporary.write_text('half')
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_text_and_bytes_take_the_place_of_what_was_there(tmp_path):
    output.write(tmp_path / 'a.txt', 'größer\n')
    assert (tmp_path / 'a.txt').read_bytes() == 'größer\n'.encode()
    output.write(tmp_path / 'a.txt', b'\xff')
    assert (tmp_path / 'a.txt').read_bytes() == b'\xff' and os.listdir(tmp_path) == ['a.txt']


@pytest.mark.parametrize('error', [RuntimeError('no'), KeyboardInterrupt()])
def test_what_fails_on_the_way_leaves_the_old_file(tmp_path, error):
    output.write(tmp_path / 'a.txt', 'old')
    with pytest.raises(type(error)), output.replacing(tmp_path / 'a.txt') as temporary:
        temporary.write_text('half')
        raise error
    assert (tmp_path / 'a.txt').read_text() == 'old' and os.listdir(tmp_path) == ['a.txt']


def test_a_full_disk_is_still_known_as_one(tmp_path):
    failing = output.replacing(tmp_path / 'a.txt')
    with pytest.raises(InputError, match="a.txt' cannot be written .No space left") as refused, failing:
        raise OSError(28, 'No space left on device')
    assert is_disk_full(refused.value)


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(
        os, 'fsync', lambda number: (calls.append(os.readlink(f'/proc/self/fd/{number}')), fsync(number))
    )
    monkeypatch.setattr(os, 'replace', lambda old, new: (calls.append(str(old)), replace(old, new)))
    output.write(tmp_path / 'a.txt', 'text')
    assert len(calls) == 2 and calls[0] == calls[1] != str(tmp_path / 'a.txt')


def test_what_a_killed_process_leaves_is_hidden_and_can_be_removed(tmp_path):
    """The folder of a report that is being written is somebody else's; a training removed it, or rather failed to."""
    output.write(tmp_path / 'a.txt', 'old')
    (tmp_path / '.lock').touch()
    for name in ('a.txt', 'report'):
        code = subprocess.run([sys.executable, '-c', _KILLED, tmp_path / name], cwd=ROOT).returncode
        assert code == -signal.SIGKILL
    left = sorted(os.listdir(tmp_path))
    assert (tmp_path / 'a.txt').read_text() == 'old' and len(left) == 4 and all(name[0] == '.' for name in left[:3])
    output.remove_temporaries(tmp_path)
    [folder] = [name for name in os.listdir(tmp_path) if name.startswith('.report')]
    assert sorted(os.listdir(tmp_path)) == sorted(['.lock', 'a.txt', folder])


def test_what_is_needed_for_a_moment_goes_with_the_block_and_with_a_signal(tmp_path):
    with output.scratch(tmp_path) as folder:
        (folder / 'a').write_text('half')
        assert folder.parent == tmp_path
    assert not list(tmp_path.iterdir())
    with output.scratch(tmp_path) as folder:
        (folder / 'a').write_text('half')
        output.abandon()
        assert not list(tmp_path.iterdir())


def test_nobody_makes_folders_that_a_signal_leaves():
    for path in (ROOT / 'fvae_jax').rglob('*.py'):
        assert not any(word in path.read_text() for word in ('TemporaryDirectory', 'mkdtemp', 'NamedTemporary')), path
