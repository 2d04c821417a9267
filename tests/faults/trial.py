"""One training run that is killed again and again, from outside, as a machine would."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
RESTART_ME = 75
IN_START, IN_STEPS, IN_EVALUATION, IN_SAVE = PLACES = ('start-up', 'steps', 'evaluation', 'a save')

_EVERY = 4  # steps between evaluations, each of which saves
_BY_TIME = 0.6  # share of kills that do not wait for a save
_LATE = 8.0  # seconds after a start up to which these come; training begins after about five
_SOON = 1.5  # seconds of training up to which the next save may be the one that is killed
_IN_SAVE = 0.12  # seconds that a save takes, about
_LOOK = 0.001  # seconds between looks at the run directory
HANGS = 3000.0  # seconds after which a start that has not ended never will, however busy the machine is

# WORKSPACE.md, "A run directory"; `STEP` and `N` are numbers.
_TABLE = re.compile(r'## A run directory\n(.*?)\n## ', re.DOTALL)


class Kill(NamedTuple):
    """What was done to a process.

    Attributes:
      number: SIGKILL or SIGTERM.
      place: What it was doing, as far as can be seen from outside; one of PLACES.
      status: How it ended.
    """

    number: signal.Signals
    place: str
    status: int


def training(workdir: pathlib.Path, cache: pathlib.Path, *more: str) -> list[str]:
    """The training command with the tiny config."""
    return [
        sys.executable,
        '-m',
        'fvae_jax.main',
        '--config=configs/synthetic.py:tiny',
        f'--workdir={workdir}',
        f'--config.data.cache={cache}',
        *more,
    ]


def command(workdir: pathlib.Path, cache: pathlib.Path, steps: int) -> list[str]:
    """The training command: the tiny config, which saves every four steps."""
    return training(
        workdir,
        cache,
        f'--config.train.steps={steps}',
        f'--config.confidence.steps={steps // 2}',
        '--config.train.patience=1000000',
        f'--config.train.evaluate_every={_EVERY}',
    )


def environment() -> dict[str, str]:
    """One device, whatever the tests pretend to have."""
    return {**os.environ, 'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': '', 'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0'}


def run(workdir: pathlib.Path, cache: pathlib.Path, steps: int) -> None:
    """Trains to the end, without a kill."""
    found = subprocess.run(command(workdir, cache, steps), cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


class Run:
    """A run to be killed.

    Args:
      workdir: The run directory.
      cache: Of the built set.
      steps: How long it is.
      rng: Decides when and how.
    """

    def __init__(self, workdir: pathlib.Path, cache: pathlib.Path, steps: int, rng: np.random.Generator):
        self._workdir, self._command, self._rng = workdir, command(workdir, cache, steps), rng
        self._said = workdir.with_name(f'{workdir.name}.stderr')

    def start_and_kill(self) -> Kill | None:
        """Starts the run where it is and kills it; None when it had ended before."""
        with open(self._said, 'wb') as said:
            process = subprocess.Popen(
                self._command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=said
            )
        try:
            if not self._wait(process):
                assert process.returncode == 0, self._said.read_text()
                return None
            number = (signal.SIGKILL, signal.SIGTERM)[self._rng.integers(2)]
            place, listens = self._place(), _catches(process.pid, signal.SIGTERM)
            process.send_signal(number)
            status = process.wait(HANGS)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f'{number.name} in {place} did not end the run\n{self._said.read_text()}') from error
        finally:
            process.kill()
        if status == 0:  # it had done everything when the signal came
            return None
        # Before Python has read the program nobody answers a signal: the system ends the process.
        expected = {-number} if number == signal.SIGKILL else {RESTART_ME} if listens else {RESTART_ME, -number}
        text = self._said.read_text()
        assert status in expected and 'Traceback' not in text, f'{number.name} in {place}: status {status}\n{text}'
        assert status != RESTART_ME or 'stopped by SIGTERM' in text.splitlines()[-1], text
        return Kill(number, place, status)

    def _wait(self, process: subprocess.Popen) -> bool:
        """Waits for the time of the kill; False when the process ends before."""
        begin, rng = time.monotonic(), self._rng
        if rng.random() < _BY_TIME:
            late = rng.uniform(0, _LATE)
            return until(lambda: time.monotonic() - begin > late, process)
        earliest, into = rng.uniform(0, _SOON), rng.uniform(0, _IN_SAVE)
        return (
            until(self._trains, process)
            and until(_after(earliest), process)
            and until(self._saves, process)
            and until(_after(into), process)
        )

    def _trains(self) -> bool:
        return b' pairs' in self._said.read_bytes()  # the progress bar is there

    def _saves(self) -> bool:
        return any(any(place.glob('manifests/*.unfinished')) for place in self._places())

    def _places(self) -> list[pathlib.Path]:
        return [self._workdir, *self._workdir.glob('mask/*')]

    def _place(self) -> str:
        if self._saves():
            return IN_SAVE
        if not self._trains():
            return IN_START
        metrics = [place / 'metrics.jsonl' for place in self._places() if (place / 'metrics.jsonl').exists()]
        last = metrics[-1].read_text().splitlines()[-1:] if metrics else []
        step = re.search(r'"step": (\d+), "train/', last[0]) if last else None
        return IN_EVALUATION if step and int(step[1]) % _EVERY == 0 else IN_STEPS


def _after(seconds: float):
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def until(condition, process: subprocess.Popen) -> bool:
    """Waits for a condition; False when the process ends before."""
    end = time.monotonic() + HANGS
    while process.poll() is None:
        if condition():
            return True
        assert time.monotonic() < end, 'the run hangs'
        time.sleep(_LOOK)
    return False


def _catches(pid: int, number: signal.Signals) -> bool:
    mask = re.search(r'SigCgt:\s*([0-9a-f]+)', pathlib.Path(f'/proc/{pid}/status').read_text())
    return mask is not None and bool(int(mask[1], 16) >> number - 1 & 1)


def result_of(workdir: pathlib.Path) -> dict[str, bytes]:
    """The bytes that training ends with: the model file, and every array of the last checkpoints."""
    import jax
    import orbax.checkpoint as ocp

    found = {'model.safetensors': (workdir / 'model.safetensors').read_bytes()}
    for place in (workdir, *sorted(workdir.glob('mask/*'))):
        step = max(int(path.name) for path in (place / 'checkpoints').iterdir())
        state = ocp.PyTreeCheckpointer().restore((place / 'checkpoints' / str(step) / 'state').absolute())
        for path, leaf in jax.tree_util.tree_leaves_with_path(state):
            found[f'{place.relative_to(workdir)} {step} {jax.tree_util.keystr(path)}'] = np.asarray(leaf).tobytes()
    return found


def listed() -> list[str]:
    """What WORKSPACE.md lists of a run directory, as patterns of paths."""
    [table] = _TABLE.findall((ROOT / 'WORKSPACE.md').read_text())
    first_column = ' '.join(row.split('|')[1] for row in table.splitlines() if row.startswith('| `'))
    return re.findall(r'`([^`]+)`', first_column)


def left_over(workdir: pathlib.Path) -> list[str]:
    """What a run directory holds that WORKSPACE.md does not list; damaged/, too, since nothing was damaged here."""
    # mask/STEP/ holds the same files again, and beta.txt.
    names = [name for name in listed() if name not in ('damaged/STEP/', 'mask/STEP/')]
    known = '|'.join(
        re.escape(name).replace('STEP', r'\d+').replace('N', r'\d+') + ('.*' if name.endswith('/') else '')
        for name in names
    )
    known = re.compile(rf'(mask/\d+/)?({known})|mask/\d+/beta\.txt')
    found = [path for path in workdir.rglob('*') if path.is_file() or not any(path.iterdir())]
    return sorted(name for path in found if not known.fullmatch(name := path.relative_to(workdir).as_posix()))
