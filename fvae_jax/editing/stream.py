"""Streams of frames: looking a fixed while ahead, and working ahead in a thread, with memory that does not grow."""

import atexit
import collections
import itertools
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')


def windows(items: Iterable[T], reach: int) -> Iterator[tuple[T, list[tuple[T, int]]]]:
    """Gives each item with those around it, `reach` before and after, fewer at both ends.

    Returns:
      Pairs of an item, and of those around it and itself in their order, each with how many places after it they are.
    """
    nothing = object()
    held = collections.deque([nothing] * reach, maxlen=2 * reach + 1)
    for item in itertools.chain(items, [nothing] * reach):
        held.append(item)
        if len(held) == held.maxlen:
            yield held[reach], [(other, step) for step, other in enumerate(held, -reach) if other is not nothing]


def ahead(items: Iterable[T], most: int) -> Iterator[T]:
    """Gives the items of a stream that a thread goes through meanwhile, at most so many ahead.

    The thread ends when the stream does, or soon after the generator is closed; its exceptions are raised here.
    """
    waiting, left = queue.Queue(most), threading.Event()
    end = object()

    def put(item: object) -> None:
        while not left.is_set():
            try:
                return waiting.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        stream = iter(items)
        try:
            for item in itertools.chain(stream, [end]):
                put((item, None))
                if left.is_set():
                    break
        except BaseException as error:
            put((end, error))
        finally:
            if hasattr(stream, 'close'):
                stream.close()

    thread = threading.Thread(target=work, daemon=True)

    def leave() -> None:
        left.set()
        thread.join()

    # A program may end with frames left; by the time its generators are collected modules are gone.
    atexit.register(leave)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        if not left.is_set():
            leave()
            atexit.unregister(leave)
