"""The edges of lips in a photo, on drawn mouths whose edges are known."""

import cv2
import numpy as np
import pytest
from editing import mouths

from fvae_jax.editing import contour, opening
from fvae_jax.ops.frame import WIDE

SIDE = 512
UNIT = WIDE.eye_distance * SIDE


def off(found, points):
    """How far two lines are from a contour up and down, px on average, in the inner nine tenths of the mouth."""
    x = np.linspace(*np.quantile(points[:11, 0], (0.05, 0.95)), 50)
    bottom = np.concatenate([points[:1], points[:9:-1]])
    truth = np.interp(x, *points[:11].T), np.interp(x, *bottom.T)
    return np.mean([np.abs(np.interp(x, found.x, line) - at) for line, at in zip(found[1:], truth)])


@pytest.mark.parametrize('side', [512, 300])
def test_lines_go_to_where_teeth_end(side):
    image, points = mouths.drawn(np.random.default_rng(0))
    image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    points = (points + 0.5) * side / SIDE - 0.5
    near = opening.Opening(np.arange(points[0, 0], points[10, 0]), *_lines(points))
    place = np.linspace(-1, 1, len(near.x))
    bow = 0.03 * UNIT * side / SIDE * (1 - place**2)
    near = near._replace(top=near.top + bow, bottom=near.bottom + bow * (1 + 0.3 * place))
    before, after = off(near, points), off(contour.follow(near, image, WIDE), points)
    assert before > 2.3 * side / SIDE and after < 0.4 * before
    # Lines that are right stay where they are.
    right = opening.Opening(near.x, *_lines(points))
    assert off(contour.follow(right, image, WIDE), points) < 0.8 * side / SIDE


def _lines(points):
    x = np.arange(points[0, 0], points[10, 0])
    bottom = np.concatenate([points[:1], points[:9:-1]])
    return np.interp(x, *points[:11].T), np.interp(x, *bottom.T)


def test_without_regressions_it_is_what_the_network_sees_and_then_the_photo():
    image, points = mouths.drawn(np.random.default_rng(1))
    exact = opening.Opening(np.arange(points[0, 0], points[10, 0]), *_lines(points)).mask(SIDE)
    shifted = np.roll(exact, (3, 2), (0, 1))
    seen = cv2.resize(shifted, (128, 128), interpolation=cv2.INTER_AREA)
    found = contour.of(None, None, seen, image, WIDE)
    assert off(found, points) < 2.5
    assert contour.of(None, None, np.zeros((128, 128), np.float32), image, WIDE) is None


def test_a_face_too_small_for_colors_keeps_what_is_known():
    image = np.full((40, 40, 3), 128, np.uint8)
    near = opening.Opening(np.arange(15.0, 19.0), np.full(4, 27.0), np.full(4, 28.0))
    assert contour.follow(near, image, WIDE) is near


def test_a_mask_is_what_lies_between_the_lines():
    lips = opening.Opening(np.arange(10.0, 31.0), np.full(21, 12.0), np.full(21, 18.0))
    mask = lips.mask(40)
    assert mask.shape == (40, 40) and mask.sum() == pytest.approx(20 * 6, rel=0.05)
    assert mask[15, 20] == 1 and not mask[:10].any() and not mask[:, 33:].any()
    assert lips._replace(x=lips.x + 20).mask(40)[15, 39] == 1  # partly outside of the crop
