"""SIGTERM and SIGINT in the training loop: the step is finished and saved first."""

import signal
import time
from typing import Any

from fvae_jax.errors import Stopped

# `timeout`, for one, sends SIGTERM to a process and again to its group: signals this close are one.
_SAME_SIGNAL_SECONDS = 1.0


class StopSignal:
    """Remembers the first SIGTERM or SIGINT instead of dying of it; another one, a second later, is obeyed."""

    def __init__(self):
        self.asked = ''
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> 'StopSignal':
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self._before[number] = signal.signal(number, self._remember)
            except ValueError:
                # Not the main thread (a notebook's worker, say): signals stay as they are.
                break
        return self

    def __exit__(self, *unused: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def as_error(self, step: int) -> Stopped:
        """What ends a training whose step is saved."""
        return Stopped(
            f'stopped by {self.asked or "a signal to another process"} at step {step}, which is saved; the same '
            'command goes on from there'
        )

    def _remember(self, number: int, frame):
        if not self.asked:
            self.asked, self._since = signal.Signals(number).name, time.monotonic()
        elif time.monotonic() - self._since > _SAME_SIGNAL_SECONDS:
            self.__exit__()
            signal.raise_signal(number)
