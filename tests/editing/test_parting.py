"""Lips that part, in drawn faces whose lips meet in a line that is known."""

import cv2
import numpy as np
import pytest

from fvae_jax.editing import parting
from fvae_jax.ops.frame import TIGHT

SIZE = 128
DISTANCE = TIGHT.eye_distance * SIZE
LINE = round(SIZE * (TIGHT.eye_y + 0.95 * TIGHT.eye_distance))  # the row on which lips meet
NONE = np.zeros((SIZE, SIZE), np.float32)


def face(line=LINE):
    """Skin, two lips of 6 px each and the dark line between them, (SIZE, SIZE, 3) in [-1, 1]."""
    crop = np.full((SIZE, SIZE, 3), 0.4, np.float32)
    crop[line - 6 : line + 7, 40:88] = (0.1, -0.3, -0.3)
    crop[line, 40:88] = -0.8
    return cv2.GaussianBlur(crop, (0, 0), 0.5)


def mouth(height, middle=LINE + 2.0, half=18.0):
    y, x = np.indices((SIZE, SIZE))
    edge = height / 2 * (1 - ((x - 63.5) / half) ** 2)
    return np.clip(edge - np.abs(y - middle) + 0.5, 0, 1).astype(np.float32)


def flow(alpha, height):
    """A flow as networks have it, smooth over the lips: what is below the mouth comes down by its height."""
    y, _ = np.indices((SIZE, SIZE), np.float32)
    down = np.clip((y - (LINE - 8)) / (height + 16), 0, 1) * height
    weight = cv2.GaussianBlur(alpha, (0, 0), 6)
    return np.dstack([np.zeros((SIZE, SIZE), np.float32), -down * np.minimum(2.5 * weight, 1)])


def shown(displacement):
    """The rows of the face that are seen in the middle column."""
    return np.arange(SIZE) + displacement[:, 63, 1]


@pytest.mark.parametrize('height', [10.0, 24.0])
def test_the_edges_of_an_opening_are_the_edges_of_the_lips(height):
    alpha = mouth(height, LINE + height / 2 - 2)
    displacement = flow(alpha, height)
    parted = parting.part(displacement, alpha, face(), NONE, TIGHT)
    rows = np.flatnonzero(alpha[:, 63] > 0.5)
    above, below = rows[0] - 1, rows[-1] + 1
    before, after = shown(displacement), shown(parted)
    assert before[below] - LINE > 3 or LINE - before[above] > 3  # a part of the lips was hidden
    gap = 0.012 * DISTANCE
    assert after[above] == pytest.approx(LINE - gap, abs=1.3) and after[below] == pytest.approx(LINE + gap, abs=1.3)
    # What is around follows without a fold, and what is far stays.
    assert np.all(np.diff(after[above - 12 : above + 1]) > 0) and np.all(np.diff(after[below : below + 20]) > 0)
    far = np.r_[0 : int(above - 0.4 * DISTANCE), int(below + 0.4 * DISTANCE) : SIZE]
    np.testing.assert_allclose(parted[far], displacement[far], atol=1e-4)
    np.testing.assert_array_equal(parted[..., 0], displacement[..., 0])


def test_the_line_is_found_where_it_is():
    for line in (LINE - 3, LINE + 3):
        alpha = mouth(14.0, line + 4.0)
        parted = parting.part(np.zeros((SIZE, SIZE, 2), np.float32), alpha, face(line), NONE, TIGHT)
        above = np.flatnonzero(alpha[:, 63] > 0.5)[0] - 1
        assert shown(parted)[above] == pytest.approx(line - 0.5, abs=1.3)


def test_a_tooth_between_lips_that_meet_is_no_lip():
    crop, alpha = face(), mouth(14.0)
    slit = NONE.copy()
    slit[LINE - 1 : LINE + 2, 56:72] = 0.6
    still = np.zeros((SIZE, SIZE, 2), np.float32)
    plain, wider = (shown(parting.part(still, alpha, crop, own, TIGHT)) for own in (NONE, slit))
    rows = np.flatnonzero(alpha[:, 63] > 0.5)
    assert wider[rows[0] - 1] < plain[rows[0] - 1] - 0.7 and wider[rows[-1] + 1] > plain[rows[-1] + 1] + 0.7


def test_nothing_happens_where_no_mouth_opens():
    displacement = np.random.default_rng(0).normal(size=(SIZE, SIZE, 2)).astype(np.float32)
    lid = np.roll(mouth(10.0), round(TIGHT.eye_y * SIZE) - LINE, axis=0)
    for alpha in (NONE, lid, 0.5 * mouth(20.0)):
        assert parting.part(displacement, alpha, face(), NONE, TIGHT) is displacement


def test_lips_part_without_a_jump():
    still = np.zeros((SIZE, SIZE, 2), np.float32)
    moved = [parting.part(still, mouth(height), face(), NONE, TIGHT) for height in np.linspace(0.5, 6, 45)]
    steps = [np.abs(after - before).max() for before, after in zip(moved, moved[1:])]
    assert moved[0].max() == 0 and np.abs(moved[-1]).max() > 1 and max(steps) < 0.7


def test_lips_that_are_apart_are_not_parted():
    still, alpha = np.zeros((SIZE, SIZE, 2), np.float32), mouth(14.0)
    pulled = [
        np.abs(parting.part(still, alpha, face(), own, TIGHT)).max() for own in (mouth(0.5), mouth(3.0), mouth(9.0))
    ]
    assert pulled[0] > 1 and pulled[2] == 0
