"""Color transfer: its statistics, its fixed point, and the photos that would divide by zero."""

import numpy as np
import pytest
import skimage.data

from fvae_jax.ops.color import lab_to_rgb, rgb_to_lab, transfer_color
from fvae_jax.ops.image import to_float


@pytest.fixture(scope='module')
def photo():
    return to_float(skimage.data.astronaut()[::4, ::4])


def lab_of(image):
    return np.stack(rgb_to_lab(image), axis=-1)


def statistics(image):
    lab = lab_of(image)
    return lab.mean(axis=(-3, -2)), lab.std(axis=(-3, -2))


def muted(image):
    """Other colors of low contrast, so that a transfer to them clips nothing."""
    return image * np.array([0.3, 0.2, 0.25], np.float32) + np.array([0.2, -0.1, 0], np.float32)


def test_published_values_of_lab():
    # White has L = M = S up to the printed digits: l = √3 log10(1 + 1/255), no color.
    white = lab_of(np.ones((1, 1, 3)))[0, 0]
    np.testing.assert_allclose(white, [np.sqrt(3) * np.log10(1 + 1 / 255), 0, 0], atol=2e-3)
    # Pure red by hand from the two printed matrices.
    long, medium, short = np.log10(np.array([0.3811, 0.1967, 0.0241]) + 1 / 255)
    red = lab_of(np.array([[[1.0, -1.0, -1.0]]]))[0, 0]
    np.testing.assert_allclose(
        red,
        [(long + medium + short) / np.sqrt(3), (long + medium - 2 * short) / np.sqrt(6), (long - medium) / np.sqrt(2)],
        atol=1e-9,
    )


def test_lab_and_back_including_black_and_primaries(photo):
    corners = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), axis=-1).reshape(2, 4, 3)
    for image in (photo, corners.astype(np.float32)):
        np.testing.assert_allclose(np.stack(lab_to_rgb(rgb_to_lab(image)), -1), image, rtol=0, atol=1e-5)


def test_result_has_the_statistics_of_the_target(photo):
    target = muted(photo[::-1, :100])
    result = transfer_color(photo, target)
    assert result.shape == photo.shape and result.dtype == np.float32
    assert np.abs(result).max() < 1, 'the example must not clip'
    for got, wanted, before in zip(statistics(result), statistics(target), statistics(photo)):
        np.testing.assert_allclose(got, wanted, atol=1e-4)
        assert np.abs(before - wanted).max() > 0.05


def test_own_colors_give_the_photo_back(photo):
    np.testing.assert_allclose(transfer_color(photo, photo), photo, rtol=0, atol=1e-5)
    gray = np.repeat(photo[..., :1], 3, axis=-1)
    np.testing.assert_allclose(transfer_color(gray, gray), gray, rtol=0, atol=1e-5)


@pytest.mark.parametrize('level', [-1, 0.3, 1])
def test_flat_photos_are_finite_and_flat(photo, level):
    flat = np.full_like(photo, level)
    np.testing.assert_allclose(transfer_color(flat, flat), flat, rtol=0, atol=1e-5)
    recolored = transfer_color(flat, photo)
    assert np.isfinite(recolored).all() and np.ptp(recolored, axis=(0, 1)).max() < 1e-3
    # A flat target counts as one with a deviation of 0.001 in every channel (before clipping).
    mean, deviation = statistics(transfer_color(photo, flat))
    assert deviation.max() < 2e-3 < statistics(photo)[1].min()
    np.testing.assert_allclose(mean, statistics(flat)[0], atol=2e-3)


def test_gray_photo_stays_free_of_colored_noise(photo):
    gray = np.repeat(photo[..., :1], 3, axis=-1)
    alpha_beta = lab_of(transfer_color(gray, muted(photo)))[..., 1:]
    assert alpha_beta.std(axis=(0, 1)).max() < 0.01


def test_clips_to_the_range(photo):
    contrast = transfer_color(photo * np.float32(0.05), photo)
    assert np.abs(contrast).max() <= 1 and np.abs(contrast).max() == 1


def test_photos_and_batches_agree(photo):
    batch = np.stack([photo, photo[::-1], muted(photo)])
    targets = np.stack([muted(photo), photo, photo[:, ::-1]])
    one_by_one = np.stack([transfer_color(s, t) for s, t in zip(batch, targets)])
    np.testing.assert_allclose(transfer_color(batch, targets), one_by_one, atol=1e-5)
