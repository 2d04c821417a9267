"""Devices: where a state lives, how a batch is spread, how a step is compiled. Nobody else knows.

'jit' puts the state on every device of a one-axis mesh and shards the batch over it; the compiler sees one
program with one global batch. 'pmap' runs one program per device and averages over the axis. States are
handed in and out un-replicated, so checkpoints do not depend on the choice.
"""
# ruff: noqa: D102 (the methods of `Pmapped` are told by `Strategy`)

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from fvae_jax.training import parallel

AXIS = 'data'


class Strategy:
    """What training needs to know of the devices; by jit over Mesh(('data',)): one program, one global batch."""

    def __init__(self, devices: list[jax.Device] | None = None):
        self._devices = devices or jax.devices()
        mesh = _mesh(self._devices)
        self._replicated = NamedSharding(mesh, PartitionSpec())
        self._sharded = NamedSharding(mesh, PartitionSpec(AXIS))

    def compile(self, step: Callable) -> Callable:
        """Compiles `step(state, batch, *, axis_name)`; the state is donated."""
        compiled = jax.jit(
            step, donate_argnums=0, in_shardings=(self._replicated, self._sharded), out_shardings=self._replicated
        )
        return _compiled_together(compiled)

    def place(self, state: Any) -> Any:
        """Puts a state on the devices."""

        # By way of the host, a copy for each device: the compiled step donates what it is given, the caller keeps its
        # own. device_put would ask all processes whether they give the same, array by array.
        def replicate(x):
            x = np.asarray(x)
            return jax.make_array_from_callback(x.shape, self._replicated, lambda index: x[index].copy())

        return jax.tree.map(replicate, state)

    def fetch(self, values: Any) -> Any:
        """Returns a state, or metrics, as one copy on a device of this process, to look at."""
        return jax.tree.map(lambda x: x.addressable_data(0), values)

    def save_form(self, state: Any) -> Any:
        """Returns the state as all processes together save it."""
        return state

    def template(self, shapes: Any) -> Any:
        """Adds to the shapes of a state where a checkpoint is to be restored to."""
        sharding = self._replicated
        return jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=sharding), shapes)

    def shard(self, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        """Spreads this host's part of the global batch over its devices."""
        return {name: jax.make_array_from_process_local_data(self._sharded, value) for name, value in batch.items()}


class Pmapped(Strategy):
    """pmap over the local devices of every host, averages over the axis 'data'."""

    def __init__(self, devices: list[jax.Device] | None = None):
        super().__init__(devices)
        self._local = [d for d in self._devices if d.process_index == jax.process_index()]

    def compile(self, step: Callable) -> Callable:
        mapped = functools.partial(step, axis_name=AXIS)
        return _compiled_together(jax.pmap(mapped, axis_name=AXIS, donate_argnums=0, devices=self._devices))

    def place(self, state: Any) -> Any:
        def replicate(x):
            x = np.asarray(x)
            return np.broadcast_to(x, (len(self._local), *x.shape))

        return jax.device_put(jax.tree.map(replicate, state), NamedSharding(_mesh(self._local), PartitionSpec(AXIS)))

    def fetch(self, values: Any) -> Any:
        # Not x[0], which is a computation that all processes would have to take part in.
        return jax.tree.map(lambda x: x.addressable_data(0).reshape(x.shape[1:]), values)

    def save_form(self, state: Any) -> Any:
        return super().place(self.fetch(state))

    def shard(self, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        count = len(self._local)
        return {name: value.reshape(count, -1, *value.shape[1:]) for name, value in batch.items()}


def _mesh(devices: list[jax.Device]) -> jax.sharding.Mesh:
    # Explicit axes, make_mesh's default, would put shardings into the types of the models.
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def _compiled_together(step: Callable) -> Callable:
    """Lets no process begin with its first step before all of them have compiled it."""
    if jax.process_count() == 1:
        return step
    compiled = False

    def call(state, batch):
        nonlocal compiled
        if not compiled:
            step.lower(state, batch).compile()  # which the cache keeps; of pmap it could not be called here
            parallel.barrier('compiled')
            compiled = True
        return step(state, batch)

    return call


def make_strategy(kind: str, devices: list[jax.Device] | None = None) -> Strategy:
    """Returns the strategy named by `config.parallel`, over all devices unless some are given."""
    return {'jit': Strategy, 'pmap': Pmapped}[kind](devices)


def single_device() -> Strategy:
    """Returns a strategy for work after training, on one device of this host."""
    return Strategy(jax.local_devices()[:1])


def own_devices(batch_size: int) -> Strategy:
    """Returns a strategy for work that each process does by itself, on as many of its devices as divide a batch."""
    devices = jax.local_devices()
    return Strategy(devices[: math.gcd(batch_size, len(devices))])


def describe_devices() -> dict[str, Any]:
    """Returns what history.jsonl says of the devices."""
    devices = jax.devices()
    return {'devices': f'{len(devices)} × {devices[0].device_kind}', 'processes': jax.process_count()}
