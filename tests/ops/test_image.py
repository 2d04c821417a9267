"""Metrics against scikit-image and OpenCV, and exact conversions."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data
import skimage.metrics

from fvae_jax.errors import InputError
from fvae_jax.ops.image import crop_region, laplacian_variance, psnr, ssim, to_float, to_uint8


@pytest.fixture(scope='module')
def photo():
    return skimage.data.astronaut()[20:148, 160:280]


@pytest.fixture(scope='module')
def pairs(photo):
    """Three pairs: noise, blur, and an unrelated picture."""
    clean = to_float(photo)
    noise = np.random.default_rng(0).normal(0, 0.1, clean.shape)
    others = [np.clip(clean + noise, -1, 1), cv2.GaussianBlur(clean, (0, 0), 3), clean[::-1, ::-1]]
    return np.stack([clean] * 3), np.stack(others).astype(np.float32)


def test_every_byte_survives_the_round_trip():
    every = np.arange(256, dtype=np.uint8)
    for array in (every, jnp.asarray(every)):
        floats = to_float(array)
        assert type(floats) is type(array) or isinstance(floats, jax.Array)
        assert floats.dtype == np.float32 and (floats[0], floats[-1]) == (-1, 1)
        np.testing.assert_array_equal(to_uint8(floats), every)
    between = np.array([-1.5, 0.49, 0.51, 254.4, 400]) / 127.5 - 1
    np.testing.assert_array_equal(to_uint8(between), [0, 0, 1, 254, 255])
    with pytest.raises(InputError, match='float32'):
        to_float(np.zeros(3, np.float32))


def test_psnr_is_scikit_images(pairs):
    values = jax.jit(psnr)(*pairs)
    expected = [skimage.metrics.peak_signal_noise_ratio(a, b, data_range=2) for a, b in zip(*pairs)]
    np.testing.assert_allclose(values, expected, atol=1e-3)
    assert np.ptp(expected) > 5
    assert psnr(pairs[0][0], pairs[0][0]) == np.inf
    black = np.full((4, 4, 3), -1.0)
    np.testing.assert_allclose(psnr(black + 0.2, black), 20, atol=1e-4)


def test_ssim_is_scikit_images(pairs):
    values = jax.jit(ssim)(*pairs)
    expected = [
        skimage.metrics.structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=2, channel_axis=-1
        )
        for a, b in zip(*pairs)
    ]
    np.testing.assert_allclose(values, expected, atol=1e-4)
    assert max(expected) < 0.95 and min(expected) < 0.3
    np.testing.assert_allclose(ssim(pairs[0], pairs[0]), np.ones(3), atol=1e-6)
    # The control: the data range matters, so that a copy in [0, 1] would not pass.
    assert abs(ssim(pairs[0][0] / 2, pairs[1][0] / 2) - expected[0]) > 1e-2


def test_regions_are_fractions(photo):
    image = np.arange(100 * 50 * 3).reshape(100, 50, 3)
    np.testing.assert_array_equal(crop_region(image, (0, 1), (0.5, 1)), image[:, 25:])
    assert crop_region(jnp.zeros((2, 5, 64, 64, 3)), (0.62, 0.85), (0.3, 0.7)).shape == (2, 5, 14, 26, 3)
    for rows in ((0.5, 0.5), (0.7, 0.2), (-0.1, 0.5), (0.5, 1.2)):
        with pytest.raises(InputError, match='rows'):
            crop_region(image, rows, (0, 1))


def test_laplacian_variance_is_opencvs_inside(photo):
    luma = to_float(photo).astype(np.float64) @ [0.299, 0.587, 0.114]
    expected = cv2.Laplacian(luma, cv2.CV_64F)[1:-1, 1:-1].var()
    np.testing.assert_allclose(laplacian_variance(to_float(photo)), expected, rtol=1e-4)
    blurred = cv2.GaussianBlur(to_float(photo), (0, 0), 1)
    sharpness = jax.jit(laplacian_variance)(np.stack([to_float(photo), blurred]))
    assert sharpness.shape == (2,) and sharpness[1] < 0.2 * sharpness[0]
