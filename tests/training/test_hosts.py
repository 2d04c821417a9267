"""Several processes over loopback: the training of one device, ends that say why, and the scripts that start them."""

import itertools
import json
import os
import pathlib
import pickle
import signal
import socket
import subprocess
import sys
import time

import jax
import pytest
from training import at_fault, one_of_two, test_parallel

from fvae_jax.errors import InputError, OutOfMemory
from fvae_jax.training import parallel

ROOT = pathlib.Path(__file__).parents[2]
LAUNCH = ROOT / 'launch'
HANGS = 3000  # s, after which what is waited for will never come, however busy the machine is


def _environment(**more):
    devices = '--xla_force_host_platform_device_count=2'
    return {
        **os.environ,
        'XLA_FLAGS': devices,
        'PYTHON': sys.executable,
        'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}',
        **more,
    }


def _script(*command, **more):
    """Runs a script of launch/ with more variables in its environment."""
    return subprocess.run(['bash', *command], cwd=ROOT, capture_output=True, text=True, env=_environment(**more))


def _two(*command):
    """Runs a Python program as two processes that know of each other; what they said on stderr."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(FVAE_COORDINATOR=f'127.0.0.1:{port}', FVAE_PROCESSES='2', FVAE_PROCESS=str(i)),
        )
        for i in range(2)
    ]
    said = [process.communicate(timeout=HANGS)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return said


@pytest.mark.slow
def test_two_processes_of_two_devices_train_and_evaluate_like_one_device(tmp_path):
    _two('tests/training/one_of_two.py', str(tmp_path))
    for parts, (dtype, count, limits) in itertools.product((1, 2), one_of_two.TRAININGS):
        with jax.enable_x64(dtype == 'float64'):
            one = test_parallel._train('jit', 1, count, dtype, parts=parts)
        for kind in ('jit', 'pmap'):
            two = pickle.loads((tmp_path / f'{kind} {parts} {dtype}').read_bytes())
            print(f'{kind}, parts: {parts}, {dtype}: {test_parallel.apart(one, two)}')
            test_parallel.assert_alike(one, two, limits)
    both = [json.loads((tmp_path / f'scores {process}').read_text()) for process in (0, 1)]
    assert both[0] == both[1] == pytest.approx(one_of_two.evaluate(tmp_path), rel=1e-5)


_DIVIDED = """
import numpy as np
from fvae_jax.training import parallel
parallel.join_hosts()
asked = []
def work(numbers):
    asked.append(len(numbers))
    return {'square': np.float32(numbers**2), 'half': np.float32(numbers / 2)}
for count in (1, 2, 7, 8):
    found = parallel.divided(work, count)
    np.testing.assert_array_equal(found['square'], np.arange(count) ** 2)
    np.testing.assert_array_equal(found['half'], np.arange(count) / 2)
assert asked == [1, 1, 4, 4], asked
parallel.barrier('done')
"""


def test_two_processes_do_half_of_a_work_each_and_both_know_all():
    _two('-c', _DIVIDED)


def _start(workdir, *more):
    command = ['bash', str(LAUNCH / 'local.sh'), '-n', '2', '--config=configs/synthetic.py:tiny']
    return subprocess.Popen(
        [*command, f'--workdir={workdir}', *more],
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _process(workdir, index):
    """The id of one process of a training."""
    for folder in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            command, environment = (
                (folder / name).read_bytes().decode(errors='replace').split('\0') for name in ('cmdline', 'environ')
            )
        except OSError:
            continue
        if f'--workdir={workdir}' in command and f'FVAE_PROCESS={index}' in environment and 'fvae_jax.main' in command:
            return int(folder.name)
    raise AssertionError('no such process')


@pytest.mark.slow
@pytest.mark.parametrize('victim', [0, 1])
def test_one_of_two_killed_ends_the_other_with_a_line_and_both_go_on(tmp_path, victim):
    workdir = tmp_path / 'run'
    launcher = _start(workdir, '--config.train.steps=100000')
    deadline = time.monotonic() + HANGS
    while not (workdir / 'manifests' / '4.json').exists():
        assert time.monotonic() < deadline and launcher.poll() is None
        time.sleep(0.1)
    os.kill(_process(workdir, victim), signal.SIGKILL)
    _, said = launcher.communicate(timeout=HANGS)
    assert launcher.returncode == 75 and 'goes on from the newest checkpoint' in said
    log = said if victim == 1 else (workdir / 'processes' / '1.log').read_text()
    assert 'another process of this training is gone' in log
    last = max(int(path.stem) for path in (workdir / 'manifests').glob('*.json'))

    again = _start(workdir, f'--config.train.steps={last + 4}', '--config.confidence.steps=4')
    _, said = again.communicate(timeout=HANGS)
    assert again.returncode == 0, said
    assert f'resumed at step {last}' in said and 'wrote' in said
    # Only the main process writes: no line is there twice.
    steps = [
        json.loads(line)['step']
        for line in (workdir / 'metrics.jsonl').read_text().splitlines()
        if 'train/loss' in line
    ]
    assert steps == sorted(set(steps)) and steps[-1] == last + 4


def test_a_process_that_is_itself_at_fault_is_not_taken_for_a_lost_one(tmp_path):
    """Its status is 1, after which nothing starts again; the other one says that it lost a process."""
    faults = {
        'device memory': 'error: out of memory (RESOURCE_EXHAUSTED',
        'host memory': 'error: out of memory (Unable to allocate',
        'argument': 'INVALID_ARGUMENT: No such compile option',
    }
    fake = tmp_path / 'python'
    trial = ROOT / 'tests' / 'training' / 'at_fault.py'
    fake.write_text(
        f'#!/usr/bin/env bash\n[ "$1" != -c ] || exec {sys.executable} "$@"\nexec {sys.executable} {trial} "$@"\n'
    )
    fake.chmod(0o755)
    # All at once: until a process counts as lost, nothing happens for twenty seconds.
    launchers = {
        fault: subprocess.Popen(
            ['bash', 'launch/local.sh', '-n', '2', f'--workdir={tmp_path / fault}', fault],
            cwd=ROOT,
            env=_environment(PYTHON=str(fake)),
            stderr=subprocess.PIPE,
            text=True,
        )
        for fault in faults
    }
    for fault, words in faults.items():
        _, said = launchers[fault].communicate(timeout=HANGS)
        log = (tmp_path / fault / 'processes' / '1.log').read_text()
        assert launchers[fault].returncode == 1, (fault, said, log)
        assert words in log and 'is gone' not in log, fault
        assert 'another process of this training is gone' in said, fault


def test_a_process_alone_says_that_memory_is_out():
    for fault in ('device memory', 'host memory'):
        with pytest.raises(OutOfMemory, match=r'out of memory \(.*\); train on more devices, or.* train.batch_size'):
            parallel.with_hosts(at_fault.FAULTS[fault])
    with pytest.raises(jax.errors.JaxRuntimeError, match='INVALID_ARGUMENT'):
        parallel.with_hosts(at_fault.FAULTS['argument'])


def test_a_command_ends_with_a_line_where_memory_is_out():
    code = 'import numpy, fvae_jax.runtime as r; r.exit_on_error(lambda: numpy.zeros(1 << 50))'
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=_environment())
    assert found.returncode == 1 and found.stderr.startswith('error: out of memory (Unable to allocate')
    assert found.stderr.count('\n') == 1


@pytest.mark.parametrize(
    'statuses, status, again',
    [((0, 0), 0, False), ((75, 75), 75, True), ((1, 75), 1, False), ((75, 2), 2, False), ((137, 75), 137, False)],
)
def test_slurm_queues_a_job_again_only_when_no_process_is_at_fault(tmp_path, statuses, status, again):
    """Stand-ins: srun, which ends with the highest status of its tasks, scontrol, and a Python with a given status."""
    scripts = {
        'srun': 'shift; worst=0\nfor FAKE in $STATUSES; do\n'
        '  export FAKE; "$@" || { s=$?; ((s <= worst)) || worst=$s; }\ndone\nexit $worst',
        'scontrol': f'echo "$@" >> {tmp_path}/asked',
        'python': 'exit $FAKE',
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(f'#!/usr/bin/env bash\n{script}\n')
        (tmp_path / name).chmod(0o755)
    stand_ins = {'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'PYTHON': str(tmp_path / 'python')}
    asked = {'STATUSES': ' '.join(map(str, statuses)), 'SLURM_JOB_ID': '17'}
    found = _script('launch/slurm.sbatch', '--workdir=x', **stand_ins, **asked)
    assert found.returncode == status
    assert (tmp_path / 'asked').exists() == again and (not again or (tmp_path / 'asked').read_text() == 'requeue 17\n')


@pytest.mark.slow
def test_a_signal_to_one_process_stops_both_at_the_same_step(tmp_path):
    workdir = tmp_path / 'run'
    launcher = _start(workdir, '--config.train.steps=100000', '--config.train.evaluate_every=100000')
    deadline = time.monotonic() + HANGS
    while not (workdir / 'metrics.jsonl').exists():
        assert time.monotonic() < deadline and launcher.poll() is None
        time.sleep(0.1)
    os.kill(_process(workdir, 1), signal.SIGTERM)
    _, said = launcher.communicate(timeout=HANGS)
    assert launcher.returncode == 75 and 'stopped by a signal to another process at step' in said
    assert list((workdir / 'manifests').glob('*.json'))


@pytest.mark.slow
def test_a_run_goes_on_with_other_numbers_of_processes_and_devices(tmp_path):
    workdir = tmp_path / 'run'
    config = ['--config=configs/synthetic.py:tiny', f'--workdir={workdir}', '--config.confidence.enabled=False']
    two, one = ['bash', str(LAUNCH / 'local.sh'), '-n', '2'], [sys.executable, '-m', 'fvae_jax.main']
    legs = [(two, 2, 'jit'), (one, 1, 'jit'), (one, 8, 'pmap'), (two, 1, 'pmap'), (one, 4, 'jit')]
    for number, (command, devices, kind) in enumerate(legs, 1):
        found = subprocess.run(
            [*command, *config, f'--config.parallel={kind}', f'--config.train.steps={4 * number}'],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=HANGS,
            env=_environment(XLA_FLAGS=f'--xla_force_host_platform_device_count={devices}'),
        )
        assert found.returncode == 0, found.stderr
        assert number == 1 or f'resumed at step {4 * number - 4}' in found.stderr
    lines = [json.loads(line) for line in (workdir / 'metrics.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines if 'validation/loss' in line] == [4, 8, 12, 16, 20]
    history = [json.loads(line) for line in (workdir / 'history.jsonl').read_text().splitlines()]
    assert [(line['processes'], line['devices'].split()[0]) for line in history] == [
        (2, '4'),
        (1, '1'),
        (1, '8'),
        (2, '2'),
        (1, '4'),
    ]


def test_rows_of_hosts_are_disjoint_and_complete(monkeypatch):
    rows = []
    for count in (1, 2, 4):
        monkeypatch.setattr(jax, 'process_count', lambda count=count: count)
        for index in range(count):
            monkeypatch.setattr(jax, 'process_index', lambda index=index: index)
            rows += range(64)[parallel.local_rows(64)]
        assert sorted(rows) == list(range(64))
        rows.clear()


@pytest.mark.parametrize(
    'given, words',
    [
        ({'FVAE_PROCESSES': '2', 'FVAE_PROCESS': 'a', 'FVAE_COORDINATOR': 'x:1'}, "FVAE_PROCESS = 'a' must be numbers"),
        (
            {'FVAE_PROCESSES': '2', 'FVAE_PROCESS': '2', 'FVAE_COORDINATOR': 'x:1'},
            'FVAE_PROCESS = 2 from 0 to FVAE_PROCESSES',
        ),
        ({'FVAE_PROCESSES': '2', 'FVAE_PROCESS': '1', 'FVAE_COORDINATOR': 'x'}, "'x' must be HOST:PORT"),
        ({'FVAE_PROCESSES': '2'}, 'set all three'),
    ],
)
def test_what_a_launcher_must_say(monkeypatch, given, words):
    for name in (parallel.COORDINATOR, parallel.PROCESSES, parallel.PROCESS):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=words):
        parallel.join_hosts()


@pytest.mark.parametrize(
    'command, words',
    [
        (
            ['create', 'faces', 'us-central2-b', 'v4-32'],
            ['tpu-vm create faces --zone=us-central2-b --accelerator-type=v4-32'],
        ),
        (['setup', 'faces', 'z'], ['git archive', 'scp', '--worker=all', 'bash launch/worker_setup.sh']),
        (['check', 'faces', 'z'], ['jax.device_count']),
        (
            ['train', 'faces', 'z', '--config=configs/multipie.py', '--workdir=/mnt/runs/a'],
            ['--worker=all', 'launch/worker_run.sh', '--config=configs/multipie.py'],
        ),
        (['status', 'faces', 'z'], ['describe faces', 'train.log']),
        (['fetch', 'faces', 'z', 'logs'], ['logs/0.log --worker=0']),
        (['delete', 'faces', 'z'], ['tpu-vm delete faces --zone=z --quiet']),
    ],
    ids=lambda value: value[0],
)
def test_dry_runs_of_a_pod_print_their_commands(command, words):
    found = _script('launch/tpu_pod.sh', '--dry-run', *command)
    assert found.returncode == 0 and found.stderr == ''
    for word in words:
        assert word in found.stdout.replace('\\ ', ' ').replace('\\', ''), found.stdout


@pytest.mark.parametrize(
    'command',
    [
        ['launch/tpu_pod.sh'],
        ['launch/tpu_pod.sh', 'fly', 'a', 'b'],
        ['launch/tpu_pod.sh', 'create', 'a', 'b'],
        ['launch/local.sh'],
        ['launch/local.sh', '-n', 'two'],
        ['launch/local.sh', '-n', '2', '--config=x'],
    ],
)
def test_a_wrong_call_of_a_script_says_how_it_is_meant(command):
    found = _script(*command)
    assert (
        found.returncode == 2
        and found.stdout == ''
        and ('bash launch/' in found.stderr or '--workdir=RUN' in found.stderr)
    )


def test_a_worker_starts_again_only_after_what_can_go_on(tmp_path):
    """A stand-in for Python that ends with the statuses in a file, one after the other."""
    fake = tmp_path / 'python'
    fake.write_text(
        f'#!/usr/bin/env bash\ncd {tmp_path}\nread -r first < statuses\nsed -i 1d statuses\nexit "$first"\n'
    )
    fake.chmod(0o755)
    for statuses, expected in (([75, 134, 0], 0), ([75, 2, 0], 2), ([75] * 20, 75)):
        (tmp_path / 'statuses').write_text(''.join(f'{status}\n' for status in statuses))
        found = _script('launch/worker_run.sh', PYTHON=str(fake), FVAE_RESTART_PAUSE='0', FVAE_RESTARTS='5')
        assert found.returncode == expected
