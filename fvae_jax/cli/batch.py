"""Several files at a time: threads that share one model; what is told comes in the order of the files."""

import contextlib
import contextvars
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from typing import NamedTuple

from tqdm import tqdm

from fvae_jax import runtime
from fvae_jax.errors import InputError

_FEW = 4  # photos that are done one after another, unless --jobs says otherwise
_MOST = 8  # at a time, unless --jobs says otherwise: a container may have less than its machine
_MEMORY = 2 << 30  # bytes of the machine's memory for each thread: a photo of 50 megapixels takes 1 GB

# What a file has to tell, kept until its turn comes; None where it is told at once.
_kept: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar('kept', default=None)


class Task(NamedTuple):
    """The work on one file.

    Attributes:
      work: What to do; raises `InputError` where the file is left out.
      alone: Whether it has progress of its own to show, and processes of its own: done in its turn, not before.
    """

    work: Callable[[], None]
    alone: bool = False


def threads_for(asked: int | None, files: int) -> int:
    """How many files to work on at a time: as many as asked, else one for each core where there are more than a few."""
    if asked is None:
        asked = min(_cores(), max(1, _memory() // _MEMORY), _MOST) if files > _FEW else 1
    return min(asked, files)


def tell(line: str) -> None:
    """Tells people something about a file, on standard error, in its turn."""
    kept = _kept.get()
    if kept is None:
        tqdm.write(line, file=sys.stderr)
    else:
        kept.append(line)


def carry_out(tasks: Sequence[Task], threads: int) -> int:
    """Does all tasks, told of in their order; shows on a terminal how far they are. Returns how many were left out."""
    failures = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(_logging_told())
        finishes = [task.work for task in tasks]
        if threads > 1:
            stack.enter_context(runtime.screen_of_its_own())
            # A twentieth of the processor time goes into more than that.
            stack.enter_context(opencv_threads(max(1, _cores() // threads)))
            finishes = stack.enter_context(contextlib.closing(_ahead(tasks, threads)))
        bar = stack.enter_context(tqdm(total=len(tasks), unit='file', disable=None))
        for finish in finishes:
            try:
                finish()
            except InputError as error:
                failures += 1
                tell(f'error: {error}')
            bar.update()
    return failures


def _ahead(tasks: Sequence[Task], threads: int) -> Iterator[Callable[[], None]]:
    """Begins tasks in threads; gives for each, in order, what waits for its end and tells what it has to tell."""
    pool = futures.ThreadPoolExecutor(threads)

    def begin(task: Task) -> tuple[futures.Future, list[str]]:
        lines: list[str] = []
        context = contextvars.copy_context()  # of this thread, which says that it runs a command
        context.run(_kept.set, lines)
        return pool.submit(context.run, task.work), lines

    def finish(begun: futures.Future, lines: list[str]) -> None:
        futures.wait([begun])
        for line in lines:
            tell(line)
        begun.result()

    try:
        pooled = [task for task in tasks if not task.alone]
        first = [begin(task) for task in pooled[:1]]
        futures.wait([begun for begun, _ in first])  # it compiles what all of them use
        rest = iter([*first, *map(begin, pooled[1:])])
        for task in tasks:
            yield task.work if task.alone else functools.partial(finish, *next(rest))
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _logging_told() -> Iterator[None]:
    """Makes of what the package warns of a line about the file it is said of."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(self.format(record))

    logger, handler = logging.getLogger('fvae_jax'), Handler(logging.WARNING)
    propagate = logger.propagate
    logger.addHandler(handler)
    try:
        logger.propagate = False
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


@contextlib.contextmanager
def opencv_threads(count: int) -> Iterator[None]:
    """Lets OpenCV use so many threads for each of ours."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def _memory() -> int:
    """Bytes that the machine has; as much as could be wanted where the system does not say."""
    try:
        return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    except (AttributeError, ValueError, OSError):
        return sys.maxsize
