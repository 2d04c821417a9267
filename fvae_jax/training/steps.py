"""The training step of the FVAE and its forward pass: pure functions of state and batch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax

from fvae_jax import losses
from fvae_jax.models import fvae, networks
from fvae_jax.training import state as state_lib

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


def apply_gradients(
    state: state_lib.TrainState,
    gradients: Any,
    batch_stats: Any,
    optimizer: optax.GradientTransformation,
    metrics: Metrics,
) -> tuple[state_lib.TrainState, Metrics]:
    """Takes one step of the optimizer with gradients that are averaged already; adds their norm to the metrics."""
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    state = state.replace(
        step=state.step + 1,
        params=optax.apply_updates(state.params, updates),
        batch_stats=batch_stats,
        opt_state=opt_state,
    )
    return state, {**metrics, 'gradient_norm': optax.tree.norm(gradients)}


def accumulate(
    gradient_of: Callable[[Any, Batch], tuple[Any, Any, Metrics]], batch_stats: Any, batch: Batch, parts: int
) -> tuple[Any, Any, Metrics]:
    """Goes through a batch in several parts, one after the other, so that only one has to fit into memory.

    Part j holds rows j, j + parts, … of the batch: spread over devices in blocks of rows, every device has its share of
    every part, and a part holds the same examples for any number of devices. Each part is normalized by its own
    statistics (5.3), so a batch in parts is not quite the batch at once.

    Args:
      gradient_of: `(batch_stats, batch) -> (gradients, batch_stats, metrics)`, means over the batch.
      batch_stats: The running statistics, updated part by part.
      batch: Its rows divide by `parts`.
      parts: `config.train.accumulate_steps`.

    Returns:
      Gradients, running statistics and metrics as of `gradient_of`, for the whole batch.
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


def make_train_step(config: ml_collections.ConfigDict) -> Callable[..., tuple[state_lib.TrainState, Metrics]]:
    """Returns `train_step(state, batch, *, axis_name=None) -> (state, metrics)`.

    A batch has `source` and `target`, (B, H, W, 3) in [-1, 1], and `index`, (B,), the examples' positions
    in the training stream. Metrics are means over the global batch. With `axis_name` the batch is one
    device's share: gradients, batch statistics and metrics are averaged over that axis, gradients
    before they are clipped.
    """
    model = networks.from_config(config)
    optimizer = state_lib.make_optimizer(config, config.train.steps)

    def train_step(state: state_lib.TrainState, batch: Batch, *, axis_name: str | None = None):
        network = model.clone(style=model.style._replace(axis_name=axis_name))
        dtype = jnp.promote_types(model.style.dtype, jnp.float32)
        batch = {**batch, 'source': batch['source'].astype(dtype), 'target': batch['target'].astype(dtype)}
        noise = state_lib.example_noise(
            state_lib.stream(config.seed, 'latent', state.step), batch['index'], (4, 4, model.latent_channels), dtype
        )

        def gradient_of(batch_stats, batch):
            def objective(params):
                output, changed = network.apply(
                    {'params': params, 'batch_stats': batch_stats},
                    batch['source'],
                    batch['target'],
                    batch['noise'],
                    train=True,
                    mutable=['batch_stats'],
                )
                terms = losses.fvae_terms(batch, output, config.loss)
                loss = jnp.mean(losses.total(terms, config.loss))
                means = {name: jnp.mean(value) for name, value in terms._asdict().items()}
                return loss, (changed['batch_stats'], means)

            (loss, (batch_stats, metrics)), gradients = jax.value_and_grad(objective, has_aux=True)(state.params)
            return gradients, batch_stats, {'loss': loss, **metrics}

        gradients, batch_stats, metrics = accumulate(
            gradient_of, state.batch_stats, {**batch, 'noise': noise}, config.train.accumulate_steps
        )
        if axis_name is not None:
            gradients, metrics = jax.lax.pmean((gradients, metrics), axis_name)
        return apply_gradients(state, gradients, batch_stats, optimizer, metrics)

    return train_step


def make_forward(config: ml_collections.ConfigDict) -> Callable[[dict, jax.Array, jax.Array], fvae.Output]:
    """Returns `forward(variables, source, target)`: g(S, μ(T)) with running statistics."""
    model = networks.from_config(config)
    return lambda variables, source, target: model.apply(variables, source, target)
