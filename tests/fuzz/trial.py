"""One damaged file at one door, in a process of its own that may crash, hang or grow."""

import contextlib
import io
import multiprocessing
import os
import pathlib
import resource
import sys
import tempfile
import time
import traceback
from typing import NamedTuple

import numpy as np

from fuzz import craft, mutate, targets as targets_lib
from fvae_jax import runtime

TAKEN, REFUSED, FAILED = 'taken', 'refused', 'failed'
_SECONDS = 10  # of the processor that a file may take
_HANGS = 600  # seconds after which a trial that waits for something will wait for ever
_GROWTH = 1500  # MB that the process may grow by, over all files
_UNTOUCHED = 0.01  # share of files that are not damaged at all
_CRAFTED = 0.4  # share of files that are well formed where it is known how


class Result(NamedTuple):
    """What became of a file.

    Attributes:
      target, file: Which door, and the name of the file.
      outcome: One of the three.
      detail: The line that refused it, or what went wrong.
      seconds: How long it took.
      megabytes: The most memory that the process has held so far.
    """

    target: str
    file: str
    outcome: str
    detail: str
    seconds: float
    megabytes: int


class Files:
    """Damaged files by number; the same seed and number is the same file.

    Args:
      seed: Of the damages.
    """

    def __init__(self, seed: int):
        self._seed = seed
        self.targets = targets_lib.targets()
        self._good = [content for target in self.targets for content in target.good.values()]

    def of(self, number: int) -> tuple[targets_lib.Target, str, bytes]:
        """The door, the name and the content."""
        rng = np.random.default_rng((self._seed, number))
        target = self.targets[number % len(self.targets)]
        names = sorted(target.good)
        name = names[rng.integers(len(names))]
        content = target.good[name]
        if rng.random() < _UNTOUCHED:
            return target, name, content
        if rng.random() < _CRAFTED:
            content = craft.crafted(name, content, rng)
        else:
            content = mutate.mutated(content, rng, self._good)
        return target, name, content


class Worker:
    """Runs trials by number, in a process that is started again after a crash or when time is up.

    Args:
      seed: Of the damages.
    """

    def __init__(self, seed: int):
        self._seed = seed
        self.files = Files(seed)
        self._process = self._pipe = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._stop()

    def run(self, number: int) -> Result:
        """Runs one trial."""
        if self._process is None:
            self._start()
        target, name, _ = self.files.of(number)
        begin, before = time.monotonic(), self._processor_time()
        self._pipe.send(number)
        while not (answered := self._pipe.poll(0.5)) and time.monotonic() - begin < _HANGS:
            if self._processor_time() - before > _SECONDS:
                break
        took = self._processor_time() - before
        if answered:
            with contextlib.suppress(EOFError):
                return self._pipe.recv()
            self._process.join()
            detail = f'the process ended with {self._process.exitcode}'
        else:
            detail = f'no answer after {took:.0f} s of the processor'
        self._stop()
        return Result(target.name, name, FAILED, detail, took, 0)

    def _processor_time(self) -> float:
        # What the system says of a process stands behind its name, which may hold anything; 0 when it has just ended.
        try:
            facts = pathlib.Path(f'/proc/{self._process.pid}/stat').read_text().rpartition(')')[2].split()
        except OSError:
            return 0.0
        return (int(facts[11]) + int(facts[12])) / os.sysconf('SC_CLK_TCK')

    def _start(self):
        context = multiprocessing.get_context('spawn')
        self._pipe, end = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._seed, end), daemon=True)
        self._process.start()
        end.close()
        assert self._pipe.recv() == 'ready'

    def _stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(seed: int, pipe):
    with runtime.owned_process():  # as in a command
        _answer(Files(seed), pipe)


def _answer(files: Files, pipe):
    # Good files first: what they import and compile is not a damaged file's time or memory.
    for target in files.targets:
        for name, content in target.good.items():
            outcome, detail = _attempt(target, name, content)
            assert outcome == TAKEN, detail
    start = _peak()
    os.chdir(tempfile.mkdtemp())  # where nobody else writes
    pipe.send('ready')
    while True:
        target, name, content = files.of(pipe.recv())
        begin = time.process_time()
        outcome, detail = _attempt(target, name, content)
        if _peak() - start > _GROWTH:
            outcome, detail = FAILED, f'the process has grown to {_peak()} MB'
        pipe.send(Result(target.name, name, outcome, detail, time.process_time() - begin, _peak()))


@contextlib.contextmanager
def _standard_error(file):
    """Sends standard error to a file, also what libraries in C write there."""
    kept = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        with contextlib.redirect_stderr(file):
            yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _attempt(target: targets_lib.Target, name: str, content: bytes) -> tuple[str, str]:
    from fvae_jax.errors import InputError

    with tempfile.TemporaryDirectory() as parent:
        folder = pathlib.Path(parent) / 'inside'
        (folder / 'out').mkdir(parents=True)
        file = folder / name
        file.write_bytes(content)
        before = os.listdir('.')
        told = tempfile.TemporaryFile('w+', buffering=1, errors='replace')  # noqa: SIM115 (closed with the trial)
        # The terminal's encoding, which a lone surrogate does not have.
        shown = io.TextIOWrapper(io.BytesIO(), encoding='utf-8')
        try:
            with _standard_error(told), contextlib.redirect_stdout(shown):
                target.enter(folder, file)
                shown.flush()
            outcome = TAKEN, ''
        except InputError as error:
            outcome = (REFUSED if len(str(error).splitlines()) == 1 else FAILED), str(error)
        except SystemExit as end:
            outcome = (REFUSED if end.code == 2 else FAILED), f'exit status {end.code}'
        except BaseException:  # whatever it is, it is what is looked for
            outcome = FAILED, traceback.format_exc()
        told.seek(0)
        said = told.read()
        told.close()
        # What refuses a file is a line of its own.
        if len(said.splitlines()) + (outcome[0] == REFUSED) > 1:
            outcome = FAILED, f'said more than a line: {said}'
        if os.listdir(parent) != ['inside'] or os.listdir('.') != before:
            outcome = FAILED, 'a file was written outside the folder'
        if not file.exists() or file.read_bytes() != content:
            outcome = FAILED, 'the file itself was changed'
        return outcome
