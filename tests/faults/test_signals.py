"""SIGTERM where no step is to be saved: while the set is drawn, while programs are compiled, in an evaluation."""

import signal
import subprocess

import pytest

from faults import trial


@pytest.mark.slow
@pytest.mark.parametrize(
    'moment, words',
    [
        ('build', 'what was saved is whole'),
        ('compilation', 'stopped by SIGTERM'),
        ('last evaluation', 'at step 4, which is saved'),
    ],
)
def test_sigterm_ends_with_75_and_a_line(tmp_path, moment, words):
    workdir, cache = tmp_path / 'run', tmp_path / 'cache'
    # An empty cache of programs: compiling takes long enough to be met.
    env = {**trial.environment(), 'JAX_COMPILATION_CACHE_DIR': str(tmp_path / 'xla')}
    came = {
        'build': lambda: any(cache.rglob('.*.tmp')),
        'compilation': lambda: (workdir / 'parameters.txt').exists(),
        'last evaluation': lambda: (
            (workdir / 'metrics.jsonl').exists() and '"train/' in (workdir / 'metrics.jsonl').read_text()
        ),
    }[moment]
    with subprocess.Popen(
        trial.command(workdir, cache, 4),
        cwd=trial.ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert trial.until(came, process)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=trial.HANGS)
        finally:
            process.kill()
    assert process.returncode == trial.RESTART_ME and 'Traceback' not in said, said
    assert words in said.splitlines()[-1], said
    assert not (workdir / 'model.safetensors').exists()
