"""Lips are found in people whom nobody has shown; lips at rest are those whom a config names, from neutral photos."""

import cv2
import numpy as np
import pytest
from editing import mouths
from training import album

from fvae_jax import config as config_lib
from fvae_jax.data import lips as lips_lib
from fvae_jax.data.people import open_faces
from fvae_jax.editing import contour, vermilion
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import WIDE
from fvae_jax.training import lips

UNIT = WIDE.eye_distance * mouths.SIDE


def drawn(root, people, neutral=None, smile=None):
    """A folder of people whose mouths, drawn, are open so far, eye distances, or by chance: its config."""
    rng = np.random.default_rng(0)

    def photos(person):
        found = {}
        for expression, open_ in (('neutral', neutral), ('smile', smile)):
            image, points = mouths.drawn(rng, open_=open_)
            found[expression] = image[..., ::-1], 'real', points
        return found

    return album.written(root, photos, people)


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    config = drawn(tmp_path_factory.mktemp('lips'), 40)
    return config, open_faces(config)


@pytest.fixture(scope='module')
def faces(tmp_path_factory):
    """People whose lips are of one color above and below their line; the contour of one is unknown."""
    root = tmp_path_factory.mktemp('faces')
    config = drawn(root, 12, neutral=0.0, smile=0.2)
    unknown = open_faces(config).split.train[-1]
    known = [line for line in (root / lips_lib.FILE).read_text().split() if not line.startswith(f'{unknown}_neutral')]
    (root / lips_lib.FILE).write_text('\n'.join(known))
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


def test_lips_are_lighter_or_darker_than_skin_and_end_where_they_do(faces):
    config, found = faces
    assert lips.resting(config, found) is None  # nobody is named
    config = config.copy_and_resolve_references()
    config.data.lips = found.split.train[:2]
    maps = lips.resting(config, found)
    assert maps.shape == (2, len(vermilion.DOWN), len(vermilion.ACROSS), 4) and maps.dtype == np.int8
    red = np.log(np.array([172, 92, 98]) / [205, 165, 145])  # lips beside skin, as they are drawn
    middle = len(vermilion.ACROSS) // 2
    assert not maps[:, :, [0, -1], 3].any()
    for down, shows in ((-0.22, False), (-0.04, True), (0.06, True), (0.28, False)):
        near = maps[:, np.abs(vermilion.DOWN - down) < 0.01, middle - 20 : middle + 20].mean((1, 2))
        assert (near[:, 3] == shows * vermilion.WHOLE).all()
        # Each one's color is a little another one.
        np.testing.assert_allclose(near[:, :3] * vermilion.STEP, [shows * red] * 2, atol=0.2 if shows else 0.05)


def test_who_cannot_be_taken_is_told_before_training(faces):
    config, found = faces
    config = config.copy_and_resolve_references()
    for name, reason in (
        ('nobody', "data.lips: 'nobody' is not among the training people"),
        (found.split.train[-1], 'has no neutral photo whose lips are in lips.csv'),
    ):
        config.data.lips = (name,)
        with pytest.raises(InputError, match=reason):
            lips.people(config, found)
    config.model.content = False
    with pytest.raises(InputError, match='config.data.lips needs config.model.content = True'):
        config_lib.validate(config)
