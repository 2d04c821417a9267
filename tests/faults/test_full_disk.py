"""A full disk, for real: a small tmpfs. One line, what was saved is whole, the run goes on when there is space."""

import contextlib
import os
import pathlib
import subprocess

import pytest

from faults import trial
from fvae_jax import bundle, errors
from fvae_jax.errors import InputError
from fvae_jax.training import checkpoint

_MEGABYTES = 16


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp('cache')


@pytest.fixture
def disk(tmp_path):
    """The folder of a disk of 16 MB."""
    place = tmp_path / 'disk'
    place.mkdir()
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', f'size={_MEGABYTES}m', 'tmpfs', str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f'a tmpfs cannot be mounted here, which takes root: {mounted.stderr.strip()}')
    yield place
    subprocess.run(['umount', '--lazy', str(place)], check=True)


def _fill(disk: pathlib.Path, leave: int) -> pathlib.Path:
    """Takes all of the disk but some bytes."""
    space = os.statvfs(disk)
    filler = disk / 'filler'
    with contextlib.suppress(OSError):  # a run beside it takes some, too
        filler.write_bytes(bytes(space.f_bavail * space.f_frsize - leave))
    return filler


def _refused(found, workdir):
    """The line that says it, the last of a command that failed."""
    lines = [line for line in found.stderr.splitlines() if line.startswith('error: ')]
    assert found.returncode == 1 and len(lines) == 1 and found.stderr.splitlines()[-1] == lines[0], found.stderr
    assert 'no space is left on the disk' in lines[0] and str(workdir) in lines[0]
    return lines[0]


@pytest.mark.slow
# Read without a target on purpose: Orbax then takes the stored shapes, and says so.
@pytest.mark.filterwarnings('ignore:Sharding info not provided')
def test_whatever_does_not_fit_is_one_line_and_the_run_goes_on(disk, cache, tmp_path):
    """The space left grows: the description of the run, pictures, the first save, a later save do not fit."""
    trial.run(tmp_path / 'whole', cache, 8)
    workdir, lines = disk / 'run', []
    for leave in (0, 40_000, 1_900_000, 4_200_000):
        filler = _fill(disk, leave)
        before = checkpoint.whole_steps(workdir)
        found = subprocess.run(
            trial.command(workdir, cache, 8),
            cwd=trial.ROOT,
            env=trial.environment(),
            capture_output=True,
            text=True,
            timeout=trial.HANGS,
        )
        assert 'Traceback' not in found.stderr, found.stderr
        lines.append(_refused(found, workdir))
        assert set(before) <= set(checkpoint.whole_steps(workdir)), 'a step that was saved is lost'
        filler.unlink()
    assert 'from the start' in lines[0] and 'which is saved' in lines[-1] and len(set(lines)) >= 3, lines
    assert any('/checkpoints/' in line for line in lines), lines
    trial.run(workdir, cache, 8)
    assert trial.result_of(workdir) == trial.result_of(tmp_path / 'whole') and trial.left_over(workdir) == []


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:Sharding info not provided')
def test_a_disk_that_gets_full_inside_a_save(disk, cache, tmp_path):
    trial.run(tmp_path / 'whole', cache, 8)
    workdir = disk / 'run'
    process = subprocess.Popen(
        trial.command(workdir, cache, 8),
        cwd=trial.ROOT,
        env=trial.environment(),
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    mark = workdir / 'manifests' / '8.unfinished'
    try:
        assert trial.until(mark.exists, process)
        filler = _fill(disk, 0)
        _, said = process.communicate(timeout=trial.HANGS)
    finally:
        process.kill()
    assert 'from step 4, which is saved' in _refused(
        subprocess.CompletedProcess([], process.returncode, '', said), workdir
    )
    assert mark.exists() and checkpoint.whole_steps(workdir) == [4]
    filler.unlink()
    trial.run(workdir, cache, 8)
    assert trial.result_of(workdir) == trial.result_of(tmp_path / 'whole') and trial.left_over(workdir) == []


def test_a_model_that_does_not_fit(disk):
    model = bundle.load()
    _fill(disk, 1_000_000)
    with pytest.raises(InputError, match="model.safetensors' cannot be written") as refused:
        bundle.save(disk / 'model.safetensors', model)
    assert errors.is_disk_full(refused.value) and [path.name for path in disk.iterdir()] == ['filler']
