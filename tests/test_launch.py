"""The scripts that start tools and make environments, with stand-ins for what they would install."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


def _executable(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/usr/bin/env bash\n{script}\n')
    path.chmod(0o755)


def _checkout(folder, *names):
    for name in ('launch', 'setup.cfg', 'pyproject.toml', *names):
        (folder / name).symlink_to(ROOT / name)


def _run(folder, command, **more):
    inherited = {name: value for name, value in os.environ.items() if name != 'PYTHON'}
    environment = {**inherited, 'PATH': f'{folder}/bin:/usr/bin:/bin', **more}
    return subprocess.run(['bash', '-c', command], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize('name', ['bench_batch', 'bench_devices', 'bench_films', 'bench_page', 'faults', 'fuzz'])
def test_tools_start_by_a_script(tmp_path, name):
    _checkout(tmp_path, 'tests', 'fvae_jax', 'configs')
    _executable(tmp_path / '.venv/bin/python', f'[ "$1 $2" != "-m pip" ] || exit 0\nexec {sys.executable} "$@"')
    found = _run(tmp_path, f'bash launch/{name}.sh --help')
    assert found.returncode == 0, found.stderr
    assert f'usage: bash launch/{name}.sh' in found.stdout and '-h, --help' in found.stdout


@pytest.fixture
def old_machine(tmp_path):
    """Python 3.10 without ensurepip, by any name; its pip brings a uv, which brings a Python that notes its calls."""
    _checkout(tmp_path)
    parts = tmp_path / 'parts'
    _executable(parts / 'python', f'echo "$@" >> {tmp_path}/asked')
    _executable(parts / 'uv', f'mkdir -p .venv/bin && cp {parts}/python .venv/bin')
    old = f"""case "$*" in
      --version) echo Python 3.10.12 ;;
      "-m pip install --quiet --target .uv uv") mkdir -p .uv/bin && cp {parts}/uv .uv/bin ;;
      *) exit 1 ;;
    esac"""
    for name in ('python3', 'python3.11', 'python3.12', 'python3.13'):
        _executable(tmp_path / 'bin' / name, old)
    return tmp_path


@pytest.mark.parametrize('given, name', [({}, 'python3'), ({'PYTHON': 'python3.12'}, 'python3.12')])
def test_an_old_python_is_told_in_one_line(old_machine, given, name):
    found = _run(old_machine, 'set -e; source launch/environment.sh; environment; echo on', **given)
    assert found.returncode == 1 and found.stdout == ''
    assert found.stderr.startswith(
        f'error: {name} is Python 3.10.12, or it lacks ensurepip; fvae_jax needs Python 3.11'
    )
    assert found.stderr.count('\n') == 1


def test_a_newer_python_beside_an_old_one_makes_the_environment(old_machine):
    _executable(old_machine / 'bin/python3.12', f'exec {sys.executable} "$@"')
    found = _run(old_machine, 'source launch/environment.sh; make_venv new && new/bin/python -m pip --version')
    assert found.returncode == 0 and 'new/lib' in found.stdout, found.stderr


def test_a_worker_whose_python_is_old_gets_one_by_uv(old_machine):
    found = _run(old_machine, 'bash launch/worker_setup.sh')
    assert found.returncode == 0, found.stderr
    *_, package, accelerator = (old_machine / 'asked').read_text().splitlines()
    assert package.endswith('--editable .[train]') and accelerator.endswith(
        '--constraint launch/constraints.txt jax[tpu]'
    )
