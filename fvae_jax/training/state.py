"""The training state, the optimizer and the random streams."""

import zlib
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import ml_collections
import optax

from fvae_jax.models import confidence, fvae, interface


@flax.struct.dataclass
class TrainState:
    """Everything that a step changes.

    Attributes:
      step: Steps done, int32 scalar.
      params: Weights.
      batch_stats: Running statistics of the normalizations.
      opt_state: Adam's moments.
      frozen: What a step reads and never changes; for the mask 'fvae', the variables of the FVAE that it
        judges, and 'beta', β of Eq. 7.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any
    frozen: Any = flax.struct.field(default_factory=dict)

    @property
    def variables(self) -> dict[str, Any]:
        """What `module.apply` takes."""
        return {'params': self.params, 'batch_stats': self.batch_stats}


def stream(seed: int, name: str, step: jax.Array | int = 0) -> jax.Array:
    """Returns the key of one random stream at one step: fold_in(fold_in(seed, name), step)."""
    key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()) & 0x7FFFFFFF)
    return jax.random.fold_in(key, step)


def example_noise(key: jax.Array, index: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Standard normal noise per example, (B, *shape), keyed by the example and not by its place in a shard.

    The key is that of the stream, and `index`, (B,) integers, the position of each example in the training stream.
    """
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index.astype(jnp.uint32))
    return jax.vmap(lambda k: jax.random.normal(k, shape, dtype))(keys)


def make_optimizer(config: ml_collections.ConfigDict, steps: int) -> optax.GradientTransformation:
    """Adam with gradients clipped by value (5.4); a cosine schedule ends after so many steps."""
    rate = config.train.learning_rate
    if config.train.schedule == 'cosine':
        rate = optax.cosine_decay_schedule(rate, steps)
    return optax.chain(optax.clip(config.train.clip), optax.adam(rate, config.train.beta1, config.train.beta2))


def create_state(config: ml_collections.ConfigDict) -> TrainState:
    """Initialises the FVAE and Adam from `config.seed`. Call it under jit: shapes are all it needs."""
    image = _images(config)
    variables = fvae.from_config(config).init(stream(config.seed, 'init'), image, image)
    return _state_of(variables, make_optimizer(config, config.train.steps))


def create_mask_state(config: ml_collections.ConfigDict) -> TrainState:
    """Initialises the confidence mask; what it judges is still missing in `frozen`."""
    image = _images(config)
    latent = jnp.zeros((1, 4, 4, interface.latent_channels(config)), image.dtype)
    variables = confidence.from_config(config).init(stream(config.seed, 'init mask'), image, latent)
    return _state_of(variables, make_optimizer(config, config.confidence.steps))


def _images(config: ml_collections.ConfigDict) -> jax.Array:
    return jnp.zeros((1, config.data.image_size, config.data.image_size, 3), config.model.dtype)


def _state_of(variables: Any, optimizer: optax.GradientTransformation) -> TrainState:
    params = variables['params']
    return TrainState(jnp.zeros((), jnp.int32), params, variables['batch_stats'], optimizer.init(params))
