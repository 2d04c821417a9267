"""Outlines of mouths that open, against shapes that are known better than their pixels tell."""

import numpy as np
import pytest

from fvae_jax.editing import opening

SIZE = 64
MIDDLE = (31.3, 40.6)


def lens(half, height, finer=8):
    """A mouth between two parabolas that meet in corners, `half` px to both sides: alpha by area, (SIZE, SIZE)."""
    y, x = (np.indices((SIZE * finer,) * 2) + 0.5) / finer - 0.5
    edge = height / 2 * (1 - ((x - MIDDLE[0]) / half) ** 2)
    inside = np.abs(y - MIDDLE[1]) < edge
    return inside.reshape(SIZE, finer, SIZE, finer).mean((1, 3)).astype(np.float32)


def disk(radius, finer=8):
    y, x = (np.indices((SIZE * finer,) * 2) + 0.5) / finer - 0.5
    inside = np.hypot(x - MIDDLE[0], y - MIDDLE[1]) < radius
    return inside.reshape(SIZE, finer, SIZE, finer).mean((1, 3)).astype(np.float32)


@pytest.mark.parametrize('half, height', [(14, 5), (12, 4), (16, 7)])
def test_edges_are_exact_and_lead_to_the_corners(half, height):
    x, top, bottom = opening.outline(lens(half, height))
    assert np.diff(x) == pytest.approx(0.25)
    inner = np.abs(x - MIDDLE[0]) < 0.8 * half
    edge = height / 2 * (1 - ((x - MIDDLE[0]) / half) ** 2)
    np.testing.assert_allclose(top[inner], MIDDLE[1] - edge[inner], atol=0.25)
    np.testing.assert_allclose(bottom[inner], MIDDLE[1] + edge[inner], atol=0.25)
    columns = np.flatnonzero((lens(half, height) > 0.5).any(0))
    ends = np.array([MIDDLE[0] - x[0], x[-1] - MIDDLE[0]])
    blunt = np.array([MIDDLE[0] - columns[0], columns[-1] - MIDDLE[0]])
    assert np.all(np.abs(ends - half) < np.abs(blunt - half)) and np.all(ends < half + 0.7)
    np.testing.assert_allclose(bottom[[0, -1]] - top[[0, -1]], 0, atol=0.8)


def test_a_round_opening_has_no_corners():
    x, top, bottom = opening.outline(disk(12))
    assert x[0] > MIDDLE[0] - 12.7 and x[-1] < MIDDLE[0] + 12.7
    assert np.all(bottom[[0, -1]] - top[[0, -1]] > 1.5)


@pytest.mark.parametrize('finer', [1, 4])
def test_it_is_drawn_at_any_resolution(finer):
    lips = opening.outline(lens(14, 5))
    y, x = (np.indices((SIZE * finer,) * 2) + 0.5) / finer - 0.5
    drawn = lips.alpha(x, y, 1 / finer)
    assert drawn.dtype == np.float32 and drawn.min() >= 0 and drawn.max() == 1
    assert drawn.sum() / finer**2 == pytest.approx(14 * 2 * 5 * 2 / 3, rel=0.08)  # the area between parabolas
    far = np.abs(y - MIDDLE[1]) > 3.5
    assert not drawn[far].any()


def test_nothing_opens():
    assert opening.outline(np.zeros((SIZE, SIZE), np.float32)) is None
    patch, first, width = opening.largest(np.zeros((SIZE, SIZE), np.float32))
    assert not patch.any() and (first, width) == (0, 0)
