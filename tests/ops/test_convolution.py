"""The convolutions over blocks against the printed ones, over the large images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fvae_jax.ops import convolution


def _plain(x, kernel, stride=1):
    return lax.conv_general_dilated(x, kernel, (stride, stride), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))


def _enlarged(x, kernel):
    return _plain(jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), kernel)


# Ours, the printed form, side of the filter, and how a side of the input becomes one of the output.
_FORMS = {
    'upsampled': (lambda x, k: convolution.join(convolution.convolve_upsampled(x, k)), _enlarged, 3, lambda n: 2 * n),
    'halved': (convolution.convolve_halved, lambda x, k: _plain(x, k, 2), 5, lambda n: n // 2),
    'blocks': (lambda x, k: convolution.convolve_blocks(convolution.split(x), k), _plain, 5, lambda n: n),
}


def _arrays(form, shape, features, dtype):
    *_, side, sized = _FORMS[form]
    generator = np.random.default_rng(0)
    shapes = shape, (side, side, shape[-1], features), (shape[0], sized(shape[1]), sized(shape[2]), features)
    return [generator.normal(size=s).astype(dtype) for s in shapes]


@pytest.mark.parametrize('form', _FORMS)
@pytest.mark.parametrize(
    'shape, features', [((2, 4, 4, 3), 5), ((1, 6, 8, 2), 1), ((3, 2, 2, 4), 6), ((2, 16, 16, 8), 4)]
)
def test_value_and_gradients_are_those_of_the_printed_order(form, shape, features):
    x, kernel, weight = _arrays(form, shape, features, np.float32)

    def both(convolve):
        value, pull = jax.vjp(convolve, x, kernel)
        return value, *pull(jnp.asarray(weight))

    for ours, printed in zip(both(_FORMS[form][0]), both(_FORMS[form][1])):
        np.testing.assert_allclose(ours, printed, rtol=1e-4, atol=2e-4)


def test_an_enlarged_image_may_have_odd_sides():
    x, kernel, _ = _arrays('upsampled', (1, 5, 7, 2), 3, np.float32)
    np.testing.assert_allclose(_FORMS['upsampled'][0](x, kernel), _enlarged(x, kernel), rtol=1e-4, atol=1e-4)


def test_each_parity_reads_its_own_taps():
    # One bright pixel and a kernel of nine different numbers: every tap can be read off the result.
    x = np.zeros((1, 3, 3, 1), np.float32)
    x[0, 1, 1, 0] = 1
    kernel = np.arange(1, 10, dtype=np.float32).reshape(3, 3, 1, 1)
    result = np.asarray(convolution.join(convolution.convolve_upsampled(x, kernel)))[0, ..., 0]
    np.testing.assert_array_equal(result[1:5, 1:5], [[9, 17, 15, 7], [15, 28, 24, 11], [9, 16, 12, 5], [3, 5, 3, 1]])
    assert result[0].sum() == result[:, 5].sum() == 0


def test_blocks_are_squares_of_the_image():
    x = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    blocks = convolution.split(jnp.asarray(x))
    np.testing.assert_array_equal(blocks[1, 1, 2], x[1, 2:4, 4:6])
    np.testing.assert_array_equal(convolution.join(blocks), x)


@pytest.mark.parametrize('form', _FORMS)
def test_double_precision_is_kept(form):
    with jax.enable_x64():
        x, kernel, _ = _arrays(form, (1, 4, 4, 2), 3, np.float64)
        assert _FORMS[form][0](x, kernel).dtype == jnp.float64
        np.testing.assert_allclose(_FORMS[form][0](x, kernel), _FORMS[form][1](x, kernel), rtol=1e-12, atol=1e-12)
