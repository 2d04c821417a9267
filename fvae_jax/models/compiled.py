"""An FVAE and its mask, compiled for one face at a time."""

import functools
import os
import pathlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import Any, NamedTuple, TypeVar

import jax
import ml_collections
import numpy as np

from fvae_jax import config as config_lib
from fvae_jax.errors import InputError
from fvae_jax.models import interface, kept
from fvae_jax.ops import warp

# The FVAE's weights up to this size, bytes, are constants of the decoder's program: what is made of them alone is made
# once, and a decode takes a sixth less time. Beyond it they are arguments, since a program with constants takes longer
# to compile and its entry in the cache has 1.6 times the decoder's bytes: as long and 4 MB with weights of 7 MB (the
# model that ships), twice as long and 14 MB with 23 MB, six times as long, a warning and 83 MB with 176 MB.
LARGEST_CONSTANTS = 8 << 20
# The process that has run a program of JAX for us.
_process: int | None = None

T = TypeVar('T')


class Programs(NamedTuple):
    """What is compiled, for a batch of one.

    Attributes:
      encode: S (1, size, size, 3) → Z(S) (4, 4, C) and the source pyramid.
      decode: Z (4, 4, C) and the source pyramid → `interface.Decoded`, without the axis of the batch.
      move: S (size, size, 3) and a displacement (size, size, 2) → `warp.warp_by_displacement`.
      mask_encode: S (1, size, size, 3) → the mask's pyramid; None without a mask.
      mask_decode: Z and the mask's pyramid → logits of the confidence, (size, size); None without a mask.
    """

    encode: Callable[..., Any]
    decode: Callable[..., interface.Decoded]
    move: Callable[..., jax.Array]
    mask_encode: Callable[..., Any] | None = None
    mask_decode: Callable[..., Any] | None = None


class Program:
    """A function of arrays of fixed shapes, compiled or read from the cache when it is first needed.

    Args:
      path: Gives its file in the cache; None where there is none.
      function: What is compiled.
      shapes: Gives its arguments' shapes and types.
      given: Its first arguments, the same in every call.
      devices: On which it runs.
    """

    def __init__(
        self,
        path: Callable[[], pathlib.Path | None],
        function: Callable[..., Any],
        shapes: Callable[[], Sequence[Any]],
        given: Sequence[Any],
        devices: Sequence[jax.Device],
    ):
        def made() -> jax.stages.Compiled:
            file = path()
            if file is None:
                return self.traced().lower().compile()
            return kept.load(file, devices) or kept.make(file, devices, self.traced().lower())

        self.traced = _once(lambda: _traced(function, *given, *shapes()))
        self.compiled = _once(made)
        self._given = tuple(given)
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        """Runs it; in `jax.disable_jit()`, operation by operation."""
        if jax.config.jax_disable_jit:
            self.traced()  # tells of weights that do not fit
            return self._function(*self._given, *arguments)
        return self.compiled()(*self._given, *arguments)


def _traced(function: Callable[..., Any], *shapes: Any) -> jax.stages.Traced:
    """Raises `InputError` where weights do not fit the networks: a file may hold other tensors than its config says."""
    from flax import errors

    try:
        return jax.jit(function).trace(*shapes)
    except (errors.FlaxError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            'the weights of this model do not fit its config '
            f'({" ".join(str(error).split())[:200]}); take another copy of the model file'
        ) from error


def _once(make: Callable[[], T]) -> Callable[[], T]:
    """What makes something at its first call and returns that at every one, of any thread."""
    lock, made = threading.Lock(), []

    def get() -> T:
        with lock:
            if not made:
                made.append(make())
        return made[0]

    return get


def check_process() -> None:
    """Raises `InputError` in a process that was forked from one in which a model has run, where JAX waits for ever."""
    if _process not in (None, os.getpid()):
        raise InputError(
            'this process was forked from one that had used a model, which JAX does not survive; start processes by '
            "multiprocessing.get_context('spawn'), or use the model in them only"
        )


def enter_process() -> None:
    """Checks the process, and notes that from now on a model has run in it."""
    global _process
    check_process()
    _process = os.getpid()


def make_ready(needed: Sequence[Program]) -> None:
    """Compiles programs, several at a time, or reads them: XLA works beside Python."""
    with futures.ThreadPoolExecutor(len(needed)) as pool:
        list(pool.map(lambda program: program.compiled(), needed))


def programs(config: ml_collections.ConfigDict, weights: Mapping[str, Any], mask: Mapping[str, Any] | None) -> Programs:
    """Returns the programs of a model, by its config and the variables of its Flax modules; without a mask, None."""

    def networks():
        # Flax is imported where a network is traced: it is not needed for programs that are there.
        from fvae_jax.models import fvae

        return fvae.from_config(config).apply, fvae.mask_from_config(config).apply

    def encode(variables, crop):
        apply, _ = networks()
        return apply(variables, crop, method='encode').mean[0], apply(variables, crop, method='features')

    def decode(variables, latent, features):
        apply, _ = networks()
        return jax.tree.map(lambda x: x[0], apply(variables, latent[None], features, method='decode'))

    def mask_encode(variables, crop):
        _, apply = networks()
        return apply(variables, crop, method='features')

    def mask_decode(variables, latent, features):
        _, apply = networks()
        return apply(variables, latent[None], features, method='decode')[0]

    size, channels = config.data.image_size, interface.latent_channels(config)
    crop, displacement, batch, latent = (
        jax.ShapeDtypeStruct(shape, np.float32)
        for shape in ((size, size, 3), (size, size, 2), (1, size, size, 3), (4, 4, channels))
    )
    variables, mask_variables = jax.device_put((weights, mask))
    devices = list(jax.tree.leaves(variables)[0].devices())
    folder = kept.folder(devices)
    key = _once(lambda: kept.key(config_lib.to_json(config), str(LARGEST_CONSTANTS), weights, mask))

    def program(name, *what):
        return Program(lambda: folder and folder / f'{name}-{key()}{kept.SUFFIX}', *what, devices)

    small = sum(leaf.nbytes for leaf in jax.tree.leaves(weights)) <= LARGEST_CONSTANTS
    encoder = program('encode', encode, lambda: (batch,), [variables])
    decoder = program(
        'decode',
        functools.partial(decode, weights) if small else decode,
        lambda: (latent, encoder.traced().out_info[1]),
        [] if small else [variables],
    )
    made = Programs(encoder, decoder, program('move', warp.warp_by_displacement, lambda: (crop, displacement), []))
    if mask is None:
        return made
    judge = program('mask_encode', mask_encode, lambda: (batch,), [mask_variables])
    shapes = lambda: (latent, judge.traced().out_info)
    return made._replace(mask_encode=judge, mask_decode=program('mask_decode', mask_decode, shapes, [mask_variables]))
