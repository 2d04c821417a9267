"""Folds of other faces: where they are put, how deep they become, and that they move with the skin."""

import pathlib

import cv2
import numpy as np
import pytest
import skimage.data
from editing import models

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align
from fvae_jax.editing import editor as editor_lib, folds, portrait, still
from fvae_jax.ops.frame import TIGHT
from fvae_jax.photo import read
from fvae_jax.photo.photo import Photo

SIZE, SIDE = 64, 128
GRAY = np.zeros((SIZE, SIZE, 3), np.float32)  # of light 0.5
MOUTH = np.float32([[0.36, 0.74], [0.64, 0.74]])
PHOTO = Photo(skimage.data.astronaut())


def dot(x, y, radius=0.02):
    """A map with one dark dot at a place, as shares of the side."""
    down, across = (np.indices((SIDE, SIDE)) + 0.5) / SIDE
    return np.rint(-80 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * radius**2))).astype(np.int8)


def bank(*maps, corners=None, light=None, expressions=None):
    n = len(maps)
    return bundle_lib.Folds(
        np.stack(maps),
        np.stack(corners or [MOUTH] * n),
        np.float32(light or [0.5] * n),
        tuple(expressions or ['smile'] * n),
    )


def darkest(r):
    """Where a map is darkest, as shares of its side, (x, y)."""
    weights = np.maximum(-r, 0) ** 2
    down, across = (np.indices(r.shape) + 0.5) / len(r)
    return np.array([(across * weights).sum(), (down * weights).sum()]) / weights.sum()


def test_corners_are_where_the_opening_ends_brought_back_to_the_face():
    alpha = np.zeros((SIZE, SIZE), np.float32)
    cv2.ellipse(alpha, (32, 46), (10, 4), 0, 0, 360, 1.0, -1)
    np.testing.assert_allclose(folds.corners(alpha) * SIZE - 0.5, [[22, 46], [42, 46]], atol=0.6)
    moved = np.zeros((SIZE, SIZE, 2), np.float32)
    moved[:, :32], moved[:, 32:] = (3, 2), (-3, 2)  # they were nearer to each other, and lower
    np.testing.assert_allclose(folds.corners(alpha, moved) * SIZE - 0.5, [[25, 48], [39, 48]], atol=0.6)
    assert folds.corners(np.zeros((SIZE, SIZE))) is None


@pytest.mark.parametrize(
    'there', [MOUTH, MOUTH + np.float32([0.02, 0.0]), MOUTH + np.float32([0, 0.06]), MOUTH * [0.8, 1] + [0.1, 0]]
)
def test_folds_at_a_corner_of_the_mouth_lie_at_that_of_another_mouth_and_those_at_the_eyes_stay(there):
    at_corner = folds.place(bank(dot(*MOUTH[0])), GRAY, np.float32(there), TIGHT, {}).maps['smile']
    np.testing.assert_allclose(darkest(at_corner), there[0], atol=0.004)
    assert at_corner.min() == pytest.approx(-80 * folds.STEP, rel=0.05)
    below_eyes = folds.place(bank(dot(0.35, 0.42)), GRAY, np.float32(there), TIGHT, {}).maps['smile']
    np.testing.assert_allclose(darkest(below_eyes), [0.35, 0.42], atol=0.012)


def test_the_face_with_such_a_mouth_and_of_two_the_one_lit_alike_is_taken():
    left, right = dot(0.3, 0.6), dot(0.7, 0.6)
    wide = MOUTH * [1.2, 1] - [0.1, 0]
    chosen = lambda **options: darkest(
        folds.place(bank(left, right, **options), GRAY - 0.4, MOUTH, TIGHT, {}).maps['smile']
    )[0]
    assert chosen(corners=[MOUTH, np.float32(wide)]) < 0.5 < chosen(corners=[np.float32(wide), MOUTH])
    assert chosen(light=[0.3, 0.6]) < 0.5 < chosen(light=[0.6, 0.3])


def test_every_expression_has_folds_of_its_own():
    placed = folds.place(bank(dot(0.3, 0.6), dot(0.7, 0.6), expressions=['smile', 'sad']), GRAY, MOUTH, TIGHT, {})
    maps = placed.maps
    assert darkest(maps['smile'])[0] < 0.5 < darkest(maps['sad'])[0]
    still_there = np.zeros((SIZE, SIZE, 2), np.float32)
    both = folds.moved(placed, {'smile': 1.0, 'sad': 0.5}, still_there)
    np.testing.assert_allclose(both, maps['smile'] + 0.5 * maps['sad'], atol=1e-6)
    assert not folds.moved(placed, {'smile': 0.0, 'surprise': 1.0}, still_there).any()
    smiling = placed._replace(shown={'smile': 1.0})
    np.testing.assert_allclose(folds.moved(smiling, {'smile': 1.0}, still_there), 0.3 * maps['smile'], atol=1e-6)


def test_folds_move_with_the_skin():
    placed = folds.place(bank(dot(0.3, 0.6)), GRAY, MOUTH, TIGHT, {})
    up = np.full((SIZE, SIZE, 2), (0, 4), np.float32)  # every pixel comes from four px below
    moved = folds.moved(placed, {'smile': 1.0}, up)
    np.testing.assert_allclose(darkest(moved), [0.3, 0.6 - 4 / SIZE], atol=0.004)


def test_a_face_that_smiles_already_folds_less_and_no_fold_is_taken_away():
    assert folds.deepened(0.0, 1.0) == 1.0
    assert folds.deepened(0.8, 1.0) == pytest.approx(0.5)
    assert folds.deepened(0.0, 5.0) == pytest.approx(1.3)
    assert folds.deepened(1.0, -1.0) == folds.deepened(0.0, -1.0) == 0.0


def test_own_folds_go_as_far_as_a_smile_goes():
    placed = folds.place(bank(dot(0.3, 0.6)), GRAY, MOUTH, TIGHT, {'smile': 0.8})
    assert np.all(placed.maps['smile'] <= 0) and placed.own is None
    still_there = np.zeros((SIZE, SIZE, 2), np.float32)
    for added, share in ((-0.4, 0.4), (-1.0, 0.8), (0.3, 0.0)):  # no more goes than is shown
        assert not (folds.moved(placed, {'smile': added}, still_there) > 0).any()
        assert folds.taken(placed, {'smile': added}) == pytest.approx(share)


@pytest.fixture(scope='module')
def editor():
    return fvae_jax.load()


def test_edits_show_them_in_photos_and_crops_and_strength_0_is_the_photo(editor):
    """A composite face, which is neutral, and the model that ships."""
    photo = read.read_photo(pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg')
    plain = editor_lib.Editor(editor.bundle._replace(folds=None))
    opened, without = (still.EditablePhoto(one, photo, align.detect_faces(photo.pixels)) for one in (editor, plain))
    face = opened.encoded(1)
    assert set(face.folds.maps) == {'smile'} and without.encoded(1).folds is None
    np.testing.assert_array_equal(opened.edit(smile=0.0).photo.pixels, photo.pixels)
    latent = editor.edited_latent(face, {'smile': 1.0})
    folded, flat = editor.change(face, latent), editor.change(face._replace(folds=None), latent)
    np.testing.assert_array_equal(folded.displacement, flat.displacement)
    assert face.folds.own is not None
    added = folded.shading - portrait.enlarge(flat.shading[..., None], len(folded.shading))[..., 0]
    assert -0.4 < added.min() < -0.03 and not added[: len(added) // 8].any()  # no hair is shaded
    made, other = (one.edit(smile=1.0) for one in (opened, without))
    assert made.box == other.box and not np.array_equal(made.photo.pixels, other.photo.pixels)
    crops = [editor.edit(one, {'smile': 1.0}) for one in (face, face._replace(folds=None))]
    assert (crops[0] - crops[1]).min() < -0.02
    # An expression that has no folds of its own has none.
    sad = [one.edit(sad=1.0).photo.pixels.astype(int) for one in (opened, without)]
    assert np.abs(sad[0] - sad[1]).max() <= 1 and (sad[0] != sad[1]).mean() < 1e-3  # but for rounding


def test_shaded_skin_is_redder_but_in_a_gray_photo_gray():
    gray = Photo(np.repeat(PHOTO.pixels.mean(-1, keepdims=True), 3, -1).astype(np.uint8))
    bundle = models.random_bundle(shading=True)
    for photo, colored in ((PHOTO, True), (gray, False)):
        opened = still.EditablePhoto(editor_lib.Editor(bundle), photo, align.detect_faces(photo.pixels))
        shaded = opened.edit(smile=2.0).photo.pixels
        spread = np.ptp(shaded.astype(int), axis=-1)
        assert spread.any() if colored else not spread.any()
