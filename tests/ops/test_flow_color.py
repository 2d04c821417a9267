"""The colors of flow: white at rest, hue by direction, saturation by length."""

import colorsys

import numpy as np
import pytest

from fvae_jax.errors import InputError
from fvae_jax.ops.flow_color import color_wheel, flow_to_color


def test_colors_follow_hue_and_saturation():
    rng = np.random.default_rng(0)
    field = rng.uniform(-6, 6, (9, 11, 2)).astype(np.float32)
    picture = flow_to_color(field, 5)
    assert picture.shape == (9, 11, 3) and picture.dtype == np.uint8
    for (x, y), color in zip(field.reshape(-1, 2), picture.reshape(-1, 3)):
        hue = np.arctan2(y, x) / (2 * np.pi) % 1
        expected = colorsys.hsv_to_rgb(hue, min(np.hypot(x, y) / 5, 1), 1)
        np.testing.assert_allclose(color, 255 * np.array(expected), atol=0.51)


def test_rest_is_white_and_axes_have_their_colors():
    field = np.array([[[0, 0], [2, 0], [0, 2], [-2, 0], [0, -2], [200, 0]]], np.float32)
    np.testing.assert_array_equal(
        flow_to_color(field, 2)[0],
        [[255, 255, 255], [255, 0, 0], [128, 255, 0], [0, 255, 255], [128, 0, 255], [255, 0, 0]],
    )


def test_maximum_is_absolute_not_relative():
    field = np.full((1, 1, 2), [1, 0], np.float32)
    np.testing.assert_array_equal(flow_to_color(field, 4)[0, 0], [255, 191, 191])
    np.testing.assert_array_equal(flow_to_color(field, 8)[0, 0], [255, 223, 223])


def test_unknown_flow_is_black():
    field = np.array([[[np.nan, 1], [np.inf, 0], [0, 0]]])
    np.testing.assert_array_equal(flow_to_color(field, 1)[0], [[0] * 3, [0] * 3, [255] * 3])


@pytest.mark.parametrize('size', [1, 32, 33])
def test_wheel_is_the_legend(size):
    wheel = color_wheel(size)
    assert wheel.shape == (size, size, 3)
    middle = size // 2
    assert wheel[middle, middle].min() > 240
    if size > 1:
        np.testing.assert_array_equal(wheel[0, 0], [255, 255, 255])
        red, green, blue = wheel[middle, -1].astype(int)
        assert red == 255 and green < 20 and blue < 20
        assert wheel[-1, middle].argmax() == 1 and wheel[middle, 0, 0] < 20


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match='max_magnitude is 0'):
        flow_to_color(np.zeros((2, 2, 2)), 0)
