"""A displacement of the crop arrives in the photo where, as long and as exactly as it must."""

import dataclasses
import subprocess
import sys

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from fvae_jax.data import align
from fvae_jax.editing import portrait
from fvae_jax.errors import InputError
from fvae_jax.ops import resample
from fvae_jax.photo.photo import Photo

ASTRONAUT = data.astronaut()
SIZE = 128


def similarity(scale, degrees, middle):
    """The transform that brings `middle` of the photo to the middle of the crop."""
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, np.full(2, (SIZE - 1) / 2) - linear @ middle])


def from_middle(matrix, box):
    """(h, w, 2): how far the pixels of a box are from the middle of the crop, in its pixels."""
    y, x = np.mgrid[box[0] : box[1], box[2] : box[3]]
    points = align.transform_points(matrix, np.stack([x, y], axis=-1))
    return np.abs(points - (SIZE - 1) / 2)


def constant(x, y):
    return np.broadcast_to(np.array([x, y], np.float32), (SIZE, SIZE, 2))


def swirl(amount=0.5):
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    turn = amount * np.exp(-(x * x + y * y) / (2 * 28**2))
    field = [np.cos(turn) * x - np.sin(turn) * y - x, np.sin(turn) * x + np.cos(turn) * y - y]
    return np.stack(field, axis=-1).astype(np.float32)


def as_type(dtype):
    """The astronaut with full use of the range of a type."""
    image = ASTRONAUT.astype(np.float32)
    if dtype == np.uint16:
        image = image * 257 - np.random.default_rng(0).integers(0, 256, image.shape)
    return np.clip(image, 0, None).astype(dtype)


def test_the_region_holds_the_pixels_of_the_crop():
    shape = ASTRONAUT.shape
    whole, part = similarity(0.25, 0, (255.5, 255.5)), similarity(1, 0, (163.5, 263.5))
    assert portrait.face_region(whole, SIZE, shape) == (0, 512, 0, 512)
    assert portrait.face_region(part, SIZE, shape) == (200, 328, 100, 228)
    matrix = similarity(0.7, 20, (90.3, 440.8))
    y0, y1, x0, x1 = portrait.face_region(matrix, SIZE, shape)
    inside = (from_middle(matrix, (0, 512, 0, 512)) <= SIZE / 2).all(axis=-1)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert y0 <= rows[0] <= y0 + 1 and y1 - 2 <= rows[-1] <= y1 - 1
    assert x0 <= columns[0] <= x0 + 1 and x1 - 2 <= columns[-1] <= x1 - 1


def test_one_pixel_of_the_crop_is_exactly_four_of_a_photo_four_times_as_large():
    matrix = similarity(0.25, 0, (255.5, 255.5))
    box, field = portrait.photo_displacement(constant(1, 0), matrix, (512, 512))
    assert box == (0, 512, 0, 512)
    edge = int(np.ceil(portrait.FADE * 512)) + 2
    inner = field[edge:-edge, edge:-edge]
    np.testing.assert_array_equal(inner, np.broadcast_to(np.float32([4, 0]), inner.shape))


@pytest.mark.parametrize('scale, degrees', [(0.4, 30), (1.3, -65), (0.9, 170)])
def test_displacements_turn_and_grow_with_the_face(scale, degrees):
    middle = np.array([250.0, 270.0])
    matrix = similarity(scale, degrees, middle)
    box, field = portrait.photo_displacement(constant(1, 0), matrix, (512, 512))
    x, y = (middle - (box[2], box[0])).astype(int)
    angle = np.deg2rad(degrees)
    want = np.array([np.cos(angle), -np.sin(angle)]) / scale
    np.testing.assert_allclose(field[y, x], want, atol=1e-5)


def test_a_known_point_moves_where_the_crop_says():
    """A dot of the photo appears where the inverse of a displaced crop position lies."""
    matrix = similarity(0.5, 25, (300.0, 200.0))
    y, x = np.mgrid[:512, :512]
    dot = np.exp(-((x - 310) ** 2 + (y - 190) ** 2) / 18).astype(np.float32)[..., None]
    box, field = portrait.photo_displacement(constant(6, -3), matrix, dot.shape)
    moved = portrait.warp_region(dot, box, field)[..., 0]
    found = (moved * x).sum() / moved.sum(), (moved * y).sum() / moved.sum()
    # out(p) = in(p + v): the dot goes against the displacement.
    expected = align.transform_points(align.invert(matrix), align.transform_points(matrix, (310, 190)) - (6, -3))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_fields_are_read_where_their_pixels_are():
    """As a spline through the pixels of the field says; positions half a pixel off would fail."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    waves = np.stack([3 * np.sin(columns / 6 + rows / 9), 2 * np.cos(rows / 7)], axis=-1)
    ramp = np.stack([0.05 * columns, 0.02 * rows - 0.03 * columns], axis=-1)
    matrix = similarity(0.18, 12, (400.0, 380.0))
    for displacement, tolerance in ((ramp, 1e-3), (waves, 0.02)):
        box, field = portrait.photo_displacement(displacement, matrix, (800, 800))
        y, x = np.mgrid[box[0] : box[1], box[2] : box[3]]
        at = align.transform_points(matrix, np.stack([x, y], axis=-1))
        inner = (from_middle(matrix, box) < SIZE * (0.5 - portrait.FADE) - 1).all(axis=-1)
        want = [ndimage.map_coordinates(displacement[..., c], at[inner].T[::-1], order=3) for c in (0, 1)]
        want = np.stack(want, axis=-1) @ align.invert(matrix)[:, :2].T
        assert inner.mean() > 0.4
        assert np.abs(field[inner] - want).max() * 0.18 < tolerance  # px of the crop


@pytest.mark.parametrize('size', [64, 96, 128, 300])
def test_maps_become_finer_by_a_cubic_spline(size):
    values = np.random.default_rng(0).normal(size=(size, size, 2))
    side = size * -(-256 // size)
    spline = ndimage.zoom(np.eye(size), (side / size, 1), order=3, mode='nearest', grid_mode=True)
    want = np.stack([spline @ values[..., channel] @ spline.T for channel in (0, 1)], axis=-1)
    np.testing.assert_allclose(portrait.enlarge(values, side), want, atol=1e-5)
    np.testing.assert_allclose(portrait.enlarge(values, size), values, atol=1e-6)
    further = portrait.enlarge(values, 2 * side + 10)
    np.testing.assert_allclose(further, cv2.resize(want, further.shape[:2]), atol=1e-5)


def test_maps_become_finer_without_threads():
    """Those of a product of matrices wait for each other, on a busy computer for longer than the product takes.

    In a process of its own: the threads of other tests work on here.
    """
    code = """
import time
import numpy as np
from fvae_jax.editing import portrait
values = np.random.default_rng(0).normal(size=(128, 128, 3)).astype(np.float32)
portrait.enlarge(values, 256)
started = time.process_time(), time.thread_time()
for _ in range(200):
    portrait.enlarge(values, 256)
print(time.process_time() - started[0], time.thread_time() - started[1])
"""
    told = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    whole, own = map(float, told.split())
    assert own > 0 and whole < 1.3 * own


def test_edits_fade_out_without_a_step():
    matrix = similarity(0.3, 15, (256.0, 256.0))
    box, field = portrait.photo_displacement(constant(2, 0), matrix, (512, 512))
    depth = (SIZE / 2 - from_middle(matrix, box)).min(axis=-1)
    assert not field[depth <= 0].any() and (depth <= 0).any()
    assert field[depth > 0.5].any(axis=-1).all()
    length = np.linalg.norm(field, axis=-1) * 0.3
    np.testing.assert_allclose(length[depth > portrait.FADE * SIZE + 2], 2, atol=1e-5)
    assert length.max() <= 2 + 1e-5
    step = np.abs(np.diff(length, axis=1)).max()
    assert step < 2 * 1.5 / (portrait.FADE * SIZE) * 0.3 * 1.5  # a smooth step, seen at a corner
    # The control: without a fade the edge is a step of the whole length.
    assert np.abs(np.diff(np.where(depth > 0, 2, 0), axis=1)).max() > 5 * step


def test_the_fade_is_a_smooth_step():
    _, carried = portrait.photo_map(np.ones((SIZE, SIZE)), similarity(0.25, 0, (255.5, 255.5)), (512, 512))
    depth = np.arange(60) / (portrait.FADE * 512)
    step = np.clip(depth, 0, 1)
    np.testing.assert_allclose(carried[256, :60], 3 * step**2 - 2 * step**3, atol=0.03)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
def test_strength_zero_returns_the_photo(dtype):
    pixels = as_type(dtype)
    matrix = similarity(0.3, 11, (230.0, 120.0))
    box, field = portrait.photo_displacement(0 * swirl(), matrix, pixels.shape)
    assert field.shape == (box[1] - box[0], box[3] - box[2], 2) and not field.any()
    np.testing.assert_array_equal(portrait.warp_region(pixels, box, field), pixels)
    # Also where the photo is really sampled, at whole pixels.
    y, x = np.mgrid[:512, :512].astype(np.float32)
    sampled = resample.sample(pixels, x, y)
    np.testing.assert_array_equal(sampled, pixels)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_only_what_moves_changes(dtype):
    pixels = as_type(dtype)
    matrix = similarity(1.0, 5, (225.0, 115.0))
    box, field = portrait.photo_displacement(swirl(), matrix, pixels.shape)
    field[40:60, 30:90] = 0
    warped = portrait.warp_region(pixels, box, field)
    assert warped.dtype == dtype and warped is not pixels
    moves = np.zeros((512, 512), bool)
    moves[box[0] : box[1], box[2] : box[3]] = field.any(axis=-1)
    np.testing.assert_array_equal(warped[~moves], pixels[~moves])
    assert (warped[moves] != pixels[moves]).any(axis=-1).mean() > 0.5


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
def test_whole_pixels_shift_exactly_and_the_border_repeats(dtype):
    pixels = as_type(dtype)
    field = np.broadcast_to(np.float32([9, -14]), (512, 512, 2))
    warped = portrait.warp_region(pixels, (0, 512, 0, 512), field)
    rows, columns = np.clip(np.arange(512) - 14, 0, 511), np.clip(np.arange(512) + 9, 0, 511)
    np.testing.assert_array_equal(warped, pixels[rows][:, columns])


def test_ringing_is_clipped_not_wrapped():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 32:] = 255
    warped = portrait.warp_region(pixels, (0, 64, 0, 64), np.full((64, 64, 2), 0.5, np.float32))
    assert (warped[:, :31] < 30).all() and (warped[:, 33:] > 225).all()


def test_positions_far_apart_and_long_photos():
    """More than OpenCV's 32767 pixels a side, and neighbours that read from both ends."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40000, 3), np.uint8)
    x = np.float32([[3, 39990, 20000], [39999, 0, 35001]])
    y = np.float32([[0, 39, 20], [7, 8, 9]])
    want = pixels[y.astype(int), x.astype(int)]
    np.testing.assert_array_equal(resample.sample(pixels, x, y), want)
    box = (10, 30, 33000, 39000)
    field = np.broadcast_to(np.float32([-5, 2]), (20, 6000, 2))
    warped = portrait.warp_region(pixels, box, field)
    np.testing.assert_array_equal(warped[10:30, 33000:39000], pixels[12:32, 32995:38995])


def test_tiles_leave_no_seams():
    pixels = cv2.resize(ASTRONAUT, (900, 900)).astype(np.float32)
    matrix = similarity(0.16, 8, (450.0, 450.0))
    box, field = portrait.photo_displacement(swirl(), matrix, pixels.shape)
    y0, y1, x0, x1 = box
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    at = [y + field[..., 1], x + field[..., 0]]
    want = [ndimage.map_coordinates(pixels[..., c], at, order=5, mode='nearest') for c in range(3)]
    got = portrait.warp_region(pixels, box, field)[y0:y1, x0:x1]
    assert np.abs(got - np.stack(want, axis=-1)).max() < 8


def test_transparency_moves_and_hides_what_it_hid():
    y, x = np.mgrid[:200, :200]
    alpha = np.where((x - 100) ** 2 + (y - 100) ** 2 < 60**2, 255, 0).astype(np.uint8)
    pixels = np.where(alpha[..., None] > 0, np.uint8([200, 120, 90]), np.uint8([0, 255, 0]))
    matrix = similarity(0.64, 0, (99.5, 99.5))
    box, field = portrait.photo_displacement(swirl() + constant(3.3, 1.7), matrix, pixels.shape)
    warped = portrait.warp_photo(Photo(pixels, alpha), box, field)
    assert (warped.alpha != alpha).mean() > 0.01
    seen = warped.alpha > 8
    assert np.abs(warped.pixels[seen].astype(int) - (200, 120, 90)).max() <= 2
    plain = portrait.warp_region(pixels, box, field)  # the control: green leaks in
    assert np.abs(plain[seen].astype(int) - (200, 120, 90)).max() > 30
    still = portrait.warp_photo(Photo(pixels, alpha), box, 0 * field)
    np.testing.assert_array_equal(still.pixels, pixels)
    np.testing.assert_array_equal(still.alpha, alpha)


def test_an_opaque_alpha_changes_nothing():
    photo = Photo(ASTRONAUT, np.full((512, 512), 255, np.uint8))
    matrix = similarity(1, 5, (225.0, 115.0))
    box, field = portrait.photo_displacement(swirl(), matrix, ASTRONAUT.shape)
    warped = portrait.warp_photo(photo, box, field)
    bare = portrait.warp_photo(dataclasses.replace(photo, alpha=None), box, field)
    np.testing.assert_array_equal(warped.pixels, bare.pixels)
    assert warped.alpha is photo.alpha and bare.alpha is None


def test_maps_arrive_with_the_fade():
    matrix = similarity(0.5, -20, (256.0, 256.0))
    checks = (np.indices((SIZE, SIZE)) // 8).sum(axis=0) % 2
    box, carried = portrait.photo_map(checks, matrix, (512, 512))
    assert box == portrait.photo_displacement(swirl(), matrix, (512, 512))[0]
    assert carried.min() >= 0 and carried.max() <= 1 and carried.max() > 0.99
    _, ones = portrait.photo_map(np.ones((SIZE, SIZE)), matrix, (512, 512))
    assert ones[ones.shape[0] // 2, ones.shape[1] // 2] == 1 and ones[0, 0] == 0
    assert (carried <= 1.25 * ones + 1e-5).all()  # a spline overshoots


def test_faces_at_the_edge_and_outside():
    for middle in ((0.0, 0.0), (511.0, 300.0)):
        matrix = similarity(0.5, 10, middle)
        box, field = portrait.photo_displacement(swirl(), matrix, ASTRONAUT.shape)
        assert 0 <= box[0] < box[1] <= 512 and 0 <= box[2] < box[3] <= 512
        assert np.isfinite(field).all() and field.any()
        assert portrait.warp_region(ASTRONAUT, box, field).shape == ASTRONAUT.shape
    matrix = similarity(0.5, 10, (-900.0, 50.0))
    box, field = portrait.photo_displacement(swirl(), matrix, ASTRONAUT.shape)
    assert field.size == 0
    np.testing.assert_array_equal(portrait.warp_region(ASTRONAUT, box, field), ASTRONAUT)


def test_bad_fields_are_refused():
    matrix = similarity(1, 0, (200.0, 200.0))
    broken = swirl()
    broken[3, 4, 0] = np.nan
    with pytest.raises(InputError, match='NaN'):
        portrait.photo_displacement(broken, matrix, ASTRONAUT.shape)
    box, field = portrait.photo_displacement(swirl(), matrix, ASTRONAUT.shape)
    field[50, 50] = np.inf
    with pytest.raises(InputError, match='infinite'):
        portrait.warp_region(ASTRONAUT, box, field)
