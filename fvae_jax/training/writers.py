"""Metrics as JSONL and for TensorBoard."""

import json
import pathlib
import time
from collections.abc import Mapping

import numpy as np
from tensorboardX import event_file_writer, summary
from tensorboardX.proto import event_pb2, summary_pb2

from fvae_jax.photo import output


class MetricsWriter:
    """Appends metrics to metrics.jsonl and TensorBoard.

    Events are written where they are made: the thread in which tensorboardX's own `SummaryWriter` writes dies of a full
    disk, and training then waits for it for good.

    Args:
      workdir: The run directory.
      step: The step from which the run goes on; what stands there of later steps is dropped, since it
        will be written again.
    """

    def __init__(self, workdir: pathlib.Path, step: int):
        self._path = workdir / 'metrics.jsonl'
        if self._path.exists():
            kept = [line for line in self._path.read_text(errors='replace').splitlines() if _step_of(line) <= step]
            output.write(self._path, ''.join(line + '\n' for line in kept))
        board = workdir / 'tensorboard'
        board.mkdir(exist_ok=True)
        self._events = event_file_writer.EventsWriter(str(board / 'events'))
        # TensorBoard forgets what earlier files say of this step and later ones.
        self._event(step + 1, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one line of values for a step."""
        values = {name: float(value) for name, value in values.items()}
        with open(self._path, 'a', encoding='utf-8') as file:
            file.write(json.dumps({'step': step, **values}) + '\n')
        for name, value in values.items():
            self._event(step, summary=summary.scalar(name, value))

    def picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Shows a (H, W, 3) uint8 picture in TensorBoard."""
        self._event(step, summary=summary.image(name, picture, dataformats='HWC'))

    def close(self) -> None:
        """Closes the file of events."""
        self._events.close()

    def _event(self, step: int, **content: summary_pb2.Summary | event_pb2.SessionLog) -> None:
        self._events.write_event(event_pb2.Event(wall_time=time.time(), step=step, **content))


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)['step'])
    except (ValueError, KeyError, TypeError):
        # A line cut short by a kill, or damaged, is dropped, too.
        return float('inf')
