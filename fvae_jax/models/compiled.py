"""An FVAE and its mask, compiled for one face at a time."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import ml_collections

from fvae_jax.errors import InputError
from fvae_jax.models import confidence, fvae

# The FVAE's weights up to this size, bytes, are constants of the decoder's program: what is made of them alone is made
# once, and a decode takes a sixth less time. Beyond it they are arguments, since a program with constants takes longer
# to compile and its entry in the cache has 1.6 times the decoder's bytes: as long and 4 MB with weights of 7 MB (the
# model that ships), twice as long and 14 MB with 23 MB, six times as long, a warning and 83 MB with 176 MB.
LARGEST_CONSTANTS = 8 << 20
# The process that has run a program of JAX for us.
_process: int | None = None


class Programs(NamedTuple):
    """What is compiled, each at its first use, for a batch of one.

    Attributes:
      encode: S (1, size, size, 3) → Z(S) (4, 4, C) and the source pyramid.
      decode: Z (4, 4, C) and the source pyramid → `fvae.Decoded`, without the axis of the batch.
      mask_encode: S → the mask's pyramid; None without a mask.
      mask_decode: Z and the mask's pyramid → logits of the confidence, (size, size); None without a mask.
    """

    encode: Callable[..., Any]
    decode: Callable[..., fvae.Decoded]
    mask_encode: Callable[..., Any] | None = None
    mask_decode: Callable[..., Any] | None = None


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


def programs(config: ml_collections.ConfigDict, weights: Mapping[str, Any], mask: Mapping[str, Any] | None) -> Programs:
    """Returns the programs of a model.

    Args:
      config: What the networks were made by.
      weights: Of the FVAE, the variables of its Flax module.
      mask: Of the confidence mask, likewise; None where there is none.
    """
    network = fvae.from_config(config)

    def encode(variables, crop):
        posterior = network.apply(variables, crop, method='encode')
        return posterior.mean[0], network.apply(variables, crop, method='features')

    def decode(variables, latent, features):
        decoded = network.apply(variables, latent[None], features, method='decode')
        return jax.tree.map(lambda x: x[0], decoded)

    variables = jax.device_put(weights)
    small = sum(leaf.nbytes for leaf in jax.tree.leaves(weights)) <= LARGEST_CONSTANTS
    made = Programs(
        functools.partial(jax.jit(encode), variables),
        jax.jit(functools.partial(decode, weights)) if small else functools.partial(jax.jit(decode), variables),
    )
    if mask is None:
        return made
    judge = confidence.from_config(config)
    variables = jax.device_put(mask)
    mask_encode = jax.jit(lambda v, crop: judge.apply(v, crop, method='features'))
    mask_decode = jax.jit(lambda v, latent, features: judge.apply(v, latent[None], features, method='decode')[0])
    return made._replace(
        mask_encode=functools.partial(mask_encode, variables), mask_decode=functools.partial(mask_decode, variables)
    )
