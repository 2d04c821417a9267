"""Alignment (5.2): geometry against closed forms, detection on a real face."""

import cv2
import numpy as np
import pytest
import skimage.data

from fvae_jax.data import align
from fvae_jax.ops.frame import TIGHT

FACE = (slice(20, 260), slice(100, 340))


@pytest.fixture(scope='module')
def photo():
    return skimage.data.astronaut()


@pytest.fixture(scope='module')
def face(photo):
    return align.main_face(align.detect_faces(photo))


def similarity(degrees, scale, shift):
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, shift])


def test_landmarks_come_in_dlibs_order(face):
    outer_right, inner_right, outer_left, inner_left, nose = face.landmarks
    assert outer_left[0] < inner_left[0] < nose[0] < inner_right[0] < outer_right[0]
    assert nose[1] > face.landmarks[:4, 1].max() + 10
    assert face.score > 0.5


@pytest.mark.parametrize(
    'distance, middle', [(479, (900, 700)), (500, (900, 700)), (1000, (1300, 400)), (1000, (20, 30))]
)
def test_a_large_face_is_read_on_a_reduced_photo_in_its_place(distance, middle):
    x, y = np.meshgrid(np.arange(1801, dtype=np.float32), np.arange(1403, dtype=np.float32))
    eyes = np.array(middle) + [[distance / 2, 0], [distance / 2, 0], [-distance / 2, 0], [-distance / 2, 0], [0, 9]]
    near, corner, factor = align._reduced(np.dstack([x, y]), eyes)
    assert factor == (1 if distance < 480 else distance // 120) and distance / factor >= 120
    rows, columns = np.indices(near.shape[:2])
    places = (np.dstack([columns, rows]) + 0.5) * factor - 0.5 + corner
    np.testing.assert_allclose(near, places, atol=1e-3)
    # All that the patch may show of the photo, but for a last row or column that fills no square.
    least, most = (np.clip(middle + side * 3.9 * distance * np.ones(2), 0, [1800, 1402]) for side in (-1, 1))
    assert (places[0, 0] <= least + factor).all() and (places[-1, -1] >= most - 1.5 * factor).all()


def test_a_large_face_is_read_as_a_smaller_one(photo, face):
    head = photo[20:260, 100:340]
    large = cv2.resize(head, None, fx=12, fy=12, interpolation=cv2.INTER_CUBIC)
    found = align.main_face(align.detect_faces(large))
    assert align._reduced(large, found.landmarks)[2] >= 4
    apart = align.eye_centers((found.landmarks + 0.5) / 12 - 0.5 + [100, 20]) - align.eye_centers(face.landmarks)
    distance = np.hypot(*np.diff(align.eye_centers(face.landmarks), axis=0)[0])
    assert np.abs(apart).max() < 0.02 * distance


@pytest.mark.parametrize('size', [64, 128, 256])
def test_eyes_of_the_crop_are_found_again_where_the_paper_wants_them(photo, face, size):
    crop = align.align_crop(photo, align.crop_transform(face.landmarks, size, TIGHT), size)
    again = align.main_face(align.detect_faces(crop))
    wanted = np.array([[0.33, 0.40], [0.67, 0.40]]) * size - 0.5
    np.testing.assert_allclose(align.eye_centers(again.landmarks), wanted, atol=0.5)


def test_eyes_of_a_plain_cut_are_elsewhere(photo):
    cut = cv2.resize(photo[FACE], (128, 128), interpolation=cv2.INTER_AREA)
    eyes = align.eye_centers(align.main_face(align.detect_faces(cut)).landmarks)
    assert np.abs(eyes - TIGHT.eye_centers(128)).max() > 3


@pytest.mark.parametrize('degrees, scale', [(12, 0.8), (-10, 1.4), (0, 0.6)])
def test_crop_does_not_depend_on_rotation_and_scale_of_the_photo(photo, face, degrees, scale):
    moved = align.align_crop(photo, similarity(degrees, scale, (60, 40)), 600)
    moved_face = align.main_face(align.detect_faces(moved))
    assert moved_face is not None
    crop = align.align_crop(photo, align.crop_transform(face.landmarks, 64, TIGHT), 64).astype(float)
    matrix = align.crop_transform(moved_face.landmarks, 64, TIGHT)
    moved_crop = align.align_crop(moved, matrix, 64).astype(float)
    difference = np.abs(crop - moved_crop).mean()
    shifted_by_two = np.abs(crop[:, 2:] - crop[:, :-2]).mean()
    assert difference < 3 < shifted_by_two


def test_a_large_photo_gives_the_landmarks_of_the_small_one(photo, face):
    large = cv2.resize(photo, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    found = align.main_face(align.detect_faces(large)).landmarks
    matrix = align.crop_transform(face.landmarks, 128, TIGHT)
    expected = align.transform_points(matrix, face.landmarks)
    got = align.transform_points(matrix, (found + 0.5) / 4 - 0.5)
    np.testing.assert_allclose(got, expected, atol=0.7)


def test_no_face():
    assert align.detect_faces(skimage.data.checkerboard()[..., None].repeat(3, axis=2)) == []
    assert align.main_face([]) is None


def test_crop_transform_is_the_similarity_that_places_the_eyes():
    generator = np.random.default_rng(0)
    for _ in range(20):
        landmarks = generator.uniform(-100, 900, (5, 2))
        size = int(generator.integers(32, 512))
        matrix = align.crop_transform(landmarks, size, TIGHT)
        np.testing.assert_allclose(
            align.transform_points(matrix, align.eye_centers(landmarks)), TIGHT.eye_centers(size), atol=1e-6
        )
        gram = matrix[:, :2].T @ matrix[:, :2]
        np.testing.assert_allclose(gram, gram[0, 0] * np.eye(2), atol=1e-9 * gram[0, 0])
        assert np.linalg.det(matrix[:, :2]) > 0  # no mirror image
        np.testing.assert_allclose(
            align.transform_points(align.invert(matrix), align.transform_points(matrix, landmarks)),
            landmarks,
            atol=1e-6,
        )
    with pytest.raises(ValueError, match='one place'):
        align.crop_transform(np.zeros((5, 2)), 64, TIGHT)


@pytest.mark.parametrize('scale', [0.13, 0.5, 1.0, 2.3])
def test_crop_pixels_show_the_photo_where_the_matrix_says(scale):
    y, x = np.mgrid[:400, :500].astype(np.float32)
    size = 40
    matrix = similarity(20, scale, (0, 0))
    matrix[:, 2] = (size - 1) / 2 - matrix[:, :2] @ [250, 200]
    crop = align.align_crop(np.stack([x, y], axis=2), matrix, size)
    pixels = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=2)
    expected = align.transform_points(align.invert(matrix), pixels)
    inside = ((expected > 4) & (expected < [495, 395])).all(axis=2)
    assert inside.sum() > 500
    # OpenCV samples at 1/32 px.
    np.testing.assert_allclose(crop[inside], expected[inside], atol=0.07)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize('channels', [(), (1,), (3,), (7,)])
def test_any_type_and_channel_count(dtype, channels):
    image = (np.random.default_rng(0).random((50, 60, *channels)) * 250).astype(dtype)
    same = align.align_crop(image, np.eye(2, 3), 50)
    assert same.dtype == dtype
    np.testing.assert_array_equal(same, image[:, :50])
    halved = align.align_crop(image, similarity(0, 0.5, (-0.25, -0.25)), 25)
    means = image[:, :50].reshape(25, 2, 25, 2, *channels).astype(np.float64).mean(axis=(1, 3))
    np.testing.assert_allclose(halved, means, atol=1e-3 if dtype == np.float32 else 0.5)


def test_reduction_averages_what_it_covers():
    noise = np.random.default_rng(0).integers(0, 256, (400, 400)).astype(np.float32)
    matrix = similarity(7, 0.2, (10, 0))
    crop, plain = align.align_crop(noise, matrix, 72), cv2.warpAffine(noise, matrix, (72, 72))
    inside = (slice(12, -12),) * 2
    assert crop[inside].std() < 1.2 * noise.std() / 5  # 5×5 photo pixels in each
    assert plain[inside].std() > 0.5 * noise.std()


def test_border_is_replicated():
    image = np.full((20, 20, 3), 77, np.uint8)
    assert (align.align_crop(image, similarity(30, 0.4, (30, -5)), 48) == 77).all()
