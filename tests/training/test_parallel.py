"""One device, eight with jit, eight with pmap: the same training, batch normalisation included."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fvae_jax import config as config_lib
from fvae_jax.errors import InputError
from fvae_jax.training import parallel, state as state_lib, steps


def _config(dtype='float32', parts=1):
    config = config_lib.default_config()
    config.data.image_size = 64
    config.model.width = 4
    config.model.latent_channels = 8
    config.model.dtype = dtype
    config.train.batch_size = 16
    config.train.accumulate_steps = parts
    return config


def _batches(count, dtype):
    """Smooth random pictures, so that the flow has something to follow."""
    rng = np.random.default_rng(0)
    for step in range(count):
        coarse = rng.uniform(-1, 1, (2, 16, 8, 8, 3))
        source, target = np.asarray(jax.image.resize(coarse, (2, 16, 64, 64, 3), 'linear'), dtype)
        yield {'source': source, 'target': target, 'index': np.arange(16, dtype=np.int32) + 16 * step}


@functools.cache
def _train(kind, devices, count, dtype='float32', step_of=steps.make_train_step, parts=1):
    config = _config(dtype, parts)
    strategy = parallel.make_strategy(kind, jax.devices()[:devices] if devices else None)
    state = strategy.place(jax.jit(lambda: state_lib.create_state(config))())
    step = strategy.compile(step_of(config))
    losses = []
    for batch in _batches(count, dtype):
        rows = parallel.local_rows(len(batch['index']))
        state, metrics = step(state, strategy.shard({name: value[rows] for name, value in batch.items()}))
        losses.append(float(strategy.first(metrics)['loss']))
    return np.asarray(losses), jax.device_get(strategy.fetch(state))


def _furthest(a, b):
    differences = jax.tree.map(
        lambda x, y: np.abs(np.asarray(x, np.float64) - np.asarray(y, np.float64)).max(),
        (a.params, a.batch_stats),
        (b.params, b.batch_stats),
    )
    return max(jax.tree.leaves(differences))


@pytest.mark.parametrize('parts', [1, 2])
@pytest.mark.parametrize('kind, devices', [('jit', 8), ('pmap', 8)])
def test_many_devices_train_like_one_in_float32(kind, devices, parts):
    losses, state = _train('jit', 1, 3, parts=parts)
    losses_n, state_n = _train(kind, devices, 3, parts=parts)
    np.testing.assert_allclose(losses_n, losses, rtol=1e-5)
    assert _furthest(state, state_n) < 1e-5


def test_a_batch_in_parts_is_the_mean_over_them():
    """Without batch statistics a batch in four parts is the batch at once; with them it is not."""

    def grouped(parts, norm):
        config = _config(parts=parts)
        config.model.norm = norm
        strategy = parallel.make_strategy('jit', jax.devices()[:1])
        state = strategy.place(jax.jit(lambda: state_lib.create_state(config))())
        state, metrics = strategy.compile(steps.make_train_step(config))(
            state, strategy.shard(next(_batches(1, 'float32')))
        )
        return {name: float(value) for name, value in metrics.items()}, jax.device_get(state)

    (whole, state), (parted, state_4) = grouped(1, 'group'), grouped(4, 'group')
    assert parted == pytest.approx(whole, rel=1e-4) and _furthest(state, state_4) < 1e-5
    (whole, _), (parted, _) = grouped(1, 'batch'), grouped(4, 'batch')
    assert parted['gradient_norm'] != pytest.approx(whole['gradient_norm'], rel=1e-3)


def _unsynchronised(config):
    """The control: a step whose batch normalisation looks at its own device only."""
    step = steps.make_train_step(config)

    def train_step(state, batch, *, axis_name):
        state, metrics = step(state, batch)
        params, stats, metrics = jax.lax.pmean((state.params, state.batch_stats, metrics), axis_name)
        return state.replace(params=params, batch_stats=stats), metrics

    return train_step


def test_the_comparison_notices_batch_statistics_that_are_not_synchronised():
    losses, state = _train('jit', 1, 3)
    losses_8, state_8 = _train('pmap', 8, 3, step_of=_unsynchronised)
    assert np.abs(losses_8 / losses - 1).max() > 1e-4 and _furthest(state, state_8) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize('parts', [1, 2])
@pytest.mark.parametrize('kind', ['jit', 'pmap'])
def test_many_devices_train_like_one_over_twenty_steps_in_float64(kind, parts):
    with jax.enable_x64(True):
        losses, state = _train('jit', 1, 20, 'float64', parts=parts)
        for devices in (2, 4, 8):
            losses_n, state_n = _train(kind, devices, 20, 'float64', parts=parts)
            np.testing.assert_allclose(losses_n, losses, rtol=1e-9)
            assert _furthest(state, state_n) < 1e-9
        assert _furthest(state, _train('pmap', 8, 20, 'float64', _unsynchronised)[1]) > 1e-6


def test_noise_belongs_to_the_example_and_not_to_its_place():
    key = state_lib.stream(3, 'latent', 7)
    index = jnp.asarray([4, 9, 2])
    noise = state_lib.example_noise(key, index, (4, 4, 8), jnp.float32)
    swapped = state_lib.example_noise(key, index[::-1], (4, 4, 8), jnp.float32)
    np.testing.assert_array_equal(noise, swapped[::-1])
    assert np.abs(noise[0] - noise[1]).max() > 0.1
    other = state_lib.example_noise(state_lib.stream(3, 'latent', 8), index, (4, 4, 8), jnp.float32)
    assert np.abs(noise - other).max() > 0.1


def test_gradients_are_clipped_by_value():
    config = _config()
    optimizer = state_lib.make_optimizer(config, config.train.steps)
    params = {'w': jnp.zeros(3)}
    state = optimizer.init(params)
    _, state = optimizer.update({'w': jnp.asarray([100.0, -100.0, 1.0])}, state, params)
    first_moment = next(leaf for leaf in jax.tree.leaves(state) if leaf.shape == (3,))
    np.testing.assert_allclose(first_moment, [0.5, -0.5, 0.1], rtol=1e-6)


def test_a_batch_that_does_not_divide_is_refused_with_sizes_that_do():
    with pytest.raises(
        InputError, match='config.train.batch_size = 12 does not divide by the 8 devices here; use 8 or 16'
    ):
        config = _config()
        config.train.batch_size = 12
        parallel.check_batch_size(config)
