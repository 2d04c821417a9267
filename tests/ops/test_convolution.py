"""The folded convolution against the printed order: enlarge, then convolve."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fvae_jax.ops import convolution


def _printed(x, kernel):
    large = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
    return lax.conv_general_dilated(large, kernel, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))


@pytest.mark.parametrize('shape, features', [((2, 4, 4, 3), 5), ((1, 5, 7, 2), 1), ((3, 1, 2, 4), 6), ((2, 16, 16, 8), 4)])
def test_value_and_gradients_are_those_of_the_printed_order(shape, features):
    generator = np.random.default_rng(0)
    x = generator.normal(size=shape).astype(np.float32)
    kernel = generator.normal(size=(3, 3, shape[-1], features)).astype(np.float32)
    weight = generator.normal(size=(shape[0], 2 * shape[1], 2 * shape[2], features)).astype(np.float32)

    def both(convolve):
        value, pull = jax.vjp(convolve, x, kernel)
        return value, *pull(jnp.asarray(weight))

    for ours, printed in zip(both(convolution.convolve_upsampled), both(_printed)):
        np.testing.assert_allclose(ours, printed, rtol=1e-4, atol=2e-4)


def test_each_parity_reads_its_own_taps():
    # One bright pixel and a kernel of nine different numbers: every tap can be read off the result.
    x = np.zeros((1, 3, 3, 1), np.float32)
    x[0, 1, 1, 0] = 1
    kernel = np.arange(1, 10, dtype=np.float32).reshape(3, 3, 1, 1)
    result = np.asarray(convolution.convolve_upsampled(x, kernel))[0, ..., 0]
    np.testing.assert_array_equal(result[1:5, 1:5], [[9, 17, 15, 7], [15, 28, 24, 11], [9, 16, 12, 5], [3, 5, 3, 1]])
    assert result[0].sum() == result[:, 5].sum() == 0


def test_double_precision_is_kept():
    with jax.enable_x64():
        x = np.random.default_rng(1).normal(size=(1, 4, 4, 2))
        kernel = np.random.default_rng(2).normal(size=(3, 3, 2, 3))
        assert convolution.convolve_upsampled(x, kernel).dtype == jnp.float64
        np.testing.assert_allclose(convolution.convolve_upsampled(x, kernel), _printed(x, kernel), rtol=1e-12, atol=1e-12)
