"""How two implementations are compared: first whether they compute the same, then how long each takes, in turns.

A turn is a few calls of one side after a call that is not timed (threads of the other side may still be spinning
down). A round is a turn of each, and the side that begins changes from round to round, so that whatever slows the
machine for a while slows both.
"""

import dataclasses
import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import jax
import numpy as np

_TURN = 0.15  # s, a turn's aim
_ROUNDS = 7, 60  # at least, at most


@dataclasses.dataclass(frozen=True)
class Result:
    """A row of the table.

    Attributes:
      name: As in benchmarks.json.
      part: What is measured, for people.
      peer: What it is compared with, for people.
      ours_ms, peer_ms: Medians over the rounds, of one call, ms.
      ratio: ours_ms / peer_ms; less is better.
      spread: Of the ratio: the distance between the quartiles of the rounds' own ratios.
      bar: The largest ratio that is good enough.
      rounds: How many.
      agreement: How far the results of both sides are apart, in words, and what was allowed.
      notes: Further figures, by name.
    """

    name: str
    part: str
    peer: str
    ours_ms: float
    peer_ms: float
    ratio: float
    spread: float
    bar: float
    rounds: int
    agreement: str
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f'{self.name:18} {self.ours_ms:9.3f} ms  {self.peer_ms:9.3f} ms   ratio {self.ratio:.2f} ± '
            f'{self.spread / 2:.2f} (bar {self.bar:g})   {self.rounds} rounds   {self.agreement}'
        )


class Disagreement(Exception):
    """The two sides do not compute the same thing: there is nothing to compare."""


def agree(name: str, ours: Any, peer: Any, tolerance: float) -> str:
    """Says how far two results are apart, as a share of the largest value of the peer's.

    Args:
      name: For people.
      ours, peer: Arrays of one shape, or sequences of such.
      tolerance: What is allowed of that share.

    Raises:
      Disagreement: It is more.
    """
    pairs = zip(ours, peer, strict=True) if isinstance(ours, (list, tuple)) else [(ours, peer)]
    worst = 0.0
    for a, b in pairs:
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if a.shape != b.shape:
            raise Disagreement(f'{name}: shapes {a.shape} and {b.shape}')
        apart = float(np.abs(a - b).max() / np.abs(b).max())
        if not apart <= tolerance:  # NaN as well
            raise Disagreement(f'{name}: apart by {apart:.2g} of the largest value; {tolerance:.2g} is allowed')
        worst = max(worst, apart)
    return f'apart by {worst:.2g} (allowed {tolerance:.0g})'


def compare(
    name: str,
    *,
    part: str,
    peer: str,
    bar: float,
    ours: Callable[[], Any],
    theirs: Callable[[], Any] | Mapping[str, Callable[[], Any]],
    agreement: str,
    seconds: float = 10,
    notes: Mapping[str, Any] | None = None,
) -> Result:
    """Times both sides in turns.

    Args:
      name, part, peer, bar: See `Result`.
      ours: One call of ours, done when it returns.
      theirs: One call of the peer's, or several ways of calling it by name, of which the fastest counts.
      agreement: What a check of the results said; see `agree`.
      seconds: How long to go on.
      notes: See `Result`.
    """
    notes = dict(notes or {})
    if isinstance(theirs, Mapping):
        trials = {way: min(turn(call, 2) for _ in range(3)) for way, call in theirs.items()}
        best = min(trials, key=trials.get)
        peer, theirs = f'{peer}, {best}', theirs[best]
        notes |= {f'peer_{way}_ms': 1e3 * trial for way, trial in trials.items()}
    calls = {side: max(1, round(_TURN / turn(side, 1))) for side in (ours, theirs)}
    times: dict[Callable, list[float]] = {ours: [], theirs: []}
    end = time.perf_counter() + seconds
    while len(times[ours]) < _ROUNDS[0] or (time.perf_counter() < end and len(times[ours]) < _ROUNDS[1]):
        first = len(times[ours]) % 2
        for side in (ours, theirs)[:: -1 if first else 1]:
            times[side].append(turn(side, calls[side]))
    return summarize(name, part, peer, bar, times[ours], times[theirs], agreement, notes)


def summarize(
    name: str,
    part: str,
    peer: str,
    bar: float,
    ours: list[float],
    theirs: list[float],
    agreement: str,
    notes: Mapping[str, Any] | None = None,
) -> Result:
    """The row of the seconds that both sides took in each round."""
    ours_ms, peer_ms = (1e3 * statistics.median(seconds) for seconds in (ours, theirs))
    low, high = np.quantile(np.divide(ours, theirs), (0.25, 0.75))
    return Result(
        name, part, peer, ours_ms, peer_ms, ours_ms / peer_ms, float(high - low), bar, len(ours), agreement, notes or {}
    )


def turn(call: Callable[[], Any], calls: int) -> float:
    """Seconds of one of `calls` calls, after one that is not timed."""
    call()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def cores() -> int:
    """How many cores this process may use; every library is given as many threads."""
    return len(os.sched_getaffinity(0))


def use_all_cores() -> None:
    """Gives PyTorch and OpenCV as many threads as there are cores; XLA takes them by itself."""
    import torch  # here and below: processes that measure memory have none of it

    torch.set_num_threads(cores())
    cv2.setNumThreads(cores())


def machine() -> dict[str, Any]:
    """What the figures were measured on and with."""
    import torch

    with open('/proc/cpuinfo', encoding='utf-8') as file:
        model = next(
            (line.partition(':')[2].strip() for line in file if line.startswith('model name')), platform.machine()
        )
    return {
        'date': datetime.date.today().isoformat(),
        'cpu': model,
        'cores': cores(),
        'threads': {'jax': cores(), 'torch': torch.get_num_threads(), 'opencv': cv2.getNumThreads()},
        'load': os.getloadavg()[0],
        'python': platform.python_version(),
        'jax': jax.__version__,
        'torch': torch.__version__,
        'opencv': cv2.__version__,
    }
