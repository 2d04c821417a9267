"""Looking a fixed while ahead in a stream: what smoothing over time needs, with memory that does not grow."""

import collections
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar('T')


def windows(items: Iterable[T], reach: int) -> Iterator[tuple[Sequence[T], int]]:
    """Gives each item with those around it, `reach` before and after, fewer at both ends.

    Args:
      items: A stream.
      reach: How many on each side.

    Returns:
      Pairs of a window, which is only valid until the next one, and the place of the item in it.
    """
    held, place = collections.deque(), 0
    for item in items:
        held.append(item)
        if len(held) - place > reach:
            yield held, place
            place = _advance(held, place, reach)
    while place < len(held):
        yield held, place
        place = _advance(held, place, reach)


def _advance(held: collections.deque, place: int, reach: int) -> int:
    if place < reach:
        return place + 1
    held.popleft()
    return place
