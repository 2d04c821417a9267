"""Devices and hosts: where a state lives, how a batch is spread, how a step is compiled. Nobody else knows.

'jit' puts the state on every device of a one-axis mesh and shards the batch over it; the compiler sees one
program with one global batch. 'pmap' runs one program per device and averages over the axis. States are
handed in and out un-replicated, so checkpoints do not depend on the choice.

With several processes (`join_hosts`) every one runs the same training on its share of each batch. The first, the main process,
alone writes what people read; checkpoints are saved and restored by all together.
"""

import ctypes
import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Protocol

import jax
import ml_collections
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from fvae_jax.errors import InputError, Stopped

AXIS = 'data'

# Set by launch/local.sh, or by hand; on Cloud TPU and under SLURM JAX finds out by itself.
COORDINATOR, PROCESSES, PROCESS = 'FVAE_COORDINATOR', 'FVAE_PROCESSES', 'FVAE_PROCESS'
_JOIN_SECONDS = 120  # until all processes must be there
_HEARTBEAT_SECONDS = 20  # without a word from a process, after which it counts as lost
_SHUTDOWN_SECONDS = 60  # that the first process to end waits for the last
_WAIT_SECONDS = 86400  # that processes wait for each other's work, as long as all of them live
# Asking every process costs a little network time, so signals are looked at every so many steps.
_AGREE_EVERY = 10


def join_hosts() -> None:
    """Joins the processes of one training, on one machine or on many; must come before any other use of JAX.

    Raises:
      InputError: This process does not know of the others, or not all of them come.
    """
    settings = _from_environment()
    jax.config.update(
        'jax_enable_preemption_service', False
    )  # it would take the signals that the training loop answers
    # On CPUs two computations may run at once, in another order in each process; what they send to each other then mixes.
    jax.config.update('jax_cpu_enable_async_dispatch', False)
    try:
        jax.distributed.initialize(
            **settings,
            initialization_timeout=_JOIN_SECONDS,
            heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=_SHUTDOWN_SECONDS,
        )
    except ValueError as error:
        raise InputError(
            f'--distributed: nothing says which processes there are ({_first_line(error)}); start them with '
            f'launch/local.sh, launch/tpu_pod.sh or SLURM, or set {COORDINATOR}=HOST:PORT, {PROCESSES} and '
            f'{PROCESS}'
        ) from error
    except RuntimeError as error:
        raise InputError(
            f'--distributed: the other processes cannot be reached ({_first_line(error)}); start one on every '
            "host within two minutes, and let the coordinator's port through the firewall"
        ) from error
    _catch_aborts()


def _from_environment() -> dict[str, Any]:
    given = {name: os.environ.get(name) for name in (COORDINATOR, PROCESSES, PROCESS)}
    if not any(given.values()):
        return {}
    try:
        count, index = int(given[PROCESSES] or ''), int(given[PROCESS] or '')
    except ValueError as error:
        raise InputError(
            f'{PROCESSES} = {given[PROCESSES]!r} and {PROCESS} = {given[PROCESS]!r} must be numbers; '
            'set all three of ' + ', '.join(given)
        ) from error
    if not given[COORDINATOR] or ':' not in given[COORDINATOR] or not 0 <= index < count:
        raise InputError(
            f'{COORDINATOR} = {given[COORDINATOR]!r} must be HOST:PORT, and {PROCESS} = {index} from 0 to '
            f'{PROCESSES} - 1 = {count - 1}'
        )
    return dict(coordinator_address=given[COORDINATOR], num_processes=count, process_id=index)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _lost(detail: str = '') -> str:
    return (
        f'another process of this training is gone{detail}; start all of them again: the run goes on from its newest '
        'checkpoint'
    )


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def _on_abort(number: int) -> None:
    os.write(2, f'{_lost()}\n'.encode())
    os._exit(Stopped.exit_status)


def _catch_aborts() -> None:
    # When the coordinator is lost JAX's C++ side prints a stack trace and aborts, whatever Python does. abort() raises its
    # signal in its own thread, where this handler may run Python code, as one of the module `signal` could not.
    ctypes.CDLL(None).signal(signal.SIGABRT.value, _on_abort)


def with_hosts(work: Callable[[], Any]) -> Any:
    """Does a part of a training of several processes; the loss of one of them ends this one at once, with status 75.

    At once, because whatever an orderly end would close waits for the process that is gone.
    """
    try:
        return work()
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1:
            raise
        print(_lost(f' ({_first_line(error)})'), file=sys.stderr, flush=True)
        os._exit(Stopped.exit_status)


_barriers = itertools.count()


def barrier(name: str) -> None:
    """Waits for all processes, which must come to the same barriers in the same order.

    By way of the coordinator, because collectives on CPUs give up after 30 s of waiting for a slower process.
    """
    if jax.process_count() > 1:
        ocp.multihost.get_barrier_sync_fn()(key=f'{name} {next(_barriers)}', timeout_ms=1000 * _WAIT_SECONDS)


def main_first(work: Callable[[], Any]) -> Any:
    """Does the same in every process, in the main one first: it may leave files that the others then find."""
    if jax.process_count() == 1:
        return work()
    if is_main_process():
        done = work()
    barrier('main first')
    return done if is_main_process() else work()


def from_main(value: float) -> float:
    """Returns the main process's value, so that all decide alike; single precision with several processes."""
    if jax.process_count() == 1:
        return value
    barrier('from main')
    return float(multihost_utils.broadcast_one_to_all(np.float32(value)))


def any_process(asked: bool, step: int) -> bool:
    """Whether any process is asked to stop; all get the same answer at the same step."""
    if jax.process_count() == 1:
        return asked
    if step % _AGREE_EVERY:
        return False
    return bool(multihost_utils.process_allgather(np.asarray(asked)).any())


class Strategy(Protocol):
    """What training needs to know of the devices."""

    def compile(self, step: Callable) -> Callable:
        """Compiles `step(state, batch, *, axis_name)`; the state is donated."""

    def place(self, state: Any) -> Any:
        """Puts a state on the devices."""

    def fetch(self, state: Any) -> Any:
        """Returns the state as one copy on a device of this process, to look at."""

    def save_form(self, state: Any) -> Any:
        """Returns the state as all processes together save it."""

    def template(self, shapes: Any) -> Any:
        """Adds to the shapes of a state where a checkpoint is to be restored to."""

    def shard(self, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        """Spreads this host's part of the global batch over its devices."""

    def first(self, metrics: Any) -> Any:
        """Returns metrics as one copy on the host."""


class JitStrategy(Strategy):
    """jit over Mesh(('data',)): one program, one global batch."""

    def __init__(self, devices: list[jax.Device] | None = None):
        devices = devices or jax.devices()
        # Explicit axes, make_mesh's default, would put shardings into the types of the models.
        mesh = jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)
        self._replicated = NamedSharding(mesh, PartitionSpec())
        self._sharded = NamedSharding(mesh, PartitionSpec(AXIS))

    def compile(self, step: Callable) -> Callable:
        return _compiled_together(
            jax.jit(
                step,
                in_shardings=(self._replicated, self._sharded),
                donate_argnums=0,
                out_shardings=(self._replicated, self._replicated),
            )
        )

    def place(self, state: Any) -> Any:
        # By way of the host, a copy for each device: the compiled step donates what it is given, the caller keeps its own.
        # device_put would ask all processes whether they give the same, array by array.
        def replicate(x):
            x = np.asarray(x)
            return jax.make_array_from_callback(x.shape, self._replicated, lambda index: x[index].copy())

        return jax.tree.map(replicate, state)

    def fetch(self, state: Any) -> Any:
        return jax.tree.map(lambda x: x.addressable_data(0), state)

    def save_form(self, state: Any) -> Any:
        return state

    def template(self, shapes: Any) -> Any:
        return _with_sharding(shapes, self._replicated)

    def shard(self, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        return {name: jax.make_array_from_process_local_data(self._sharded, value) for name, value in batch.items()}

    def first(self, metrics: Any) -> Any:
        return jax.device_get(metrics)


class PmapStrategy(Strategy):
    """pmap over the local devices of every host, averages over the axis 'data'."""

    def __init__(self, devices: list[jax.Device] | None = None):
        self._devices = devices or jax.devices()
        self._whole = JitStrategy(self._devices)
        self._local = [d for d in self._devices if d.process_index == jax.process_index()]

    def compile(self, step: Callable) -> Callable:
        def mapped(state, batch):
            return step(state, batch, axis_name=AXIS)

        return _compiled_together(jax.pmap(mapped, axis_name=AXIS, donate_argnums=0, devices=self._devices))

    def place(self, state: Any) -> Any:
        def replicate(x):
            x = np.asarray(x)
            return np.broadcast_to(x, (len(self._local), *x.shape))

        mesh = jax.make_mesh((len(self._local),), (AXIS,), axis_types=(AxisType.Auto,), devices=self._local)
        return jax.device_put(jax.tree.map(replicate, state), NamedSharding(mesh, PartitionSpec(AXIS)))

    def fetch(self, state: Any) -> Any:
        # Not x[0], which is a computation that all processes would have to take part in.
        return jax.tree.map(lambda x: x.addressable_data(0).reshape(x.shape[1:]), state)

    def save_form(self, state: Any) -> Any:
        return self._whole.place(self.fetch(state))

    def template(self, shapes: Any) -> Any:
        return self._whole.template(shapes)

    def shard(self, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        count = len(self._local)
        return {name: value.reshape(count, -1, *value.shape[1:]) for name, value in batch.items()}

    def first(self, metrics: Any) -> Any:
        return jax.tree.map(lambda x: np.asarray(x.addressable_data(0)).reshape(x.shape[1:]), metrics)


def _compiled_together(step: Callable) -> Callable:
    """Lets no process begin with its first step before all of them have compiled it."""
    if jax.process_count() == 1:
        return step
    compiled = False

    def call(state, batch):
        nonlocal compiled
        if not compiled:
            step.lower(state, batch).compile()  # which the cache keeps; of pmap it could not be called here
            barrier('compiled')
            compiled = True
        return step(state, batch)

    return call


def _with_sharding(shapes: Any, sharding: jax.sharding.Sharding) -> Any:
    return jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=sharding), shapes)


def make_strategy(kind: str, devices: list[jax.Device] | None = None) -> Strategy:
    """Returns the strategy named by `config.parallel`, over all devices unless some are given."""
    return {'jit': JitStrategy, 'pmap': PmapStrategy}[kind](devices)


def single_device() -> Strategy:
    """Returns a strategy for work after training, on one device of this host."""
    return JitStrategy(jax.local_devices()[:1])


def describe_devices() -> dict[str, Any]:
    """Returns what history.jsonl says of the devices."""
    devices = jax.devices()
    return {'devices': f'{len(devices)} × {devices[0].device_kind}', 'processes': jax.process_count()}


def check_batch_size(config: ml_collections.ConfigDict) -> None:
    """Raises InputError unless every part of a global batch divides evenly over the devices."""
    devices, batch_size, parts = jax.device_count(), config.train.batch_size, config.train.accumulate_steps
    unit = devices * parts
    if batch_size % unit:
        lower, upper = batch_size // unit * unit, -(-batch_size // unit) * unit
        nearest = f'{lower} or {upper}' if lower else f'{upper}'
        in_parts = f' times train.accumulate_steps = {parts}' if parts > 1 else ''
        raise InputError(
            f'config.train.batch_size = {batch_size} does not divide by the {devices} devices here{in_parts}; '
            f'use {nearest}'
        )


def local_rows(batch_size: int) -> slice:
    """Returns the rows of a global batch that this host loads."""
    share = batch_size // jax.process_count()
    return slice(jax.process_index() * share, (jax.process_index() + 1) * share)


def process_count() -> int:
    """How many processes train together."""
    return jax.process_count()


def is_main_process() -> bool:
    """Whether this process writes logs and pictures."""
    return jax.process_index() == 0
