"""Folds measured from photos: where skin is darker in an expression, and nothing where it does not fold."""

import cv2
import numpy as np
import pytest
from training import album

from fvae_jax.data.people import open_faces
from fvae_jax.editing.folds import STEP
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import WIDE
from fvae_jax.training import experiment, folds

SIDE = 512
MOUTH = np.float32([[0.40, 0.66], [0.60, 0.66]])
FOLD = (165, 310)  # px: beside the mouth, (x, y), in the neutral photo
RAISED = 6  # px by which skin rises in the smile


def skin(person):
    """Skin with pores, by which optical flow finds its way."""
    noise = np.random.default_rng(person).normal(size=(SIDE, SIDE, 1))
    pores = cv2.GaussianBlur(noise, (0, 0), 3)[..., None]
    return np.clip(150 + 10 * person + 200 * pores, 0, 255) * np.ones(3)


def line(image, depth):
    """Darkens an upright line 4 px wide by e^-depth."""
    x, y = FOLD
    down, across = np.indices((SIDE, SIDE), np.float32)
    ridge = np.exp(-(((across - x) / 6) ** 2)) * np.exp(-(((down - y) / 30) ** 4))
    return image * np.exp(-depth * ridge)[..., None]


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    def photos(person):
        neutral = skin(person % 8)
        smile = np.roll(1.1 * line(neutral, 0.25), -RAISED, axis=0)  # and the lamp is brighter
        return {'neutral': (neutral, 'real'), 'smile': (smile, 'real')}

    config = album.written(tmp_path_factory.mktemp('people'), photos)
    faces = open_faces(config)
    config.data.folds = tuple(sorted(faces.split.train)[:2])
    return config, faces


def test_a_fold_is_found_where_the_neutral_face_has_that_skin(people):
    config, faces = people
    found = folds.collect(config, faces, lambda crop: MOUTH)
    assert found.expressions == ('smile', 'smile') and found.maps.shape == (2, 256, 256)
    np.testing.assert_array_equal(found.corners, [MOUTH, MOUTH])
    assert (found.light > 0.5).all()
    for r in found.maps * STEP:
        y, x = np.unravel_index(np.argmin(r), r.shape)
        assert abs(2 * x - FOLD[0]) < 6 and abs(2 * y - FOLD[1]) < 40
        # Nine tenths of it, less what a blur of 2 px takes, and it may be a px off.
        assert r[FOLD[1] // 2, FOLD[0] // 2] == pytest.approx(-0.9 * 0.9 * 0.25, abs=0.04)
        # Where nothing folds there is nothing, though the lamp differs; pores moved.
        assert np.abs(r[FOLD[1] // 2, 256 - FOLD[0] // 2]) < 0.03


def test_eyes_lips_nostrils_and_hair_are_left_out(people):
    config, faces = people
    (r, _) = folds.collect(config, faces, lambda crop: MOUTH).maps
    eyes = np.rint(WIDE.eye_centers(256)).astype(int)
    mouth = np.rint(MOUTH.mean(0) * 256).astype(int)
    for x, y in (*eyes, mouth, (5, 60), (250, 60), (128, 4)):
        assert not r[y - 2 : y + 3, x - 2 : x + 3].any()


def test_who_has_no_mouth_that_is_found_is_left_out_and_named(people, caplog):
    config, faces = people
    assert len(folds.collect(config, faces, lambda crop: MOUTH).maps) == 2 and not caplog.records
    corners = iter([None, MOUTH])
    assert len(folds.collect(config, faces, lambda crop: next(corners)).maps) == 1
    first, second = config.data.folds
    (record,) = caplog.records
    assert (
        record.levelname == 'WARNING'
        and f"neutral photo of '{first}' ({first}_neutral.png), left out" in record.message
    )
    assert second not in record.message
    assert folds.collect(config, faces, lambda crop: None) is None
    config = config.copy_and_resolve_references()
    config.data.folds = ()
    assert folds.collect(config, faces, lambda crop: MOUTH) is None


def test_who_cannot_be_taken_is_named_before_the_training(people, tmp_path):
    config, faces = people
    config = config.copy_and_resolve_references()
    config.data.folds = config.data.exemplars = ('nobody',)
    config.model.content = config.model.shading = True
    with pytest.raises(InputError, match="'nobody' is not among the training people"):
        experiment.train(config, tmp_path / 'run')
    assert not (tmp_path / 'run' / 'checkpoints').exists()


def test_a_weak_smile_is_no_example(people):
    config, faces = people
    weak = [record._replace(strength=0.3) if record.expression == 'smile' else record for record in faces.data.records]
    with pytest.raises(InputError, match='has no photos with and without an expression'):
        folds.people(config, faces._replace(data=Weak(weak)))


class Weak:
    def __init__(self, records):
        self.records = records


def test_what_folds_need_is_said(people, tmp_path):
    config, _ = people
    with pytest.raises(InputError, match='config.data.folds needs config.model.shading = True'):
        experiment.train(config, tmp_path / 'run')
