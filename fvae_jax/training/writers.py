"""What a run leaves for people: its description, metrics as JSONL and TensorBoard, sample grids."""

import contextlib
import fcntl
import functools
import json
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from tensorboardX import event_file_writer, summary
from tensorboardX.proto import event_pb2, summary_pb2

from fvae_jax import config as config_lib
from fvae_jax.errors import DiskFull, InputError, is_disk_full
from fvae_jax.models import fvae, networks
from fvae_jax.ops import flow_color, grid, image as image_ops, warp
from fvae_jax.photo import output
from fvae_jax.training import checkpoint, history, parallel


def open_workdir(workdir: pathlib.Path, config: ml_collections.ConfigDict) -> None:
    """Creates a run directory, or checks that an existing one is of the same experiment.

    Writes config.json and, appending, one line of history.jsonl with the command, versions and devices.

    Raises:
      InputError: The directory cannot be written, or belongs to another config.
    """
    _make(workdir / 'samples')
    check_config(workdir, config)
    if not parallel.is_main_process():
        return
    stored = workdir / 'config.json'
    try:
        # Of a process that was killed: the lock says that none is writing.
        for folder in (workdir, workdir / 'samples', workdir / checkpoint.MANIFESTS):
            output.remove_temporaries(folder)
        output.write(stored, config_lib.to_json(config))
        history.note_start(workdir)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise InputError(
            f'workdir {workdir} cannot be written ({error.strerror}); choose another with --workdir'
        ) from error


def check_config(workdir: pathlib.Path, config: ml_collections.ConfigDict) -> None:
    """Checks that a run directory is of this experiment.

    A directory in which nothing was saved yet belongs to nobody: a first try with wrong settings can be mended.

    Raises:
      InputError: It is not; the message names the fields that differ.
    """
    stored = workdir / 'config.json'
    if not checkpoint.is_begun(workdir):
        return
    try:
        differences = config_lib.differences(config, config_lib.from_json(stored.read_text()))
    except (OSError, ValueError) as error:
        raise InputError(f'{stored} cannot be read ({error}); restore it, or use a new --workdir') from error
    if differences:
        raise InputError(
            f'workdir {workdir} holds a run of another config ({"; ".join(differences)}); '
            'use a new --workdir, or the same settings'
        )


@contextlib.contextmanager
def claim(workdir: pathlib.Path) -> Iterator[None]:
    """Makes a run directory and keeps other training processes out; the system frees the lock of a dead one.

    Raises:
      InputError: Another process trains there, or the directory cannot be made.
      DiskFull: There was no space left for what was done inside.
    """
    _make(workdir)
    if not parallel.is_main_process():
        yield  # the main process holds the lock for all
        return
    with open(workdir / '.lock', 'w', encoding='utf-8') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f'another process is training in {workdir}; wait for it, or use another --workdir'
            ) from error
        try:
            yield
        except Exception as error:
            if not is_disk_full(error):
                raise
            raise DiskFull(_disk_full(workdir, error)) from error


def _disk_full(workdir: pathlib.Path, error: BaseException | None) -> str:
    """The line for people; the file is known when the system named it."""
    file = None
    while error is not None:
        file = file or getattr(error, 'filename', None)
        error = error.__cause__ or error.__context__
    saved = checkpoint.whole_steps(workdir)
    goes_on = f'from step {saved[-1]}, which is saved' if saved else 'from the start'
    return (
        f'no space is left on the disk of {file or workdir}; free some, and the same command goes on with {workdir} '
        f'{goes_on}'
    )


def _make(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f'workdir {folder} cannot be used ({error.strerror}); choose another with --workdir'
        ) from error


def parameter_table(config: ml_collections.ConfigDict) -> str:
    """Returns the per-layer table of the network: filters, outputs for one image, parameter counts."""
    model = networks.from_config(config)
    size = config.data.image_size
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), image, image)
    apply = functools.partial(model.apply, capture_intermediates=True)
    _, state = jax.eval_shape(apply, variables, image, image)
    rows = []
    for path, outputs in _layers(state['intermediates']):
        weights = variables['params']
        for name in path:
            weights = weights.get(name, {}) if isinstance(weights, Mapping) else {}
        kernel = weights.get('kernel')
        if kernel is not None:
            rows.append(
                (
                    '.'.join(path).removesuffix('.conv'),
                    '×'.join(map(str, kernel.shape)),
                    '×'.join(map(str, outputs[0].shape[1:])),
                    _count(weights),
                )
            )
    width = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f'{"layer":<{width[0]}}  {"filter":<{width[1]}}  {"output":<{width[2]}}  {"weights":>12}']
    lines += [f'{a:<{width[0]}}  {b:<{width[1]}}  {c:<{width[2]}}  {d:>12,}' for a, b, c, d in rows]
    lines.append(f'parameters in all, normalisations included: {_count(variables["params"]):,}')
    return '\n'.join(lines) + '\n'


def _count(params: Any) -> int:
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))


def _layers(tree: Mapping, path: tuple[str, ...] = ()):
    for name, value in tree.items():
        if name == '__call__':
            yield path, value
        elif isinstance(value, Mapping):
            yield from _layers(value, (*path, name))


class MetricsWriter:
    """Appends metrics to metrics.jsonl and TensorBoard.

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
        self._board = _Board(workdir / 'tensorboard', step + 1)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one line of values for a step."""
        values = {name: float(value) for name, value in values.items()}
        with open(self._path, 'a', encoding='utf-8') as file:
            file.write(json.dumps({'step': step, **values}) + '\n')
        for name, value in values.items():
            self._board.add(step, summary.scalar(name, value))

    def picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Shows a (H, W, 3) uint8 picture in TensorBoard."""
        self._board.add(step, summary.image(name, picture, dataformats='HWC'))

    def close(self) -> None:
        """Flushes TensorBoard."""
        self._board.close()


class _Board:
    """Events for TensorBoard, written where they are made.

    The thread in which tensorboardX's own `SummaryWriter` writes dies of a full disk; training then waits for it for good.

    Args:
      folder: Gets a file.
      step: TensorBoard forgets what earlier files say of this step and later ones.
    """

    def __init__(self, folder: pathlib.Path, step: int):
        folder.mkdir(exist_ok=True)
        self._events = event_file_writer.EventsWriter(str(folder / 'events'))
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._events.write_event(event_pb2.Event(wall_time=time.time(), step=step, session_log=start))

    def add(self, step: int, value: summary_pb2.Summary) -> None:
        """Writes a summary of a step."""
        self._events.write_event(event_pb2.Event(wall_time=time.time(), step=step, summary=value))

    def close(self) -> None:
        """Closes the file."""
        self._events.close()


class NoWriter:
    """A `MetricsWriter` that writes nothing, for all processes but the main one."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Does nothing."""

    def picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)['step'])
    except (ValueError, KeyError, TypeError):
        # A line cut short by a kill, or damaged, is dropped, too.
        return float('inf')


def sample_grid(source: np.ndarray, target: np.ndarray, output: fvae.Output, labels: list[str]) -> np.ndarray:
    """Draws source, what g makes of it, target, flow and content of some pairs, a row for each.

    Args:
      source: S after colour transfer, (B, H, W, 3) in [-1, 1].
      target: T.
      output: g(S, Z(T)).
      labels: A label for each row.

    Returns:
      (height, width, 3) uint8.
    """
    if output.decoded is None:
        made = 'decoded'
    else:
        made = 'warped' if output.decoded.alpha_logit is None else 'warped, content added'
    columns = {'source': source, made: output.image, 'target': target}
    columns = {name: [image_ops.to_uint8(np.asarray(x)) for x in images] for name, images in columns.items()}
    if output.decoded is not None:
        displacement = np.asarray(warp.flow_to_displacement(output.decoded.flow))
        # One scale for all rows, from the data, so that rows can be compared.
        reach = max(1.0, float(np.quantile(np.linalg.norm(displacement, axis=-1), 0.999)))
        columns[f'flow, 0 to {reach:.1f} px'] = [flow_color.flow_to_color(f, reach) for f in displacement]
        if output.decoded.alpha_logit is not None:
            alpha = np.asarray(jax.nn.sigmoid(output.decoded.alpha_logit))[..., None]
            content = -1 + alpha * (1 + np.asarray(output.decoded.color))
            columns['content, where it is new'] = [image_ops.to_uint8(x) for x in content]
    return grid.image_grid([list(row) for row in zip(*columns.values())], list(columns), labels)
