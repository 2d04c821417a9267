"""Eyes follow a smile that goes less than the rest of the face."""

import numpy as np
import pytest

from fvae_jax.editing import eyes
from fvae_jax.ops.frame import TIGHT, WIDE

SIZE = 128


@pytest.mark.parametrize('frame', [TIGHT, WIDE])
def test_eyes_keep_most_of_it_and_what_is_farther_nothing(frame):
    moves = np.random.default_rng(0).normal(size=(SIZE, SIZE, 2)).astype(np.float32)
    calmed = eyes.calmed(moves, 1.0, frame)
    kept = (calmed / moves)[..., 0]
    np.testing.assert_allclose(calmed, kept[..., None] * moves, rtol=1e-5)
    for x, y in np.rint(frame.eye_centers(SIZE)).astype(int):
        assert kept[y, x] == pytest.approx(1 - eyes._KEPT, abs=1e-6)
    down, across = np.indices((SIZE, SIZE))
    away = np.min([np.hypot(across - x, down - y) for x, y in frame.eye_centers(SIZE)], axis=0)
    assert (kept[away > 0.6 * frame.eye_distance * SIZE] == 1).all()
    assert (np.diff(kept[round(frame.eye_y * SIZE) :, round(frame.eye_x * SIZE)]) >= -1e-6).all()  # no edge


def test_as_far_as_it_goes():
    moves = np.ones((SIZE, SIZE, 2), np.float32)
    assert eyes.calmed(moves, 0.0, WIDE) is moves
    half, whole = (1 - eyes.calmed(moves, taken, WIDE) for taken in (0.5, 1.0))
    np.testing.assert_allclose(half, whole / 2, atol=1e-6)
