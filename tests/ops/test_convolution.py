"""The convolutions as a CPU computes them, over blocks, against those of other platforms, over the large images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fvae_jax.ops import convolution


def _last_layers(x, kernel, bias, last_kernel, last_bias):
    """The decoder's last two layers, layer by layer as printed."""
    hidden = jax.nn.relu(_enlarged(x, kernel) + bias[None, None, None])
    return convolution.convolve(hidden, last_kernel) + last_bias[None, None, None]


def _enlarged(x, kernel):
    return convolution.convolve(jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), kernel)


def _printed(x, kernel, stride=1):
    return jax.lax.conv_general_dilated(x, kernel, (stride, stride), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))


# Ours, the printed form, sides of the filters, and how a side of the input becomes one of the output.
_FORMS = {
    'upsampled': (convolution.convolve_upsampled, _enlarged, [3], lambda n: 2 * n),
    'halved': (lambda x, k: convolution.convolve(x, k, 2), lambda x, k: _printed(x, k, 2), [5], lambda n: n // 2),
    'last layers': (convolution.last_layers, _last_layers, [3, 5], lambda n: 2 * n),
}


def _arrays(form, shape, features, dtype):
    """An input, filters (with biases where there are two) and weights for the output."""
    *_, sides, sized = _FORMS[form]
    generator, channels, arrays = np.random.default_rng(0), shape[-1], [shape]
    for side in sides:
        arrays += [(side, side, channels, features), *[(features,)] * (len(sides) > 1)]
        channels = features
    arrays.append((shape[0], sized(shape[1]), sized(shape[2]), features))
    return [generator.normal(size=s).astype(dtype) for s in arrays]


@pytest.mark.parametrize('form', _FORMS)
@pytest.mark.parametrize(
    'shape, features', [((2, 4, 4, 3), 5), ((1, 6, 8, 2), 1), ((3, 2, 2, 4), 6), ((2, 16, 16, 8), 4)]
)
def test_value_and_gradients_are_those_of_the_printed_order(form, shape, features):
    *arrays, weight = _arrays(form, shape, features, np.float32)

    def both(convolve):
        value, pull = jax.vjp(jax.jit(convolve), *arrays)
        return value, *pull(jnp.asarray(weight))

    for ours, printed in zip(both(_FORMS[form][0]), both(_FORMS[form][1]), strict=True):
        np.testing.assert_allclose(ours, printed, rtol=1e-4, atol=2e-4 * max(1, np.abs(printed).max() / 100))


def _convolutions(program, form, platforms):
    """The shapes of all convolutions of a program as it is lowered for some platforms."""
    *arrays, _ = _arrays(form, (2, 8, 8, 4), 6, np.float32)
    text = jax.export.export(jax.jit(program), platforms=platforms)(*arrays).mlir_module()
    return sorted(
        line.rpartition(' : ')[2].partition(' loc(')[0] for line in text.splitlines() if 'stablehlo.convolution' in line
    )


@pytest.mark.parametrize('form', _FORMS)
def test_only_a_cpu_gets_the_tuned_form(form):
    """Elsewhere value and gradients become the convolutions of the printed form; an export for both has both."""
    ours, printed, *_ = _FORMS[form]
    for program in (lambda f: f, lambda f: jax.grad(lambda *arrays: jnp.sum(jnp.sin(f(*arrays))), argnums=(0, 1))):
        expected = _convolutions(program(printed), form, ['cpu'])
        assert _convolutions(program(ours), form, ['cuda']) == _convolutions(program(ours), form, ['tpu']) == expected
        tuned = _convolutions(program(ours), form, ['cpu'])
        assert tuned != expected
        assert set(_convolutions(program(ours), form, ['cpu', 'cuda'])) == {*tuned, *expected}


def test_an_enlarged_image_may_have_odd_sides():
    x, kernel, _ = _arrays('upsampled', (1, 5, 7, 2), 3, np.float32)
    np.testing.assert_allclose(_FORMS['upsampled'][0](x, kernel), _enlarged(x, kernel), rtol=1e-4, atol=1e-4)


def test_each_parity_reads_its_own_taps():
    # One bright pixel and a kernel of nine different numbers: every tap can be read off the result.
    x = np.zeros((1, 3, 3, 1), np.float32)
    x[0, 1, 1, 0] = 1
    kernel = np.arange(1, 10, dtype=np.float32).reshape(3, 3, 1, 1)
    result = np.asarray(convolution.convolve_upsampled(x, kernel))[0, ..., 0]
    np.testing.assert_array_equal(result[1:5, 1:5], [[9, 17, 15, 7], [15, 28, 24, 11], [9, 16, 12, 5], [3, 5, 3, 1]])
    assert result[0].sum() == result[:, 5].sum() == 0


@pytest.mark.parametrize('form', _FORMS)
def test_double_precision_is_kept(form):
    with jax.enable_x64():
        *arrays, _ = _arrays(form, (1, 4, 4, 2), 3, np.float64)
        assert _FORMS[form][0](*arrays).dtype == jnp.float64
        np.testing.assert_allclose(_FORMS[form][0](*arrays), _FORMS[form][1](*arrays), rtol=1e-12, atol=1e-12)
