"""What every command does around its work: caches, quiet libraries, one-line errors and exit statuses."""

import ctypes
import errno
import logging
import os
import pathlib
import signal
import sys
import time
from typing import Callable

from fvae_jax.errors import DiskFull, Diverged, InputError, Stopped


def cache_dir() -> pathlib.Path:
    """Returns the folder for built data sets and compiled programs: $FVAE_CACHE or ~/.cache/fvae_jax."""
    return pathlib.Path(os.environ.get('FVAE_CACHE') or '~/.cache/fvae_jax').expanduser()


# `timeout`, for one, sends SIGTERM to a process and again to its group: signals this close are one.
SAME_SIGNAL_SECONDS = 1.0

# Parameters of glibc's mallopt, as <malloc.h> numbers them.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


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
        jax.config.update('jax_compilation_cache_dir', str(cache_dir() / 'xla'))
        jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Shows what fvae_jax reports, from a level on, above any progress bar, and of the libraries under it only warnings.

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


_asked: list[tuple[str, float]] = []  # the first signal, and when it came


def stop_on_signals() -> None:
    """Makes SIGTERM and SIGINT end a command as `Stopped`, and another one a second later end it as the system would.

    The training loop takes the first signal over while it runs, to save the step. Python answers signals between its own
    instructions, and a compilation is one of them.
    """
    def stop(number: int, frame):
        if not _asked:
            _asked.append((signal.Signals(number).name, time.monotonic()))
            raise Stopped(f'stopped by {_asked[0][0]}; what was saved is whole, and the same command goes on from there')
        if time.monotonic() - _asked[0][1] > SAME_SIGNAL_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def unheard(ignored):
        if not isinstance(ignored.exc_value, Stopped):
            sys.__unraisablehook__(ignored)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    sys.unraisablehook = unheard


def asked_to_stop() -> str:
    """The signal that came before, or ''.

    What its handler raises is lost where Python ignores exceptions: in callbacks, such as that of JAX's at the collection of
    garbage, and while objects are deleted.
    """
    return _asked[0][0] if _asked else ''


def exit_on_error(work: Callable[[], None]) -> None:
    """Runs a command. What a user can mend is told in one line on stderr, without a traceback.

    Exit status: 2 for bad input, 75 when a signal stopped a run that can go on, 1 for a full disk or a
    training that diverged; other exceptions are bugs and keep their traceback.
    """
    try:
        work()
    except KeyboardInterrupt:
        _die('interrupted', 130)
    except BaseException as error:
        stopped = _stop_behind(error)
        if stopped or isinstance(error, (InputError, DiskFull, Diverged)):
            _die(str(stopped or error), (stopped or error).exit_status)
        if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        _die(f'{error.strerror}: {error.filename or "the disk"}; free some space and run the same command again', 1)


def _stop_behind(error: BaseException | None) -> Stopped | None:
    """The signal behind an exception, whatever a library has made of it."""
    while error is not None and not isinstance(error, Stopped):
        error = error.__cause__ or error.__context__
    return error


def _die(message: str, status: int) -> None:
    print(f'error: {message}' if status != Stopped.exit_status else message, file=sys.stderr)
    sys.exit(status)
