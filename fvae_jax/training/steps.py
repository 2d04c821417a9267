"""The training state, and the steps, pure functions of state and batch, with the optimizer and the random streams."""

import functools
import zlib
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import ml_collections
import optax

from fvae_jax import losses
from fvae_jax.models import fvae, interface

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


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
    variables = fvae.mask_from_config(config).init(stream(config.seed, 'init mask'), image, latent)
    return _state_of(variables, make_optimizer(config, config.confidence.steps))


def _images(config: ml_collections.ConfigDict) -> jax.Array:
    return jnp.zeros((1, config.data.image_size, config.data.image_size, 3), config.model.dtype)


def _state_of(variables: Any, optimizer: optax.GradientTransformation) -> TrainState:
    params = variables['params']
    return TrainState(jnp.zeros((), jnp.int32), params, variables['batch_stats'], optimizer.init(params))


def accumulate(
    gradient_of: Callable[[Any, Batch], tuple[Any, Any, Metrics]], batch_stats: Any, batch: Batch, parts: int
) -> tuple[Any, Any, Metrics]:
    """Goes through a batch in several parts, one after the other, so that only one has to fit into memory.

    Part j holds rows j, j + parts, … of the batch: spread over devices in blocks of rows, every device has its share of
    every part, and a part holds the same examples for any number of devices. Each part is normalized by its own
    statistics (5.3), so a batch in parts is not quite the batch at once.

    Args:
      gradient_of: `(batch_stats, batch) -> (gradients, batch_stats, metrics)`, means over the batch. The same is
        returned for the whole batch.
      batch_stats: The running statistics, updated part by part.
      batch: Its rows divide by `parts`.
      parts: `config.train.accumulate_steps`.
    """
    if parts == 1:
        return gradient_of(batch_stats, batch)
    split = jax.tree.map(lambda x: jnp.swapaxes(x.reshape(-1, parts, *x.shape[1:]), 0, 1), batch)

    def add(carry, part):
        batch_stats, sums = carry
        gradients, batch_stats, metrics = gradient_of(batch_stats, part)
        return (batch_stats, jax.tree.map(jnp.add, sums, (gradients, metrics))), None

    gradients, stats, metrics = jax.eval_shape(gradient_of, batch_stats, jax.tree.map(lambda x: x[0], split))
    batch_stats = jax.tree.map(lambda x, shape: x.astype(shape.dtype), batch_stats, stats)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (gradients, metrics))
    (batch_stats, sums), _ = jax.lax.scan(add, (batch_stats, zeros), split)
    gradients, metrics = jax.tree.map(lambda x: x / parts, sums)
    return gradients, batch_stats, metrics


def make_step(
    config: ml_collections.ConfigDict,
    model: nn.Module,
    steps: int,
    objective: Callable[[Callable, Batch, TrainState], tuple[jax.Array, Any, Metrics]],
) -> Callable[..., tuple[TrainState, Metrics]]:
    """Returns `train_step(state, batch, *, axis_name=None) -> (state, metrics)`.

    A batch has `source` and `target`, (B, H, W, 3) in [-1, 1], and `index`, (B,), the examples' positions
    in the training stream. Metrics are means over the global batch. With `axis_name` the batch is one
    device's share: gradients, batch statistics and metrics are averaged over that axis, gradients
    before they are clipped.

    Args:
      config: The experiment.
      model: The network that is trained.
      steps: After how many of them a cosine schedule ends.
      objective: `(apply, batch, state) -> (loss, what else changed, further metrics)`, means over a part of a batch;
        `apply` runs the network with the weights of the moment and the statistics of the batch.
    """
    optimizer = make_optimizer(config, steps)

    def train_step(state: TrainState, batch: Batch, *, axis_name: str | None = None):
        network = model.clone(style=model.style._replace(axis_name=axis_name))

        def gradient_of(batch_stats, batch):
            def loss_of(params):
                variables = {'params': params, 'batch_stats': batch_stats}
                apply = functools.partial(network.apply, variables, train=True, mutable=['batch_stats'])
                loss, changed, metrics = objective(apply, batch, state)
                return loss, (changed['batch_stats'], {'loss': loss, **metrics})

            gradients, (batch_stats_, metrics) = jax.grad(loss_of, has_aux=True)(state.params)
            return gradients, batch_stats_, metrics

        gradients, batch_stats, metrics = accumulate(
            gradient_of, state.batch_stats, batch, config.train.accumulate_steps
        )
        if axis_name is not None:
            gradients, metrics = jax.lax.pmean((gradients, metrics), axis_name)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        state = state.replace(step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state)
        return state, {**metrics, 'gradient_norm': optax.tree.norm(gradients)}

    return train_step


def make_train_step(config: ml_collections.ConfigDict) -> Callable[..., tuple[TrainState, Metrics]]:
    """Returns the step of the FVAE; see `make_step`."""
    model, shape = fvae.from_config(config), (4, 4, interface.latent_channels(config))
    dtype = jnp.promote_types(model.style.dtype, jnp.float32)

    def objective(apply: Callable, batch: Batch, state: TrainState):
        batch = {**batch, 'source': batch['source'].astype(dtype), 'target': batch['target'].astype(dtype)}
        key = stream(config.seed, 'latent', state.step)
        noise = example_noise(key, batch['index'], shape, dtype)
        output, changed = apply(batch['source'], batch['target'], noise)
        terms = losses.fvae_terms(batch, output, config.loss)
        means = {name: jnp.mean(value) for name, value in terms._asdict().items()}
        return jnp.mean(losses.total(terms, config.loss)), changed, means

    return make_step(config, model, config.train.steps, objective)
