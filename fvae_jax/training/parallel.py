"""Processes of one training (`join_hosts`): each runs the same training on its share of every batch.

The first, the main process, alone writes what people read; checkpoints are saved and restored by all together. What
runs on which device is told in `devices`.
"""

import ctypes
import itertools
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from fvae_jax.errors import InputError, OutOfMemory, Stopped

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
    # It would take the signals that the training loop answers.
    jax.config.update('jax_enable_preemption_service', False)
    # On CPUs two computations may run at once, in another order in each process; what they send then mixes.
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
    # When the coordinator is lost JAX's C++ side prints a stack trace and aborts, whatever Python does. abort() raises
    # its signal in its own thread, where this handler may run Python code, as one of the module `signal` could not.
    ctypes.CDLL(None).signal(signal.SIGABRT.value, _on_abort)


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
    return {'coordinator_address': given[COORDINATOR], 'num_processes': count, 'process_id': index}


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


# Errors of JAX in which no other process has a share: the same start would end the same way.
_OWN_FAULTS = ('RESOURCE_EXHAUSTED', 'INVALID_ARGUMENT', 'UNIMPLEMENTED')


def with_hosts(work: Callable[[], Any]) -> Any:
    """Does a part of a training.

    With several processes the loss of one of them ends this one at once, with status 75, and a fault of this one with
    another status: at once, because whatever an orderly end would close waits for the process that is gone.

    Raises:
      OutOfMemory: This process has no more, and is alone.
    """
    try:
        return work()
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        line = _first_line(error)
        out_of_memory = isinstance(error, MemoryError) or 'out of memory' in line.lower()
        words = (
            f'out of memory ({line}); train on more devices, or, in a new --workdir, with a smaller train.batch_size '
            'or more train.accumulate_steps'
        )
        if jax.process_count() == 1:
            if out_of_memory:
                raise OutOfMemory(words) from error
            raise
        status = OutOfMemory.exit_status
        if out_of_memory:
            words = f'error: {words}'
        elif line.startswith(_OWN_FAULTS):
            words = traceback.format_exc()
        else:
            words, status = _lost(f' ({line})'), Stopped.exit_status
        print(words, file=sys.stderr, flush=True)
        os._exit(status)


_barriers = itertools.count()


def barrier(name: str) -> None:
    """Waits for all processes, which must come to the same barriers in the same order.

    By way of the coordinator, because collectives on CPUs give up after 30 s of waiting for a slower process.
    """
    if jax.process_count() > 1:
        ocp.multihost.get_barrier_sync_fn()(key=f'{name} {next(_barriers)}', timeout_ms=1000 * _WAIT_SECONDS)


def main_first(work: Callable[[], Any]) -> Any:
    """Does the same in every process, in the main one first: it may leave files that the others then find."""
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


def divided(work: Callable[[np.ndarray], dict[str, np.ndarray]], count: int) -> dict[str, np.ndarray]:
    """Lets every process do its share of a work on so many things, at least one, numbered from 0 on.

    It is `numbers -> {name: values}`, for each number a value. Returns the values of all of them in their order,
    (count,), the same in every process.
    """
    processes = jax.process_count()
    if processes == 1:
        return work(np.arange(count))
    # Processes send equally much: the last number fills up.
    rounds = np.arange(-(-count // processes))
    found = work(np.minimum(rounds * processes + jax.process_index(), count - 1))
    barrier('divided')
    return {name: values.T.ravel()[:count] for name, values in multihost_utils.process_allgather(found).items()}


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


def is_main_process() -> bool:
    """Whether this process writes logs and pictures."""
    return jax.process_index() == 0
