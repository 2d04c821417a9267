"""A face's own folds are taken away where people have folds, and nothing that only looks alike."""

import numpy as np
import pytest
from editing.test_folds import bank, dot

from fvae_jax.editing import folds
from fvae_jax.ops.frame import WIDE

SIDE = 512
MOUTH = np.float32([[0.38, 0.66], [0.62, 0.66]])
CHEEK, SKIN = (0.34, 0.58), 150


def face(place=CHEEK, color=(120, 100, 80), wide=0.012):
    """Even skin with a spot."""
    y, x = (np.indices((SIDE, SIDE)) + 0.5) / SIDE
    image = np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    image[np.hypot(x - place[0], y - place[1]) < wide] = color
    return image


def at(place, image, folds_at=CHEEK):
    """What is done to the middle of a place, where people have folds at another one."""
    r = folds.softening(bank(dot(*folds_at)), image, MOUTH, WIDE)
    return r[round(place[1] * SIDE), round(place[0] * SIDE)]


def test_a_fold_and_its_ridge_become_what_skin_is_around_them_each_color_by_itself():
    np.testing.assert_allclose(at(CHEEK, face()), np.log(SKIN / np.array([120, 100, 80])), atol=0.04)
    np.testing.assert_allclose(at(CHEEK, face(color=(200, 200, 200))), np.log(SKIN / 200), atol=0.04)


def test_texture_stays():
    assert np.abs(at(CHEEK, face(color=(SKIN - 4,) * 3))).max() < 0.005


@pytest.mark.parametrize(
    'place',
    [
        pytest.param((0.7, 0.15), id='a mole on the forehead'),
        pytest.param((0.5, 0.53), id='a nostril'),
        pytest.param((WIDE.eye_x, WIDE.eye_y), id='a pupil'),
        pytest.param(tuple(MOUTH[0]), id='a corner of the mouth'),
        pytest.param((0.8, 0.5), id='an ear'),
    ],
)
def test_what_only_looks_like_a_fold_stays(place):
    away = place if place != (0.7, 0.15) else CHEEK  # people have folds there, or not at all near
    assert np.abs(at(place, face(place), away)).max() < 1e-3


def test_the_edge_of_a_face_stays():
    """Beyond it is a light wall; nothing of either is mixed into the other."""
    image = face((0, 0))
    image[:, : round(0.3 * SIDE)] = 235
    r = folds.softening(bank(dot(*CHEEK)), image, MOUTH, WIDE)
    assert np.abs(r[:, : round(0.32 * SIDE)]).max() < 0.03


def test_glasses_stay():
    """Rims are darker than creases beside an eye, or lighter than skin."""
    place = WIDE.eye_x, WIDE.eye_y + 0.065
    for rim in (30, 230):
        assert np.abs(at(place, face(place, (rim,) * 3), place)).max() < 0.02
    assert at(place, face(place, (125,) * 3), place).min() > 0.1
