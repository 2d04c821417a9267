"""Shading: moved pixels become lighter or darker by e^r, anchored at the photo: strength 0 is the photo bit for bit."""

import dataclasses

import numpy as np
import pytest
import skimage.data
from editing import models

from fvae_jax.data import align
from fvae_jax.editing import editor as editor_lib, portrait, still
from fvae_jax.evaluation.methods.fvae import FVAE, Network
from fvae_jax.models import fvae
from fvae_jax.ops import image as image_ops, warp
from fvae_jax.photo.photo import Photo

PHOTO = Photo(skimage.data.astronaut())
SMILE = {'smile': 1.0}


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle(shading=True))


@pytest.fixture(scope='module')
def original(editor):
    return still.EditablePhoto(editor, PHOTO, align.detect_faces(PHOTO.pixels))


def test_shading_is_anchored_and_bounded(editor, original):
    face = original.encoded(1)
    assert face.own.alpha_logit is None and np.abs(face.own.shading).max() <= fvae.DARKEST
    own, moved = editor.change(face, face.latent), editor.change(face, editor.edited_latent(face, SMILE))
    assert not own.shading.any() and own.content is None
    printed = editor.change(face, editor.edited_latent(face, SMILE), anchor=False)
    np.testing.assert_allclose(moved.shading, printed.shading - face.own.shading, atol=1e-6)
    assert np.abs(moved.shading).mean() > 0.01


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_moved_pixels_are_multiplied(editor, original, dtype):
    factor = np.iinfo(dtype).max // 255
    photo = Photo(PHOTO.pixels.astype(dtype) * dtype(factor))
    open_photo = still.EditablePhoto(editor, photo, original.faces)
    made, moved = (open_photo.edit(SMILE, pixels_only=only).photo.pixels for only in (False, True))
    shading = editor.change(open_photo.encoded(1), editor.edited_latent(open_photo.encoded(1), SMILE)).shading
    box, carried = portrait.photo_shading(shading, open_photo.matrix(1), len(shading), photo.pixels.shape)
    y0, y1, x0, x1 = box
    expected = np.minimum(moved[y0:y1, x0:x1] * np.exp(carried[..., None] * portrait.SKIN), np.iinfo(dtype).max)
    assert np.abs(made[y0:y1, x0:x1] - expected).max() <= 0.51
    assert (made != moved)[y0:y1, x0:x1].mean() > 0.1
    outside = np.ones(made.shape[:2], bool)
    outside[y0:y1, x0:x1] = False
    np.testing.assert_array_equal(made[outside], photo.pixels[outside])
    unchanged = open_photo.edit(SMILE, strength=0.0).photo.pixels
    np.testing.assert_array_equal(unchanged, photo.pixels)


def test_opacity_is_left_alone(editor, original):
    alpha = np.full(PHOTO.pixels.shape[:2], 255, np.uint8)
    alpha[100:140] = 120
    shading = np.full((64, 64), 0.2, np.float32)
    box, carried = portrait.photo_shading(shading, original.matrix(1), len(shading), PHOTO.pixels.shape)
    shaded = portrait.shade_photo(dataclasses.replace(PHOTO, alpha=alpha), box, carried)
    np.testing.assert_array_equal(shaded.alpha, alpha)
    middle = np.s_[(box[0] + box[1]) // 2, (box[2] + box[3]) // 2]
    np.testing.assert_array_equal(
        shaded.pixels[middle], np.rint(np.minimum(PHOTO.pixels[middle] * np.exp(0.2 * portrait.SKIN), 255))
    )


def test_the_edited_crop_is_what_the_network_is_trained_to_show(editor, original):
    face = original.encoded(1)
    latent = editor.edited_latent(face, SMILE)
    made = editor.edit(face, SMILE, anchor=False)
    decoded = editor.decode(face, latent)
    trained = fvae.compose(warp.bilinear_sample(face.crop, decoded.flow), decoded)
    np.testing.assert_allclose(made, trained, atol=1e-5)


def test_two_faces_are_shaded_at_their_own_ends(editor, original):
    first = original.encoded(1)
    second = editor.encode(first.crop[:, ::-1])
    frames = {t: editor.between(first, second, t) for t in (0.0, 0.5, 1.0)}
    assert not frames[0.0].shadings[0].any() and not frames[1.0].shadings[1].any()
    assert all(shading.any() for shading in frames[0.5].shadings)
    for options in ({'pixels_only': True}, {'blend': 'paper'}):
        assert editor.between(first, second, 0.5, **options).shadings is None


def test_the_report_shades_where_it_lays_content(editor, original):
    crop = original.encoded(1).crop
    network = Network(editor)
    assert network.contents == [False, True]
    plain, shaded = (FVAE(network, content=content).edit(crop, 'neutral', 'smile', 1.0) for content in (False, True))
    change = network.change(crop, editor.edited_latent(original.encoded(1), SMILE))
    np.testing.assert_allclose(shaded, image_ops.shade(plain, change.shading), atol=1e-6)
    assert Network(editor_lib.Editor(models.random_bundle())).contents == [False]
