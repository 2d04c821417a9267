"""Landmarks follow the face; measures say what moved, and nothing else."""

import numpy as np
import pytest
import skimage.data

from fvae_jax.data import align
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.evaluation import landmarks as landmarks_lib
from fvae_jax.ops import image as image_ops, warp
from fvae_jax.ops.frame import TIGHT

SIZE = 128
CORNERS = [48, 54]  # of the mouth


@pytest.fixture(scope='module')
def crops():
    photo = skimage.data.astronaut()
    face = align.main_face(align.detect_faces(photo))
    return {
        size: align.align_crop(photo, align.crop_transform(face.landmarks, size, TIGHT), size) for size in (64, SIZE)
    }


@pytest.fixture(scope='module')
def points(crops):
    return landmarks_lib.landmarks(crops[SIZE], TIGHT)


def bump(center, radius):
    """A smooth hill of height 1, (SIZE, SIZE, 1)."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    square = (columns - center[0]) ** 2 + (rows - center[1]) ** 2
    return np.exp(-square / (2 * radius**2))[..., None].astype(np.float32)


def moved_up(crop, centers, pixels, radius=5.0):
    """The crop with the surroundings of some points moved up, as floats."""
    hills = np.max([bump(center, radius) for center in centers], axis=0)
    return np.asarray(warp.warp_by_displacement(image_ops.to_float(crop), hills * np.float32([0, pixels])))


def test_the_groups_are_where_they_belong(points):
    left, right = TIGHT.eye_centers(SIZE)
    np.testing.assert_allclose(points[36:42].mean(axis=0), left, atol=2)
    np.testing.assert_allclose(points[42:48].mean(axis=0), right, atol=2)
    brows, nose, mouth, chin = points[17:27, 1], points[27:36, 1], points[48:, 1], points[8, 1]
    assert brows.max() < left[1] < nose.max() < mouth.min() < mouth.max() < chin
    # The left of the picture comes first.
    assert points[0, 0] < points[36, 0] < points[39, 0] < points[30, 0] < points[42, 0] < points[16, 0]


def test_they_move_with_the_picture(crops, points):
    still = points[17:]  # the jaw is a guess along a line
    right = landmarks_lib.landmarks(np.pad(crops[SIZE], ((0, 0), (3, 0), (0, 0)), 'edge')[:, :-3], TIGHT)[17:]
    down = landmarks_lib.landmarks(np.pad(crops[SIZE], ((3, 0), (0, 0), (0, 0)), 'edge')[:-3], TIGHT)[17:]
    np.testing.assert_allclose((right - still).mean(axis=0), [3, 0], atol=0.5)
    np.testing.assert_allclose((down - still).mean(axis=0), [0, 3], atol=0.5)
    assert np.median(np.linalg.norm(right - still - [3, 0], axis=1)) < 0.6


def test_size_and_type_of_the_crop_do_not_matter(crops, points):
    small = (landmarks_lib.landmarks(crops[64], TIGHT) + 0.5) * 2 - 0.5
    assert np.linalg.norm(small - points, axis=1)[17:].mean() < 0.7
    # Without half-pixel centers they would be off by more than what is left; brows are read differently when small.
    assert np.abs(np.mean(small[27:] - points[27:], axis=0)).max() < 0.25
    np.testing.assert_array_equal(landmarks_lib.landmarks(image_ops.to_float(crops[SIZE]), TIGHT), points)


def test_measures_answer_to_what_moves_in_the_picture(crops, points):
    before = landmarks_lib.measure(points)
    smile, frown, nothing = (
        landmarks_lib.Measures(*np.subtract(landmarks_lib.measure(landmarks_lib.landmarks(picture, TIGHT)), before))
        for picture in (moved_up(crops[SIZE], points[CORNERS], pixels) for pixels in (4.0, -4.0, 0.0))
    )
    assert smile.mouth_corner_lift > 0.03 > -0.03 > frown.mouth_corner_lift
    assert max(abs(smile.brow_height), abs(smile.eye_opening)) < 0.02
    assert nothing == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    'expression, more, less',
    [
        ('smile', ('mouth_corner_lift', 'mouth_width'), ()),
        ('surprise', ('mouth_opening', 'brow_height'), ()),
        ('squint', (), ('eye_opening', 'brow_height')),
        ('scream', ('mouth_opening',), ('eye_opening',)),
    ],
)
def test_measures_know_drawn_expressions(expression, more, less):
    changes = []
    for number in range(3):
        face = DrawnFace(0, number, 64)
        drawn = [
            landmarks_lib.measure(landmarks_lib.landmarks(face.image(*which), TIGHT))
            for which in (('neutral', 0.0), (expression, 1.0))
        ]
        changes.append(np.subtract(drawn[1], drawn[0]))
    change = landmarks_lib.Measures(*np.mean(changes, axis=0))
    assert all(getattr(change, name) > 0.03 for name in more)
    assert all(getattr(change, name) < -0.02 for name in less)


@pytest.mark.parametrize(
    'measure, raised, lowered, factor',
    [
        ('mouth_corner_lift', CORNERS, [], 1),
        ('brow_height', range(17, 27), [], 1),
        ('mouth_opening', [61, 62, 63], [], 1),
        ('mouth_opening', [61, 62, 63], [65, 66, 67], 2),
        ('eye_opening', [37, 38, 43, 44], [], 1),
        ('eye_opening', [37, 38, 43, 44], [40, 41, 46, 47], 2),
    ],
)
def test_each_measure_counts_its_own_points(points, measure, raised, lowered, factor):
    unit = np.linalg.norm(points[42:46:3].mean(axis=0) - points[36:40:3].mean(axis=0))
    moved = points.astype(float)
    tilt = points[42:46:3].mean(axis=0) - points[36:40:3].mean(axis=0)
    up = np.array([tilt[1], -tilt[0]]) / unit
    moved[list(raised)] += 5 * up
    moved[list(lowered)] -= 5 * up
    change = np.subtract(landmarks_lib.measure(moved), landmarks_lib.measure(points))
    expected = landmarks_lib.Measures(0, 0, 0, 0, 0)._replace(**{measure: factor * 5 / unit})
    np.testing.assert_allclose(change, expected, atol=1e-6)


def test_measures_do_not_depend_on_place_size_and_tilt(points):
    angle = np.deg2rad(20)
    turn = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = landmarks_lib.measure(points)
    np.testing.assert_allclose(landmarks_lib.measure(points @ turn.T + [40, -9]), expected, atol=1e-6)
    stretched = landmarks_lib.measure(points * [1.0, 1.7])
    assert abs(stretched.mouth_corner_lift - expected.mouth_corner_lift) > 0.05
    wider = points.astype(float)
    wider[CORNERS] += [[-3, 0], [3, 0]]
    assert landmarks_lib.measure(wider).mouth_width > expected.mouth_width + 0.1
