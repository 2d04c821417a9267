"""The training step of the FVAE and its forward pass: pure functions of state and batch."""

from typing import Any, Callable

import jax
import jax.numpy as jnp
import ml_collections
import optax

from fvae_jax import losses
from fvae_jax.models import fvae, networks
from fvae_jax.training import state as state_lib

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


def apply_gradients(state: state_lib.TrainState, gradients: Any, batch_stats: Any,
                    optimizer: optax.GradientTransformation, metrics: Metrics) -> tuple[state_lib.TrainState, Metrics]:
    """Takes one step of the optimizer with gradients that are averaged already; adds their norm to the metrics."""
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    state = state.replace(step=state.step + 1, params=optax.apply_updates(state.params, updates),
                          batch_stats=batch_stats, opt_state=opt_state)
    return state, {**metrics, 'gradient_norm': optax.tree.norm(gradients)}


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
            state_lib.stream(config.seed, 'latent', state.step), batch['index'],
            (4, 4, model.latent_channels), dtype)

        def objective(params):
            output, changed = network.apply(
                {'params': params, 'batch_stats': state.batch_stats}, batch['source'], batch['target'], noise, train=True,
                mutable=['batch_stats'])
            terms = losses.fvae_terms(batch, output, config.loss)
            loss = jnp.mean(losses.total(terms, config.loss))
            means = {name: jnp.mean(value) for name, value in terms._asdict().items()}
            return loss, (changed.get('batch_stats', {}), means)

        (loss, (batch_stats, metrics)), gradients = jax.value_and_grad(objective, has_aux=True)(state.params)
        metrics = {'loss': loss, **metrics}
        if axis_name is not None:
            gradients, metrics = jax.lax.pmean((gradients, metrics), axis_name)
        return apply_gradients(state, gradients, batch_stats, optimizer, metrics)

    return train_step


def make_forward(config: ml_collections.ConfigDict) -> Callable[[dict, jax.Array, jax.Array], fvae.Output]:
    """Returns `forward(variables, source, target)`: g(S, μ(T)) with running statistics."""
    model = networks.from_config(config)
    return lambda variables, source, target: model.apply(variables, source, target)
