"""Two photos blended at full resolution begin and end with themselves."""

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from fvae_jax.data import align
from fvae_jax.editing import morph, portrait
from fvae_jax.ops import image as image_ops, warp

SIZE = 128
LARGE = cv2.resize(data.astronaut()[:256, 96:352], (1024, 1024), interpolation=cv2.INTER_CUBIC)
ANGLE = np.deg2rad(9)
LINEAR = 0.2 * np.array([[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]])
MATRIX = np.column_stack([LINEAR, np.full(2, 63.5) - LINEAR @ (500.0, 480.0)])


def fields():
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    first = np.stack([2 * np.sin(y / 15), np.cos(x / 12)], axis=-1)
    return first, -first[::-1], (np.sin(x / 9) * np.cos(y / 11) + 1) / 2


def test_the_crop_has_the_resolution_of_the_photo():
    crop, matrix = morph.native_crop(LARGE, MATRIX, SIZE)
    assert crop.shape == (640, 640, 3) and crop.dtype == np.float32  # 128 / 0.2
    # It shows what the model's crop shows.
    small = image_ops.to_float(align.align_crop(LARGE, MATRIX, SIZE))
    reduced = cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced - small).mean() < 0.01
    assert np.abs(np.roll(reduced, 1, axis=1) - small).mean() > 0.02  # the control
    point = align.transform_points(MATRIX, (510.0, 470.0))
    same = align.transform_points(matrix, (510.0, 470.0))
    np.testing.assert_allclose(same, (point + 0.5) * 5 - 0.5)


@pytest.mark.parametrize('scale, side', [(8.0, 128), (0.25, 2048)])
def test_the_side_has_limits(scale, side):
    matrix = portrait.scale_transform(MATRIX, scale)
    assert morph.native_crop(LARGE, matrix, SIZE)[0].shape == (side, side, 3)


def test_the_second_crop_takes_the_side_of_the_first():
    assert morph.native_crop(LARGE, MATRIX, SIZE, side=500)[0].shape == (500, 500, 3)


def test_sixteen_bits_give_the_same_crop():
    crop, _ = morph.native_crop(LARGE, MATRIX, SIZE)
    deep, _ = morph.native_crop(LARGE.astype(np.uint16) * 257, MATRIX, SIZE)
    np.testing.assert_allclose(deep, crop, atol=1e-6)


def test_end_points_are_the_crops_bit_for_bit():
    first, second, _ = fields()
    crop, _ = morph.native_crop(LARGE, MATRIX, SIZE)
    other = crop[::-1].copy()
    ones = np.ones((SIZE, SIZE), np.float32)
    np.testing.assert_array_equal(morph.mix_warps(crop, other, 0 * first, second, ones), crop)
    np.testing.assert_array_equal(morph.mix_warps(crop, other, first, 0 * second, 0 * ones), other)
    assert (morph.mix_warps(crop, other, first, second, ones) != crop).mean() > 0.5


def test_a_blend_is_two_warps_and_their_mean():
    first, second, weight = fields()
    crop, _ = morph.native_crop(LARGE, MATRIX, SIZE)
    other = crop[::-1].copy()
    blended = morph.mix_warps(crop, other, first, second, weight, 1 - weight)
    # The same through the project's own bilinear operations.
    warps = [
        warp.warp_by_displacement(image, warp.upsample_flow(field, 640, 640))
        for image, field in ((crop, first), (other, second))
    ]
    share = cv2.resize(weight, (640, 640), interpolation=cv2.INTER_LINEAR)[..., None]
    want = share * np.asarray(warps[0]) + (1 - share) * np.asarray(warps[1])
    assert np.abs(blended - want).mean() < 0.005
    assert np.abs(np.roll(blended, 3, axis=0) - want).mean() > 0.015  # the control


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_crop_put_back_unchanged_changes_next_to_nothing(dtype):
    photo = LARGE.astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    crop, matrix = morph.native_crop(photo, MATRIX, SIZE)
    laid = morph.put_back(photo, crop, matrix)
    assert laid.dtype == dtype
    y0, y1, x0, x1 = portrait.face_region(MATRIX, SIZE, photo.shape)
    difference = np.abs(laid.astype(np.float32) - photo) * (255 / np.iinfo(dtype).max)
    assert difference.max() < 12 and difference[y0:y1, x0:x1].mean() < 0.6
    outside = np.ones(photo.shape[:2], bool)
    outside[y0:y1, x0:x1] = False
    np.testing.assert_array_equal(laid[outside], photo[outside])


def test_a_changed_crop_replaces_the_middle_and_fades_at_its_edge():
    crop, matrix = morph.native_crop(LARGE, MATRIX, SIZE)
    laid = morph.put_back(LARGE, np.full_like(crop, 0.2), matrix)
    np.testing.assert_array_equal(laid[480, 500], np.rint(1.2 * 127.5))
    y, x = np.mgrid[:1024, :1024]
    at = align.transform_points(matrix, np.stack([x, y], axis=-1))
    outside = (np.abs(at - 319.5) > 320).any(axis=-1)
    np.testing.assert_array_equal(laid[outside], LARGE[outside])
    # On a flat photo the fade has no step.
    flat = morph.put_back(np.zeros_like(LARGE), np.full_like(crop, 1.0), matrix)[..., 0].astype(int)
    assert flat.max() == 255 and np.abs(np.diff(flat, axis=1)).max() < 12


def test_a_mix_takes_detail_from_where_it_is():
    picture = np.random.default_rng(0).uniform(-1, 1, (96, 80, 3)).astype(np.float32)
    blurred = ndimage.gaussian_filter(picture, (1.5, 1.5, 0))
    half = np.full((96, 80, 1), 0.5, np.float32)
    sharpness = [
        float(image_ops.laplacian_variance(x))
        for x in (picture, morph.mix(picture, blurred, half), (picture + blurred) / 2, blurred)
    ]
    assert sharpness[0] > sharpness[1] > 1.5 * sharpness[2] > sharpness[3]
    # Flat pictures have no detail to choose: they fade.
    dark, light = np.full_like(picture, -0.5), np.full_like(picture, 0.7)
    np.testing.assert_allclose(morph.mix(dark, light, half / 2), -0.2, atol=1e-5)


def test_a_mix_is_the_picture_that_has_all_the_weight():
    first, second = np.random.default_rng(1).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    weight = np.zeros((64, 64, 1), np.float32)
    np.testing.assert_array_equal(morph.mix(first, second, weight), first)
    np.testing.assert_array_equal(morph.mix(first, second, weight + 1), second)
    weight[:, 40:] = 1
    parts = morph.mix(first, second, weight)
    np.testing.assert_allclose(parts[:, :16], first[:, :16], atol=0.02)
    np.testing.assert_allclose(parts[:, 56:], second[:, 56:], atol=0.02)
    assert np.abs(parts - first).max() > 0.5 < np.abs(parts - second).max()
