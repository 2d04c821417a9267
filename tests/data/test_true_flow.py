"""The composed flow is the true one: against the closed form of the motion, and in pictures."""

import itertools

import numpy as np
import pytest
from test_synthetic_faces import _psnr, _warp

from fvae_jax.data import true_flow
from fvae_jax.data.drawn import expressions
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.data.drawn.paint import grid
from fvae_jax.data.drawn.traits import UNITS

SIZE = 128
FRAMES = [(e, 1.0 if e != 'neutral' else 0.0) for e in expressions.EXPRESSIONS]
PAIRS = list(itertools.permutations(FRAMES, 2))


@pytest.fixture(scope='module')
def face():
    return DrawnFace(seed=5, index=1, size=SIZE)


@pytest.fixture(scope='module')
def motions(face):
    return {frame: face.displacement(*frame) for frame in FRAMES + [('scream', 0.5)]}


def _analytic_flow(face, source, target_displacement):
    """Flow to `source` of skin, followed forward by the closed form from its neutral place."""
    x, y = grid(face.size)
    neutral = np.stack([x, y], -1) + target_displacement * UNITS / face.size
    u, v = np.moveaxis(neutral, -1, 0)
    upper, lower = (face.motion.forward(source[0], sheet, u, v) for sheet in expressions.SHEETS)
    moved = np.where((v > face.traits.lip_line(u))[..., None], lower, upper)
    return (neutral + source[1] * moved - np.stack([x, y], -1)) * face.size / UNITS


@pytest.fixture(scope='module')
def images(face):
    return {frame: face.image(*frame) for frame in FRAMES}


def _skin(face, displacement):
    """Where a picture shows skin, not eyeball."""
    x, y = grid(face.size)
    neutral = np.stack([x, y], -1) + displacement * UNITS / face.size
    return face.traits.eye_opening(neutral[..., 0], neutral[..., 1]) < -0.3


@pytest.mark.parametrize('source,target', PAIRS, ids=str)
def test_flow_is_the_motion_of_the_skin_to_a_tenth_of_a_pixel(face, motions, source, target):
    displacement, exposed, outside = true_flow.compose(*motions[source], *motions[target])
    shown = ~exposed & ~outside & _skin(face, motions[target][0])
    assert shown.mean() > 0.8
    truth = _analytic_flow(face, source, motions[target][0])
    error = np.hypot(*np.moveaxis(displacement - truth, -1, 0))[shown]
    assert np.mean(error > 0.1) < 0.005  # pixels across the edge of a lip or a lid
    assert np.percentile(error, 99) < 0.05
    assert np.percentile(np.hypot(*np.moveaxis(truth, -1, 0))[shown], 99) > 0.5  # no flow fails


@pytest.mark.parametrize('source,target', PAIRS, ids=str)
def test_warping_s_gives_t_where_t_is_not_exposed(motions, images, source, target):
    displacement, exposed, outside = true_flow.compose(*motions[source], *motions[target])
    exposed |= outside
    image_s, image_t = images[source], images[target]
    warped = _psnr(_warp(image_s, displacement), image_t, ~exposed)
    assert warped > 37
    assert warped > _psnr(image_s, image_t, ~exposed) + 6
    # Controls: the flow of the opposite direction, and this one shifted by two pixels.
    opposite, *_ = true_flow.compose(*motions[target], *motions[source])
    assert warped > _psnr(_warp(image_s, opposite), image_t, ~exposed) + 6
    assert warped > _psnr(_warp(image_s, displacement + (1.5, 0)), image_t, ~exposed) + 5


def test_from_the_neutral_picture_the_flow_is_what_the_set_stores(motions):
    for target, (displacement, exposed) in motions.items():
        flow, hidden, outside = true_flow.compose(*motions['neutral', 0.0], displacement, exposed)
        np.testing.assert_allclose(flow[~hidden & ~outside], displacement[~hidden & ~outside], atol=1e-4)
        assert np.array_equal(hidden, exposed), target
        assert not outside[8:-8, 8:-8].any()  # nothing leaves the frame but near it
        assert np.abs(displacement).any() == (target != ('neutral', 0.0))


def test_a_picture_is_its_own_source_except_for_what_the_neutral_one_hides(motions):
    for displacement, exposed in motions.values():
        flow, hidden, outside = true_flow.compose(displacement, exposed, displacement, exposed)
        assert np.array_equal(hidden, exposed) and not outside.any()
        np.testing.assert_allclose(flow[~hidden], 0, atol=1e-5)


def test_what_the_source_covers_is_exposed(face, motions):
    """Closed lids hide the eyeballs; a dropped jaw has left the frame, which hides nothing."""
    x, y = grid(SIZE)
    eyeball = face.traits.eye_opening(x, y) > 0.6
    covered = eyeball & (face.displacement('squint', 1.0)[0][..., 1] != 0)
    _, exposed, _ = true_flow.compose(*motions['squint', 1.0], *motions['neutral', 0.0])
    assert covered.sum() > 30
    assert exposed[covered].mean() > 0.9
    _, exposed, outside = true_flow.compose(*motions['scream', 1.0], *motions['neutral', 0.0])
    assert outside[-4:, 40:88].mean() > 0.9 and not exposed[-4:].any() and not exposed[:30].any()


def test_known_layers():
    """A lid that slides 3 px down over a still ball: rows 10 to 12 of the ball are covered."""
    still = np.zeros((32, 32, 2), np.float32), np.zeros((32, 32), bool)
    slid = np.zeros((32, 32, 2), np.float32)
    slid[:13, :, 1] = -3
    flow, exposed, outside = true_flow.compose(slid, still[1], *still)
    assert exposed[10:13].all() and not exposed[:10].any() and not exposed[13:].any() and not outside.any()
    np.testing.assert_allclose(flow[:10], np.broadcast_to((0, 3), (10, 32, 2)), atol=1e-5)
    np.testing.assert_allclose(flow[13:], 0, atol=1e-5)
    flow, exposed, outside = true_flow.compose(*still, slid, still[1])
    assert outside[:3].all() and not outside[3:].any() and not exposed.any()  # came in over the frame
    np.testing.assert_allclose(flow[3:], slid[3:], atol=1e-5)


def test_everything_hidden_leaves_no_source():
    field, none = np.zeros((16, 16, 2)), np.zeros((16, 16), bool)
    flow, exposed, outside = true_flow.compose(field, ~none, field, none)
    assert exposed.all() and not outside.any() and np.isfinite(flow).all()


def test_middle_frames_lie_between(face, motions):
    """Skin seen at p half-way has come by −d(p); the full way ends at p − d(p), twice as far."""
    half, exposed = motions['scream', 0.5]
    full, full_exposed = motions['scream', 1.0]
    inside = ~exposed & _skin(face, half)
    inside[:, :2] = inside[:, -2:] = inside[:2] = False
    inside[-14:] = False
    there = _warp(full, -half)
    clear = _warp((full_exposed | ~_skin(face, full)).astype(np.float32), -half) < 1e-3
    where = inside & clear
    assert where.mean() > 0.7
    error = np.hypot(*np.moveaxis(there - 2 * half, -1, 0))[where]
    assert np.percentile(error, 99) < 0.1
    assert np.hypot(*np.moveaxis(full - 2 * half, -1, 0))[where].max() > 1  # not a scaled field
