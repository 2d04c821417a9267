"""Eq. 3, 4 and 6 against plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fvae_jax import losses


def _coherence_by_loops(flow, target, alpha, sigma):
    """Eq. 6 word for word: for every i, for every j in its 7×7 window that lies in the image."""
    height, width = flow.shape[:2]
    radius, total = 3, 0.0
    for iy in range(height):
        for ix in range(width):
            for jy in range(max(0, iy - radius), min(height, iy + radius + 1)):
                for jx in range(max(0, ix - radius), min(width, ix + radius + 1)):
                    color = np.sum((target[iy, ix] - target[jy, jx]) ** 2)
                    distance = ((iy - jy) ** 2 + (ix - jx) ** 2) / sigma**2
                    total += np.sum((flow[iy, ix] - flow[jy, jx]) ** 2) * np.exp(-(alpha * color + distance))
    return total


@pytest.mark.parametrize('alpha, sigma', [(10.0, 1.0), (1.0, 64.0), (3.0, 2.0), (0.0, 3.0)])
def test_coherence_equals_the_double_loop(alpha, sigma):
    rng = np.random.default_rng(0)
    flow = rng.normal(size=(2, 9, 11, 2)).astype(np.float32)
    target = rng.uniform(-1, 1, (2, 9, 11, 3)).astype(np.float32)
    found = losses.coherence(flow, target, alpha=alpha, sigma=sigma)
    expected = [
        _coherence_by_loops(f.astype(np.float64), t.astype(np.float64), alpha, sigma) for f, t in zip(flow, target)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_coherence_of_a_shift_is_zero_and_its_gradient_spares_the_target():
    target = jax.random.uniform(jax.random.key(0), (1, 8, 8, 3))
    assert losses.coherence(jnp.full((1, 8, 8, 2), 3.0), target)[0] == 0
    flow = jax.random.normal(jax.random.key(1), (1, 8, 8, 2))
    by_flow, by_target = jax.grad(lambda f, t: losses.coherence(f, t).sum(), (0, 1))(flow, target)
    assert np.abs(by_flow).max() > 0 and not np.any(by_target)


def test_coherence_takes_each_weight_once():
    """On a CPU one loop computes both components; what takes them apart is kept out of it by a branch."""
    shapes = [jax.ShapeDtypeStruct((1, 8, 8, channels), jnp.float32) for channels in (2, 3)]
    gradient = jax.jit(jax.grad(lambda flow, target: losses.coherence(flow, target).sum()))
    program = gradient.lower(*shapes).compile().as_text()
    assert ' conditional(' in program and program.count(' exponential(') == 7 * 7 - 1


def test_coherence_gradient_equals_finite_differences():
    rng = np.random.default_rng(1)
    flow, target = rng.normal(size=(1, 8, 9, 2)), rng.uniform(-1, 1, (1, 8, 9, 3))
    gradient = jax.grad(lambda f: losses.coherence(f, target, alpha=2.0).sum())(jnp.asarray(flow, jnp.float32))
    for y, x, c in [(0, 0, 0), (3, 4, 1), (7, 8, 0), (2, 8, 1)]:
        step = np.zeros_like(flow)
        step[0, y, x, c] = 1e-3
        up, down = (_coherence_by_loops((flow + s * step)[0], target[0], 2.0, 1.0) for s in (1, -1))
        np.testing.assert_allclose(gradient[0, y, x, c], (up - down) / 2e-3, rtol=1e-3)


def test_coherence_forgives_motion_across_an_edge():
    flow = jnp.zeros((1, 8, 8, 2)).at[:, :, 4:].set(2.0)
    flat = jnp.zeros((1, 8, 8, 3))
    edge = flat.at[:, :, 4:].set(1.0)
    assert losses.coherence(flow, edge)[0] < 1e-3 * losses.coherence(flow, flat)[0]


def test_prior_is_twice_the_kl_divergence():
    mean, log_variance = np.random.default_rng(0).normal(size=(2, 3, 4, 4, 5)).astype(np.float32)
    variance = np.exp(log_variance)
    kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum((1, 2, 3))
    np.testing.assert_allclose(losses.prior(mean, log_variance), 2 * kl, rtol=1e-5)
    assert losses.prior(jnp.zeros((1, 4)), jnp.zeros((1, 4)))[0] == 0


def test_reconstruction_is_a_sum():
    target, output = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 3)).astype(np.float32)
    summed = ((target - output) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(losses.reconstruction(target, output), summed, rtol=1e-6)


def test_content_is_paid_for_and_known_exposure_teaches_alpha():
    logit = jnp.asarray(np.random.default_rng(0).normal(size=(3, 8, 6)), jnp.float32)
    alpha = 1 / (1 + np.exp(-np.asarray(logit, np.float64)))
    np.testing.assert_allclose(losses.content_price(logit), alpha.sum((1, 2)), rtol=1e-5)
    exposed = np.random.default_rng(1).random((3, 8, 6)) < 0.3
    expected = -np.where(exposed, np.log(alpha), np.log(1 - alpha)).sum((1, 2))
    known = np.broadcast_to([[[True]], [[False]], [[True]]], exposed.shape)
    np.testing.assert_allclose(losses.exposure(logit, exposed, known), expected * [1, 0, 1], rtol=1e-5)
    # The right answer costs next to nothing, its opposite much.
    sure = jnp.where(exposed, 9.0, -9.0)
    assert losses.exposure(sure, exposed, known).max() < 0.1 < 100 < losses.exposure(-sure, exposed, known)[0]


def test_the_flow_error_counts_pixels_that_have_a_source_in_examples_that_know():
    rng = np.random.default_rng(2)
    flow, truth = rng.normal(size=(2, 3, 8, 6, 2)).astype(np.float32)
    exposed, known = rng.random((3, 8, 6)) < 0.3, rng.random((3, 8, 6)) < 0.8
    expected = (np.square(flow - truth).sum(-1) * ~exposed * known).sum((1, 2))
    np.testing.assert_allclose(losses.flow_error(flow, truth, exposed, known), expected, rtol=1e-5)
    wrong_where_new = truth + 100 * exposed[..., None]
    np.testing.assert_allclose(losses.flow_error(wrong_where_new, truth, exposed, known), 0, atol=1e-6)
