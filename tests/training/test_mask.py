"""The confidence mask: β, what is frozen, how its gain is counted."""

import jax
import numpy as np
import pytest

from configs import synthetic
from fvae_jax import losses
from fvae_jax.training import devices, experiment, mask, steps


@pytest.fixture(scope='module')
def setting(set_cache):
    """The tiny config, its faces and an untrained FVAE."""
    config = synthetic.get_config('tiny')
    config.data.cache = str(set_cache)
    faces = experiment.open_faces(config)
    return config, faces, jax.jit(lambda: steps.create_state(config))()


def test_beta_is_the_mean_squared_error_per_pixel(setting):
    config, faces, state = setting
    pairs = faces.pairs('train', 11)
    found = mask.measure_beta(faces.data, pairs, config, state.variables)
    # An untrained FVAE hardly moves a pixel: its error is that of copying the colour-transferred source.
    from fvae_jax.data import pairs as pairs_lib

    examples = [
        pairs_lib.load_pair(faces.data, int(s), int(t), pairs_lib.Augmentation(), config.data) for s, t in pairs
    ]
    expected = np.mean([np.sum((e['target'] - e['source']) ** 2, -1).mean() for e in examples])
    assert found == pytest.approx(expected, rel=0.02)


def test_a_step_trains_the_mask_and_leaves_the_fvae_alone(setting):
    config, faces, fvae_state = setting
    frozen = {'fvae': jax.device_get(fvae_state.variables), 'beta': np.float32(0.02)}
    strategy = devices.make_strategy('jit')
    before = steps.create_mask_state(config).replace(frozen=frozen)
    step = strategy.compile(mask.make_mask_train_step(config))
    state, losses_seen = strategy.place(before), []
    batches = experiment._batches(config, faces)
    for _ in range(6):
        state, metrics = step(state, strategy.shard(next(batches)))
        losses_seen.append(float(metrics['loss']))
        assert metrics['excess'] <= metrics['loss']
    assert losses_seen[-1] < losses_seen[0]
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(state.frozen), frozen)
    moved = jax.tree.map(lambda a, b: float(np.abs(np.asarray(a) - np.asarray(b)).max()), before.params, state.params)
    assert min(jax.tree.leaves(moved)) > 0


def test_what_a_mask_removes_is_counted_between_the_best_constant_and_the_entropy(setting):
    config, faces, _ = setting
    evaluator = mask.MaskEvaluator(faces, config)
    label = np.random.default_rng(0).beta(0.5, 0.3, (4, 8, 8)).astype(np.float32)

    def removed(guess):
        logits = np.log(guess) - np.log1p(-guess)
        cross = float(np.mean(losses.mask_cross_entropy(label, logits)) / 64)
        means = {
            'label': float(label.mean()),
            'cross_entropy': cross,
            'entropy': float(np.mean(losses.binary_entropy(label))),
        }
        return evaluator._finish(means)['removed']

    assert removed(np.clip(label, 1e-6, 1 - 1e-6)) == pytest.approx(1, abs=1e-3)
    assert removed(np.full_like(label, label.mean())) == pytest.approx(0, abs=1e-3)
    # The control: a mask that trusts the wrong places is worse than a constant.
    assert removed(np.clip(1 - label, 1e-3, 1 - 1e-3)) < -1


def test_soft_labels_follow_equation_7():
    rng = np.random.default_rng(0)
    target, output = rng.uniform(-1, 1, (2, 2, 4, 4, 3)).astype(np.float32)
    expected = np.exp(-((target - output) ** 2).sum(-1) / 0.3)
    np.testing.assert_allclose(losses.soft_label(target, output, 0.3), expected, rtol=1e-5)
    assert not np.any(jax.grad(lambda t: losses.soft_label(t, output, 0.3).sum())(target))
    logits = rng.normal(0, 3, (2, 4, 4)).astype(np.float32)
    m = 1 / (1 + np.exp(-logits.astype(np.float64)))
    by_hand = -(expected * np.log(m) + (1 - expected) * np.log(1 - m)).sum((1, 2))
    np.testing.assert_allclose(losses.mask_cross_entropy(expected, logits), by_hand, rtol=1e-5)
