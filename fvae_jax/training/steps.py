"""Training steps: pure functions of state and batch."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import optax

from fvae_jax import losses
from fvae_jax.models import fvae, interface
from fvae_jax.training import state as state_lib

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


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
    objective: Callable[[Callable, Batch, state_lib.TrainState], tuple[jax.Array, Any, Metrics]],
) -> Callable[..., tuple[state_lib.TrainState, Metrics]]:
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
    optimizer = state_lib.make_optimizer(config, steps)

    def train_step(state: state_lib.TrainState, batch: Batch, *, axis_name: str | None = None):
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


def make_train_step(config: ml_collections.ConfigDict) -> Callable[..., tuple[state_lib.TrainState, Metrics]]:
    """Returns the step of the FVAE; see `make_step`."""
    model, shape = fvae.from_config(config), (4, 4, interface.latent_channels(config))
    dtype = jnp.promote_types(model.style.dtype, jnp.float32)

    def objective(apply: Callable, batch: Batch, state: state_lib.TrainState):
        batch = {**batch, 'source': batch['source'].astype(dtype), 'target': batch['target'].astype(dtype)}
        key = state_lib.stream(config.seed, 'latent', state.step)
        noise = state_lib.example_noise(key, batch['index'], shape, dtype)
        output, changed = apply(batch['source'], batch['target'], noise)
        terms = losses.fvae_terms(batch, output, config.loss)
        means = {name: jnp.mean(value) for name, value in terms._asdict().items()}
        return jnp.mean(losses.total(terms, config.loss)), changed, means

    return make_step(config, model, config.train.steps, objective)
