"""Metrics against scikit-image and OpenCV, exact conversions, and grids that cut nothing off."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data
import skimage.metrics

from fvae_jax.errors import InputError
from fvae_jax.ops import MOUTH, crop_region, image_grid, laplacian_variance, psnr, ssim, to_float, to_uint8, write_png


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
    with pytest.raises(InputError, match='11x11'):
        ssim(np.zeros((10, 40, 3)), np.zeros((10, 40, 3)))


def test_regions_are_fractions(photo):
    image = np.arange(100 * 50 * 3).reshape(100, 50, 3)
    np.testing.assert_array_equal(crop_region(image), image[62:85, 15:35])
    np.testing.assert_array_equal(crop_region(image, *MOUTH), crop_region(image))
    np.testing.assert_array_equal(crop_region(image, (0, 1), (0.5, 1)), image[:, 25:])
    assert crop_region(jnp.zeros((2, 5, 64, 64, 3))).shape == (2, 5, 14, 26, 3)
    for rows in ((0.5, 0.5), (0.7, 0.2), (-0.1, 0.5), (0.5, 1.2)):
        with pytest.raises(InputError, match='rows'):
            crop_region(image, rows)


def test_laplacian_variance_is_opencvs_inside(photo):
    luma = to_float(photo).astype(np.float64) @ [0.299, 0.587, 0.114]
    expected = cv2.Laplacian(luma, cv2.CV_64F)[1:-1, 1:-1].var()
    np.testing.assert_allclose(laplacian_variance(to_float(photo)), expected, rtol=1e-4)
    blurred = cv2.GaussianBlur(to_float(photo), (0, 0), 1)
    sharpness = jax.jit(laplacian_variance)(np.stack([to_float(photo), blurred]))
    assert sharpness.shape == (2,) and sharpness[1] < 0.2 * sharpness[0]


def ink(picture):
    return int((255 - picture.astype(int)).sum())


def label_ink(*words):
    """Ink of the same words on a canvas with room to spare; spaces are free of it."""
    total = 0
    for word in words:
        canvas = np.full((200, 1000, 3), 255, np.uint8)
        cv2.putText(canvas, word, (100, 100), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA)
        total += ink(canvas)
    return total


def test_grid_holds_every_image_and_every_label_whole(photo):
    small = cv2.resize(photo, (64, 64), interpolation=cv2.INTER_AREA)
    columns = ('source', 'Jgpqy|', 'Electroencephalographically', 'one two three four five')
    labels = ('neutral', 'Incomprehensibilities_of_somebody')
    rows = [[small, None, 255 - small, small], [None, small, small, None]]
    grid = image_grid(rows, columns, labels)
    pictures = 4 * (3 * ink(small) + ink(255 - small) + ink(small))
    words = ' '.join((*columns, *labels)).split()
    assert ink(grid) - pictures == pytest.approx(label_ink(*words), rel=1e-3)
    enlarged = small.repeat(2, 0).repeat(2, 1)
    windows = [
        np.s_[top : top + 128, left : left + 128]
        for top in range(grid.shape[0] - 127)
        for left in range(grid.shape[1] - 127)
        if (grid[top, left] == small[0, 0]).all()
    ]
    assert sum(np.array_equal(grid[window], enlarged) for window in windows) == 4
    # Nothing touches the frame, and so nothing is cut by it.
    assert all((edge == 255).all() for edge in (grid[:8], grid[-8:], grid[:, :8], grid[:, -8:]))


def test_grid_scale_and_size(photo):
    assert image_grid([[photo]], ['x'], scale=3, pad=0).shape[1] == 3 * photo.shape[1]
    wide = image_grid([[photo[:16, :16]]], ['x'], pad=0)
    assert wide.shape[1] == 128
    large = np.zeros((300, 200, 3), np.uint8)
    assert image_grid([[large], [photo]], ['x'], pad=5).shape[1] == 200 + 10


@pytest.mark.parametrize(
    'rows, labels, words',
    [
        ([[None]], None, 'no image'),
        ([[np.zeros((4, 4, 3), np.uint8)] * 2], None, '2 cells for 1 column'),
        ([[np.zeros((4, 4, 3), np.float32)]], None, 'float32'),
        ([[np.zeros((4, 4), np.uint8)]], None, r'\(4, 4\)'),
        ([[np.zeros((4, 4, 3), np.uint8)]], ['a', 'b'], '2 row labels for 1'),
    ],
)
def test_grid_refuses(rows, labels, words):
    with pytest.raises(InputError, match=words):
        image_grid(rows, ['x'], labels)


def test_png_is_lossless_and_whole_or_absent(photo, tmp_path):
    for image in (photo, photo[..., 0]):
        path = tmp_path / 'picture.png'
        write_png(path, image)
        read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(read[..., ::-1] if image.ndim == 3 else read, image)
    assert [entry.name for entry in tmp_path.iterdir()] == ['picture.png']

    with pytest.raises(InputError, match='cannot write .*folder'):
        write_png(tmp_path / 'missing' / 'picture.png', photo)
    (tmp_path / 'taken').mkdir()
    with pytest.raises(InputError, match='cannot write'):
        write_png(tmp_path / 'taken', photo)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ['picture.png', 'taken']
    with pytest.raises(InputError, match='float32'):
        write_png(tmp_path / 'picture.png', to_float(photo))
