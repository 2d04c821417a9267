"""Lines are smoothed and read as by SciPy."""

import numpy as np
import pytest
from scipy import ndimage

from fvae_jax.ops import lines

RNG = np.random.default_rng(0)


@pytest.mark.parametrize('count', [1, 2, 7, 300])
@pytest.mark.parametrize('deviation', [0.3, 2.4, 20.0])
def test_a_gaussian(count, deviation):
    line = RNG.normal(size=count)
    expected = ndimage.gaussian_filter1d(line, deviation, mode='nearest')
    np.testing.assert_allclose(lines.smooth(line, deviation), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(lines.smooth(np.ones(count), deviation), 1, rtol=0, atol=1e-14)


@pytest.mark.parametrize('reach', [0, 1, 4, 9, 30])
def test_the_highest_on_one_side_and_on_both(reach):
    values = RNG.normal(size=(23, 5)).astype(np.float32)
    filtered = lambda size, origin: ndimage.maximum_filter1d(values, size, axis=0, origin=origin, mode='nearest')
    if reach % 2 == 0:
        np.testing.assert_array_equal(lines.highest(values, reach, 0), filtered(reach + 1, reach // 2))
        np.testing.assert_array_equal(lines.highest(values, 0, reach), filtered(reach + 1, -(reach // 2)))
    np.testing.assert_array_equal(lines.highest(values, reach, reach), filtered(2 * reach + 1, 0))
    np.testing.assert_array_equal(lines.highest(values[:, 0], 1, 1), lines.highest(values, 1, 1)[:, 0])


@pytest.mark.parametrize('shape', [(1, 1), (1, 6), (9, 1), (9, 6)])
def test_reading_between_pixels_and_past_the_edges(shape):
    image = RNG.normal(size=shape).astype(np.float32)
    rows, columns = RNG.uniform(-3, 12, (2, 4, 50))
    expected = ndimage.map_coordinates(image, [rows, columns], order=1, mode='nearest')
    found = lines.read(image, rows, columns)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    every = np.indices(shape)
    np.testing.assert_array_equal(lines.read(image, *every), image)
