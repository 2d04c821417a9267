"""The Editor on aligned crops: anchored at the photo, steered by latents, masks at hand."""

import numpy as np
import pytest
import skimage.data
import skimage.transform
from editing import models

from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError
from fvae_jax.ops import image as image_ops, warp


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle())


@pytest.fixture(scope='module')
def face(editor):
    crop = skimage.transform.resize(skimage.data.astronaut()[:256, 96:352], (64, 64), anti_aliasing=True)
    return editor.encode((255 * crop).round().astype(np.uint8))


def test_strength_zero_is_the_photo_bit_for_bit(editor, face):
    for strengths in ({}, {'smile': 0.0}, {'smile': 0.0, 'surprise': 0.0}, {'neutral': 0.0}):
        displacement = editor.displacement(face, editor.edited_latent(face, strengths))
        assert displacement.shape == (64, 64, 2) and not np.any(displacement)
        np.testing.assert_array_equal(editor.edit(face, strengths), face.crop)


def test_an_edit_moves_pixels_and_more_strength_is_another_edit(editor, face):
    one, two = (editor.displacement(face, editor.edited_latent(face, {'smile': s})) for s in (1.0, 2.0))
    assert np.abs(one).max() > 1e-3 and np.abs(one - two).max() > 1e-3
    edited = editor.edit(face, {'smile': 1.0})
    np.testing.assert_allclose(edited, warp.warp_by_displacement(face.crop, one), atol=1e-6)


def test_the_printed_form_is_not_anchored(editor, face):
    free = editor.displacement(face, face.latent, anchor=False)
    expected = np.asarray(warp.flow_to_displacement(face.own.flow))
    np.testing.assert_allclose(free, expected, atol=1e-4)
    assert np.abs(free).max() > 1e-3


def test_from_and_to(editor, face):
    there = editor.edited_latent(face, {'surprise': 1.0}, source='smile')
    means = editor.bundle.statistics.class_means
    np.testing.assert_allclose(there - face.latent, means['surprise'] - means['smile'], atol=1e-5)
    back = editor.edited_latent(face, {'neutral': 1.0}, source='smile')
    np.testing.assert_allclose(back - face.latent, means['neutral'] - means['smile'], atol=1e-5)


def test_sixteen_bits_are_the_same_face(editor):
    crop = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    deep = editor.encode(crop.astype(np.uint16) * 257)
    np.testing.assert_allclose(deep.crop, image_ops.to_float(crop), atol=1e-6)


def test_mask_logits_depend_on_photo_and_edit(editor, face):
    one = editor.mask_logits(face, face.latent)
    assert one.shape == (64, 64)
    assert np.abs(one - editor.mask_logits(face, face.latent + 1)).max() > 1e-6
    with pytest.raises(InputError, match='no confidence mask'):
        bare = editor_lib.Editor(models.random_bundle(mask=False))
        bare.mask_logits(bare.encode(face.crop), face.latent)


@pytest.mark.parametrize(
    'strengths, words',
    [
        ({'smirk': 1.0}, "unknown expression 'smirk'; this model has neutral, smile, surprise"),
        ({'smile': float('nan')}, 'strength of smile is nan'),
        ({'neutral': float('inf')}, 'strength of neutral is inf'),
    ],
)
def test_what_cannot_be_asked_for(editor, face, strengths, words):
    with pytest.raises(InputError, match=words):
        editor.edited_latent(face, strengths)


def test_a_crop_of_another_size_is_refused(editor):
    with pytest.raises(InputError, match=r'takes \(64, 64, 3\)'):
        editor.encode(np.zeros((32, 32, 3), np.uint8))
