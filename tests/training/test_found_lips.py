"""How lips are found is learned from contours, and finds those of people whom nobody has shown."""

import cv2
import numpy as np
import pytest
from editing import mouths
from training import album

from fvae_jax.data import lips as lips_lib
from fvae_jax.data.people import open_faces
from fvae_jax.editing import contour
from fvae_jax.ops.frame import WIDE
from fvae_jax.training import lips

UNIT = WIDE.eye_distance * mouths.SIDE


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    """A folder of people with drawn mouths."""
    table = ['path,' + ','.join(f'{axis}{i}' for i in range(lips_lib.POINTS) for axis in 'xy')]
    rng = np.random.default_rng(0)

    def photos(person):
        found = {}
        for expression in ('neutral', 'smile'):
            image, points = mouths.drawn(rng)
            found[expression] = image[..., ::-1], 'real'
            table.append(f'p{person}_{expression}.png,' + ','.join(map(str, points.ravel())))
        return found

    root = tmp_path_factory.mktemp('lips')
    config = album.written(root, photos, 40)
    (root / lips_lib.FILE).write_text('\n'.join(table))
    return config, open_faces(config)


def encode(crop):
    """Some numbers of the mouth's part of a crop, in place of a network's latent."""
    part = crop[len(crop) // 2 :, len(crop) // 5 : -len(crop) // 5].astype(np.float32)
    return cv2.resize(part, (4, 4), interpolation=cv2.INTER_AREA) / 255 - 0.5


def test_lips_of_strangers_are_found(people, monkeypatch):
    config, faces = people
    assert lips.collect(config, faces, encode) is None  # too few images
    monkeypatch.setattr(lips, '_FEWEST', 20)
    found = lips.collect(config, faces, encode)
    assert found.start.shape == (1 + 4 * 4 * 3, 2 * lips_lib.POINTS) and found.steps.shape[0] == len(contour.LOOKS)
    contour.check(found)
    rng, guessed, seen = np.random.default_rng(99), [], []
    for _ in range(20):
        image, points = mouths.drawn(rng)
        latent = encode(cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA))
        guess = contour.look(image, WIDE).in_px(contour.start(found.start, latent))
        guessed.append(np.linalg.norm(guess - points, axis=-1).mean() / UNIT)
        seen.append(np.linalg.norm(contour.find(found, latent, image, WIDE) - points, axis=-1).mean() / UNIT)
    assert np.mean(seen) < 0.5 * np.mean(guessed) and np.mean(seen) < 0.03, (np.mean(guessed), np.mean(seen))


def test_a_mirrored_contour_begins_on_the_left_too():
    _, points = mouths.drawn(np.random.default_rng(3))
    (_, moved), (_, mirrored) = lips._elsewhere(
        np.zeros((mouths.SIDE, mouths.SIDE, 3), np.uint8), points, 2, np.random.default_rng(0)
    )
    for contour_ in (moved, mirrored):
        assert contour_[0, 0] < contour_[5, 0] < contour_[10, 0] and contour_[5, 1] < contour_[15, 1]
