"""Baselines: known motion is found, ends are exact, and what is swapped goes the other way."""

import numpy as np
import pytest
import skimage.data
from scipy import ndimage

from fvae_jax.data import align
from fvae_jax.evaluation.cases import Pair
from fvae_jax.evaluation.methods import base, morphs, optical_flow
from fvae_jax.ops import image as image_ops, warp
from fvae_jax.ops.frame import TIGHT

SIZE = 64
INSIDE = slice(6, -6)
METHODS = [base.CrossFade(), optical_flow.OpticalFlow(), morphs.MeshMorph(TIGHT), morphs.FaceMorph(TIGHT)]
MOVING = METHODS[1:]


def name(method):
    return method.name


@pytest.fixture(scope='module')
def portrait():
    photo = skimage.data.astronaut()
    face = align.main_face(align.detect_faces(photo))
    return image_ops.to_float(align.align_crop(photo, align.crop_transform(face.landmarks, SIZE, TIGHT), SIZE))


def smooth_field(seed, largest=2.0):
    """A displacement (SIZE, SIZE, 2) whose longest arrow has `largest` px."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIZE, SIZE, 2)), (7, 7, 0))
    return (field * largest / np.linalg.norm(field, axis=-1).max()).astype(np.float32)


def warped(image, displacement):
    return np.asarray(warp.warp_by_displacement(image, displacement))


def error(displacement, truth):
    """Mean end-point error, px, away from the border."""
    return np.linalg.norm(displacement - truth, axis=-1)[INSIDE, INSIDE].mean()


def psnr(a, b):
    return float(image_ops.psnr(a[INSIDE, INSIDE], b[INSIDE, INSIDE]))


def pair(source, target, labels=('neutral', 'smile')):
    return Pair('astronaut', *labels, source, target)


@pytest.mark.parametrize('seed', range(3))
def test_flow_finds_a_known_field(portrait, seed):
    truth = smooth_field(seed)
    target = warped(portrait, truth)
    found, nothing = optical_flow.estimate(portrait, target), np.zeros_like(truth)
    assert found.shape == truth.shape and found.dtype == np.float32
    assert error(found, truth) < 0.35 * error(nothing, truth)
    # The other way round it is the opposite motion.
    swapped = optical_flow.estimate(target, portrait)
    assert error(swapped, truth) > 1.5 * error(nothing, truth)
    assert error(-swapped, truth) < 0.6 * error(nothing, truth)


def test_flow_counts_pixels_of_the_crop(portrait):
    found = optical_flow.estimate(portrait, np.roll(portrait, (1, 2), (0, 1)))
    np.testing.assert_allclose(np.median(found[INSIDE, INSIDE], axis=(0, 1)), [-2, -1], atol=0.15)


def test_flow_from_the_true_target_explains_it(portrait):
    target = warped(portrait, smooth_field(0))
    copy = base.Copy().reconstruct(pair(portrait, target))
    flow = optical_flow.OpticalFlow().reconstruct(pair(portrait, target))
    np.testing.assert_array_equal(copy, portrait)
    assert psnr(flow, target) > psnr(copy, target) + 6
    # Told another target it goes elsewhere.
    misled = optical_flow.OpticalFlow().reconstruct(pair(portrait, warped(portrait, -smooth_field(0))))
    assert psnr(misled, target) < psnr(copy, target)


@pytest.mark.parametrize('method', METHODS, ids=name)
def test_interpolation_begins_and_ends_with_the_crops(portrait, method):
    other = warped(portrait, smooth_field(1))
    np.testing.assert_array_equal(method.interpolate(portrait, other, 0.0), portrait)
    np.testing.assert_array_equal(method.interpolate(portrait, other, 1.0), other)
    middle = method.interpolate(portrait, other, 0.5)
    assert middle.shape == portrait.shape and middle.dtype == np.float32 and np.abs(middle).max() <= 1


@pytest.mark.parametrize('method', METHODS, ids=name)
def test_interpolation_is_the_same_from_both_ends(portrait, method):
    other = warped(portrait, smooth_field(1))
    there, back = method.interpolate(portrait, other, 0.3), method.interpolate(other, portrait, 0.7)
    np.testing.assert_allclose(there, back, atol=1e-3)
    assert np.abs(there - method.interpolate(portrait, other, 0.7)).max() > 0.05


def opened_mouth(portrait, share):
    """The portrait with its chin lowered: a motion that landmarks can see."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    hill = np.exp(-((columns - 31.5) ** 2 + (rows - 50) ** 2) / (2 * 7.0**2))
    return warped(portrait, np.stack([0 * hill, -4 * share * hill], axis=-1).astype(np.float32))


@pytest.mark.parametrize('method', MOVING, ids=name)
def test_opposite_motions_meet_in_the_middle(portrait, method):
    first, second = opened_mouth(portrait, -0.5), opened_mouth(portrait, 0.5)
    middle = method.interpolate(first, second, 0.5)
    faded = base.CrossFade().interpolate(first, second, 0.5)
    assert psnr(middle, portrait) > psnr(faded, portrait) + 1
    # A quarter of the way it is nearer to the frame there than to the one at three quarters.
    quarter = method.interpolate(first, second, 0.25)
    assert psnr(quarter, opened_mouth(portrait, -0.25)) > psnr(quarter, opened_mouth(portrait, 0.25)) + 2


def test_motion_arrives_where_it_is_at_t(portrait):
    rows, columns = np.mgrid[:SIZE, :SIZE]
    constant = np.broadcast_to(np.float32([4, 0]), (SIZE, SIZE, 2))
    np.testing.assert_allclose(
        optical_flow.motion_at(portrait, np.roll(portrait, 4, 1), constant, -constant, 0.25), constant, atol=1e-5
    )
    # A motion that grows to the right by 1/8 px per px stretches: what is at x was at (x - t·b) / (1 + t/8).
    forward = np.stack([columns / 8, 0 * rows], axis=-1).astype(np.float32)
    backward = np.stack([-columns / 9, 0 * rows], axis=-1).astype(np.float32)
    flat = np.zeros((SIZE, SIZE, 3), np.float32)
    for t in (0.0, 0.5, 1.0):
        motion = optical_flow.motion_at(flat, flat, forward, backward, t)
        expected = columns / (8 + t)
        np.testing.assert_allclose(motion[INSIDE, INSIDE, 0], expected[INSIDE, INSIDE], atol=0.05)
    assert np.abs(expected - columns / 8)[INSIDE, INSIDE].max() > 0.5


def test_composition_is_one_warp_for_two():
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    ramp = np.stack([columns, rows, 0 * rows], axis=-1)  # bilinear sampling is exact on it
    inner, outer = smooth_field(2, 4.0), smooth_field(3, 4.0)
    twice = warped(warped(ramp, inner), outer)[INSIDE, INSIDE]
    once, swapped = (
        warped(ramp, optical_flow.compose(*fields))[INSIDE, INSIDE] for fields in ((outer, inner), (inner, outer))
    )
    np.testing.assert_allclose(once, twice, atol=1e-4)
    assert np.abs(swapped - twice).max() > 0.5


@pytest.fixture(scope='module')
def average(portrait):
    def examples():
        for image in (portrait, portrait[:, ::-1]):
            for labels, field in FIELDS.items():
                source = np.ascontiguousarray(image)
                yield pair(source, warped(source, field), labels)

    return optical_flow.AverageFlow(examples())


FIELDS = {('smile', 'neutral'): smooth_field(4), ('neutral', 'surprise'): smooth_field(5)}


def test_average_flow_is_the_mean_over_people(portrait, average):
    for labels, field in FIELDS.items():
        nothing = np.zeros_like(field)
        assert error(average.displacement(*labels), field) < 0.4 * error(nothing, field)
    first, second = ({labels: FIELDS[labels]} for labels in FIELDS)
    assert error(average.displacement(*next(iter(first))), next(iter(second.values()))) > 0.7
    # Two people who move in opposite directions do not move on average.
    field = smooth_field(6)
    still = optical_flow.AverageFlow(
        [pair(portrait, warped(portrait, sign * field), ('neutral', 'sad')) for sign in (1, -1)]
    )
    assert error(still.displacement('neutral', 'sad'), 0 * field) < 0.35 * error(field, 0 * field)


def test_average_flow_goes_by_way_of_neutral(average):
    to_rest, from_rest = FIELDS.values()
    truth = optical_flow.compose(from_rest, to_rest)
    found = average.displacement('smile', 'surprise')
    assert error(found, truth) < 0.4 * error(0 * truth, truth)
    ways = average.displacement('smile', 'neutral'), average.displacement('neutral', 'surprise')
    np.testing.assert_array_equal(found, optical_flow.compose(*ways[::-1]))
    assert not np.allclose(found, optical_flow.compose(*ways), atol=0.02)
    assert average.displacement('surprise', 'smile') is None
    assert average.displacement('neutral', 'disgust') is None


def test_average_flow_edits_by_strength(portrait, average):
    np.testing.assert_array_equal(average.edit(portrait, 'smile', 'neutral', 0.0), portrait)
    half = average.edit(portrait, 'smile', 'neutral', 0.5)
    np.testing.assert_array_equal(half, base.warp_crop(portrait, average.displacement('smile', 'neutral') / 2))
    target = warped(portrait, FIELDS['smile', 'neutral'])
    made = average.reconstruct(pair(portrait, target, ('smile', 'neutral')))
    assert psnr(made, target) > psnr(portrait, target) + 3
    assert average.edit(portrait, 'smile', 'pucker', 1.0) is None
    assert average.reconstruct(pair(portrait, target, ('smile', 'pucker'))) is None


POINTS = np.array([[16, 20], [44, 18], [30, 30], [20, 46], [42, 44]], float)


@pytest.mark.parametrize('t', [0.0, 0.25, 1.0])
def test_the_mesh_moves_its_points_and_leaves_the_frame(t):
    moved = POINTS + [[2, 0], [2, 1], [-1, -1], [0, 3], [3, -2]]
    motion = morphs.mesh_motion(POINTS, moved, (SIZE, SIZE), t)
    between = np.rint((1 - t) * POINTS + t * moved).astype(int)
    np.testing.assert_allclose(motion[between[:, 1], between[:, 0]], moved - POINTS, atol=0.35)
    rim = np.concatenate([motion[[0, -1]], np.swapaxes(motion[:, [0, -1]], 0, 1)])
    assert np.abs(rim).max() < 0.1 < 2 < np.abs(motion).max()
    # It is linear in triangles: hardly any second difference away from their edges.
    bend = np.abs(np.diff(motion, 2, axis=1)).max(axis=-1)
    assert np.mean(bend < 1e-4) > 0.7 and bend.max() > 1e-2
    backward = morphs.mesh_motion(moved, POINTS, (SIZE, SIZE), 1 - t)
    np.testing.assert_allclose(motion, -backward, atol=1e-4)


def test_the_mesh_never_extrapolates():
    # Lips that close, cross and meet: triangles without area, and turned over.
    upper = np.array([[x, 40.0] for x in (24, 28, 32, 36, 40)])
    first, second = np.concatenate([upper, upper]), np.concatenate([upper - [0, 2], upper + [0, 5]])
    crossed = np.concatenate([upper + [0, 1], upper - [0, 1]])
    for start, end in ((first, second), (crossed, second)):
        for t in (0.0, 0.1, 0.5, 1.0):
            motion = morphs.mesh_motion(start, end, (SIZE, SIZE), t)
            assert np.isfinite(motion).all()
            assert np.abs(motion).max() <= np.abs(end - start).max() + 1e-5
    np.testing.assert_array_equal(morphs.mesh_motion(first, first, (SIZE, SIZE), 0.5), 0)


def test_methods_say_what_they_cannot_do(portrait, average):
    made = pair(portrait, portrait)
    can = {}
    for method in (base.Copy(), *METHODS, average):
        answers = {
            'reconstruct': method.reconstruct(made),
            'edit': method.edit(portrait, 'smile', 'neutral', 1.0),
            'interpolate': method.interpolate(portrait, portrait, 0.5),
        }
        can[method.name] = {question for question, answer in answers.items() if answer is not None}
    assert can == {
        'copy': {'reconstruct'},
        'cross-fade': {'interpolate'},
        'mesh morphing': {'interpolate'},
        f'optical flow ({optical_flow.KIND})': {'reconstruct', 'interpolate'},
        'face morphing (approximated)': {'interpolate'},
        f'average flow ({optical_flow.KIND})': {'edit'},
    }
