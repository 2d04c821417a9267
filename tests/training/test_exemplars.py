"""Mouths that are cut out of training photos: the widest of each person, nothing but what lies within the lips."""

import cv2
import numpy as np
import pytest
from training import album

from fvae_jax.data.people import open_faces
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import WIDE
from fvae_jax.training import exemplars, experiment

SIDE = 512
TOP = {'neutral': 301.0, 'smile': 340.0, 'scream': 420.0}  # where an inner lip ends, px; it begins at 300


def contour(bottom):
    """The inner lips, 160 px wide and upright, in the order of `lips`."""
    across = np.linspace(176, 336, 11)
    return np.stack([np.r_[across, across[-2:0:-1]], np.r_[np.full(11, 300.0), np.full(9, bottom)]], -1)


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    """A folder of twelve people with three expressions; skin is of one gray, mouths are of another."""

    def photos(person):
        found = {}
        for expression, bottom in TOP.items():
            image = np.full((SIDE, SIDE, 3), 100 + 5 * person, np.uint8)
            cv2.fillPoly(image, [np.rint(contour(bottom)).astype(np.int32)], (20, 40, 220))
            found[expression] = image, 'synthetic' if expression == 'scream' else 'real', contour(bottom)
        return found

    config = album.written(tmp_path_factory.mktemp('people'), photos)
    faces = open_faces(config)
    config.data.exemplars = tuple(sorted(faces.split.train)[:2])
    return config, faces


def test_the_widest_real_mouth_is_cut_out_at_the_resolution_of_the_photo(people):
    config, faces = people
    found = exemplars.collect(config, faces)
    assert found.expression == 'smile' and found.eye_distance == pytest.approx(WIDE.eye_distance * SIDE)
    assert len(found.pixels) == 2 and found.cavity is None
    for name, pixels, lip, light in zip(config.data.exemplars, found.pixels, found.lip, found.light):
        covered = pixels[..., 3] / 255
        # The lower corners are cut; the smile, not the wider scream, which is synthetic.
        np.testing.assert_allclose(covered.sum(), (160 - 16) * 40, rtol=0.03)
        column, row = np.rint(lip).astype(int)
        assert pixels[row + 20, column].tolist() == [218, 38, 19, 255]  # as ivory as most teeth
        assert pixels[row - 4, column].tolist() == [0, 0, 0, 0]  # no skin
        np.testing.assert_allclose(light * 255, 100 + 5 * int(name[1:]), atol=20)


def test_a_cavity_is_the_widest_mouth_of_all_and_nothing_around_it(people):
    config, faces = people
    config = config.copy_and_resolve_references()
    config.data.cavity = config.data.exemplars[0]
    cavity = exemplars.collect(config, faces).cavity
    assert cavity.shape[0] == pytest.approx(120, abs=3) and cavity.shape[1] == pytest.approx(160, abs=3)
    assert cavity[0].max() < 20
    # Light falls off towards the throat and the cheeks, and red is less loud; alpha is as it was.
    colors, alpha = cavity[..., :3].astype(int), cavity[..., 3]
    assert alpha[60, 80] == alpha[20, 80] == 255
    assert (
        colors[110, 80, 0] > 1.5 * colors[60, 80, 0] > 1.5 * colors[20, 80, 0] > 100
        and colors[60, 8, 0] < colors[60, 80, 0]
    )
    red, green, blue = colors[110, 80]
    assert red > 3.5 * green and red < 5 * green and blue < green


def test_they_are_asked_for_before_the_training(people, tmp_path):
    config, faces = people
    config = config.copy_and_resolve_references()
    config.data.exemplars = ('nobody',)
    with pytest.raises(InputError, match="'nobody' is not among the training people"):
        experiment.train(config, tmp_path / 'run')
    assert not (tmp_path / 'run' / 'checkpoints').exists()


def test_who_cannot_be_taken(people):
    config, faces = people
    config = config.copy_and_resolve_references()
    config.data.exemplars = ()
    assert exemplars.collect(config, faces) is None
    for name in ('nobody', faces.split.test[0]):
        config.data.exemplars = (name,)
        with pytest.raises(InputError, match=f"'{name}' is not among the training people"):
            exemplars.collect(config, faces)
    config.data.exemplars = faces.split.train[:1]
    config.data.root = '/nowhere'
    with pytest.raises(InputError, match="is not in data.root '/nowhere' any more"):
        exemplars.collect(config, faces)


def premultiplied(colors, alpha):
    return np.concatenate([colors * (alpha / 255), alpha], -1).round().astype(np.uint8)


def test_no_lower_lip_is_left_below_teeth():
    y, x = np.indices((60, 120))
    inside = np.abs(x - 60) < 50 * np.sqrt(np.clip(1 - y / 40, 0, 1))
    colors = np.where((y < 22)[..., None], (230, 224, 212), (180, 90, 100))  # teeth, and the rim of a lip
    colors[:22, ::12] = (90, 80, 75)  # between teeth
    pixels = premultiplied(colors, 255.0 * inside[..., None])
    kept = exemplars._without_lower_lip(pixels)
    middle = np.s_[:, 40:80]
    np.testing.assert_array_equal(kept[middle][:20], pixels[middle][:20])
    assert not kept[middle][26:].any() and pixels[middle][26:32, :, 3].all()
    outer = np.s_[:, 10:16]
    np.testing.assert_array_equal(kept[outer], pixels[outer])  # towards the corners it stays


def test_no_teeth_are_left_in_a_cavity_and_no_lips_around_it():
    y, x = np.indices((76, 104))
    inside = np.hypot((x - 52) / 50, (y - 38) / 37) < 1
    colors = np.where((y < 16)[..., None], (190, 185, 175), (90, 45, 45))
    colors[18:40] = (25, 8, 8)
    kept = exemplars._without_teeth(premultiplied(colors, 255.0 * inside[..., None]))
    assert kept[:12, :, :3].max() < 60 and kept[7:14, 45:60, 3].min() > 120
    np.testing.assert_array_equal(kept[50, 45:60, :3], np.full((15, 3), (90, 45, 45)))
    assert kept[..., 3].sum() < 0.95 * 255 * inside.sum() and np.all(kept[..., 3] <= 255 * inside)
