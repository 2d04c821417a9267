"""What every command does around its work: compiled programs, quiet libraries, one-line errors and exit statuses."""

import atexit
import contextlib
import contextvars
import ctypes
import errno
import glob
import io
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import NoReturn

from fvae_jax import cache
from fvae_jax.errors import DiskFull, Diverged, InputError, OutOfMemory, Stopped

# Parameters of glibc's mallopt, as <malloc.h> numbers them.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


# What `pip install fvae-jax` leaves out, by the extra that brings it.
EXTRAS = {
    **dict.fromkeys(('array_record', 'grain', 'matplotlib', 'tensorboardX', 'tensorflow_datasets'), 'train'),
    **dict.fromkeys(('flatbuffers', 'onnx', 'onnxruntime'), 'export'),
}


def installs(extra: str) -> str:
    """What people type to install an extra, as the end of a message."""
    return f"install what is missing: pip install 'fvae-jax[{extra}]' (in a checkout '.[{extra}]')"


def keep_memory() -> None:
    """Lets the C library keep memory that is freed, for the next call, instead of handing it back to the system.

    XLA asks for all its working memory at every call of a compiled function. From the system each page of it comes
    cleared, at first touch: a quarter of the processor time of a training run. Does nothing where the C library is
    not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)  # never; the largest number would still be 2 GB, less than a large step takes
        mallopt(_ARENA_MAX, 1)  # only the first arena can hold blocks of any size


def prepare() -> None:
    """Turns on JAX's compilation cache (start-up in seconds from the second time on); see also `keep_memory`."""
    keep_memory()
    import jax

    if not jax.config.jax_compilation_cache_dir:
        # JAX's own limit needs another package, makes processes wait for one another, and fails on a cache without one.
        programs = cache.folder() / 'xla'
        least = 0.0
        try:
            programs.mkdir(parents=True, exist_ok=True)
            if not os.access(programs, os.W_OK | os.X_OK):
                least = sys.float_info.max  # what is there is read; JAX would warn of each program that it cannot write
        except OSError:
            return
        kept = [path for pattern in ('*-cache', '*.program*') for path in programs.glob(pattern)]
        cache.trim(kept, cache.limit() // 10)
        jax.config.update('jax_compilation_cache_dir', str(programs))
        jax.config.update('jax_persistent_cache_min_compile_time_secs', least)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Shows what fvae_jax reports, from a level on, above any progress bar, and of libraries under it only warnings.

    What they log as an error they raise as well.
    """
    import absl.logging
    from tqdm import tqdm

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tqdm.write(self.format(record), file=sys.stderr)

    absl.logging.set_verbosity(absl.logging.FATAL)
    logging.getLogger('asyncio').setLevel(logging.CRITICAL)
    logger = logging.getLogger('fvae_jax')
    logger.setLevel(level)
    logger.propagate = False
    logger.handlers[:] = [Handler()]


def stop_on_signals() -> None:
    """Makes SIGTERM and SIGINT end a command at once with the status of `Stopped`; the training loop saves first.

    Without unwinding: an exception out of a signal's handler is lost in callbacks of libraries, or becomes another one,
    and what is being written counts only when it is whole. Python answers signals between its own instructions, of
    which a compilation is one.
    """

    def stop(number: int, frame):
        name = signal.Signals(number).name
        os.write(2, f'\nstopped by {name}; what was saved is whole, and the same command goes on from there\n'.encode())
        os._exit(Stopped.exit_status)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def end_on_signals(clean_up: Callable[[], None]) -> None:
    """Makes SIGTERM and Ctrl-C end a command at once, with nothing half-written left.

    As in `stop_on_signals` nothing is unwound: JAX's callbacks may swallow the exception that Ctrl-C would be.
    `clean_up` takes back what is being written.
    """

    def end(number: int, frame):
        for number_ in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number_, signal.SIG_IGN)
        for child in _children():  # ffmpeg would go on to write
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        words = 'interrupted' if number == signal.SIGINT else f'stopped by {signal.Signals(number).name}'
        with contextlib.suppress(OSError):  # there may be no standard error
            os.write(_screen, f'\nerror: {words}\n'.encode())
        clean_up()
        os._exit(128 + number)  # at once, before another thread begins to write anew

    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's jobs in the background ignore Ctrl-C
            signal.signal(number, end)


def leave_at_once() -> Callable[[int], NoReturn]:
    """Gives what ends this process with a status, as `sys.exit` does, but leaves its memory to the system.

    Python takes apart whatever it has imported, which takes a tenth of an edit. To be called first of all: what is
    registered to be done at exit is done in reverse order, and this shall be the last of it.
    """
    statuses: list[int] = []

    def end() -> None:
        with contextlib.suppress(OSError, ValueError):  # a pipe that nobody reads: Python tells of it in its own way
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
            for status in statuses:
                os._exit(status)

    def leave(status: int) -> NoReturn:
        statuses.append(status)
        sys.exit(status)

    atexit.register(end)
    return leave


def _children() -> list[int]:
    """The processes that this one has started."""
    found = []
    for path in glob.glob('/proc/self/task/*/children'):
        with contextlib.suppress(OSError), open(path, encoding='ascii') as file:
            found += map(int, file.read().split())
    return found


# Whether this thread runs the command of this process, or works for it in a copy of its context; false where the
# package is used as a library.
_owns: contextvars.ContextVar[bool] = contextvars.ContextVar('owns', default=False)


@contextlib.contextmanager
def owned_process() -> Iterator[None]:
    """Says that this thread runs a command, whose process and standard error are its own.

    What is odd in files Pillow and NumPy log or warn of, besides what they raise and return; a command leaves that out.
    """
    before = _owns.set(True)
    logging.getLogger('PIL').addHandler(logging.NullHandler())
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', module='PIL|numpy')
            # NumPy tells the caller, which is here: the header of an array may be written as Python 2 did.
            warnings.filterwarnings('ignore', message='Reading `.npy` or `.npz` file required')
            yield
    finally:
        _owns.reset(before)


def owns_process() -> bool:
    """Whether this thread runs a command, so that it may change what is one for the whole process."""
    return _owns.get()


class Shared:
    """A state of the whole process that several threads may want at a time: the first enters it, the last leaves it."""

    def __init__(self, state: Callable[[], contextlib.AbstractContextManager]):
        self._state, self._lock, self._threads, self._stack = state, threading.Lock(), 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._threads:
                self._stack.enter_context(self._state())
            self._threads += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                self._stack.close()


_screen = 2  # where standard error is while 2 is silent


@contextlib.contextmanager
def c_libraries_silent() -> Iterator[None]:
    """Keeps what C libraries write to standard error, past Python, off the screen; for one thread at a time."""
    global _screen
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    _screen = kept
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        _screen = 2
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def screen_of_its_own() -> Iterator[None]:
    """Gives `sys.stderr` a way to the screen that stays open while other threads keep C libraries silent."""
    before = sys.stderr
    try:
        kept = os.dup(2) if before.fileno() == 2 else None
    except (AttributeError, OSError, ValueError):  # there is none, or a program has put its own in its place
        kept = None
    if kept is None:
        yield
        return
    before.flush()
    with open(kept, 'w', buffering=1, encoding=before.encoding, errors=before.errors) as sys.stderr:
        try:
            yield
        finally:
            sys.stderr = before


def exit_on_error(work: Callable[[], None]) -> None:
    """Runs a command. What a user can mend is told in one line on stderr, without a traceback.

    Exit status: 2 for bad input, 75 when a signal stopped a run that can go on, 1 for a full disk, too
    little memory or a training that diverged; other exceptions are bugs and keep their traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        # Names of files, and what is told, may hold signs that the terminal's encoding lacks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
    try:
        with owned_process():
            work()
    except (InputError, Diverged, OutOfMemory, Stopped) as error:
        _die(str(error), error.exit_status)
    except DiskFull as error:
        # At once: the threads of a library that was writing go on to tell of it until the interpreter ends in order.
        print(f'error: {error}', file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(error.exit_status)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        what = error.filename or 'the disk'
        remedy = 'free some space and run the same command again'
        if error.errno == errno.EROFS:
            remedy = 'name a place that can be written; for what is kept for the next time, by FVAE_CACHE=DIR'
        _die(f'{error.strerror}: {what}; {remedy}', 1)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or '').partition('.')[0])
        if extra is None:
            raise
        _die(f'this needs {error.name}, which is not installed; {installs(extra)}', InputError.exit_status)
    except MemoryError as error:
        _die(f'out of memory ({error or "the machine has no more"})', OutOfMemory.exit_status)
    except KeyboardInterrupt:
        _die('interrupted', 130)


def _die(message: str, status: int) -> None:
    print(f'error: {message}' if status != Stopped.exit_status else message, file=sys.stderr)
    sys.exit(status)
