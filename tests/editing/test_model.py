"""The model on aligned crops: anchored at the photo, steered by latents, masks at hand."""

import numpy as np
import pytest
import skimage.data
import skimage.transform
from editing import models

from fvae_jax.editing import model as model_lib
from fvae_jax.errors import InputError
from fvae_jax.ops import image as image_ops, warp


@pytest.fixture(scope='module')
def model():
    return model_lib.Model(models.random_bundle())


@pytest.fixture(scope='module')
def face(model):
    crop = skimage.transform.resize(skimage.data.astronaut()[:256, 96:352], (64, 64), anti_aliasing=True)
    return model.encode((255 * crop).round().astype(np.uint8))


def test_strength_zero_is_the_photo_bit_for_bit(model, face):
    for strengths in ({}, {'smile': 0.0}, {'smile': 0.0, 'surprise': 0.0}, {'neutral': 0.0}):
        displacement = model.displacement(face, model.edited_latent(face, strengths))
        assert displacement.shape == (64, 64, 2) and not np.any(displacement)
        np.testing.assert_array_equal(model.edit(face, strengths), face.crop)


def test_an_edit_moves_pixels_and_more_strength_is_another_edit(model, face):
    one, two = (model.displacement(face, model.edited_latent(face, {'smile': s})) for s in (1.0, 2.0))
    assert np.abs(one).max() > 1e-3 and np.abs(one - two).max() > 1e-3
    edited = model.edit(face, {'smile': 1.0})
    np.testing.assert_allclose(edited, warp.warp_by_displacement(face.crop, one), atol=1e-6)


def test_the_printed_form_is_not_anchored(model, face):
    free = model.displacement(face, face.latent, anchor=False)
    expected = np.asarray(warp.flow_to_displacement(face.own.flow))
    np.testing.assert_allclose(free, expected, atol=1e-4)
    assert np.abs(free).max() > 1e-3


def test_from_and_to(model, face):
    there = model.edited_latent(face, {'surprise': 1.0}, source='smile')
    means = model.bundle.statistics.class_means
    np.testing.assert_allclose(there - face.latent, means['surprise'] - means['smile'], atol=1e-5)
    back = model.edited_latent(face, {'neutral': 1.0}, source='smile')
    np.testing.assert_allclose(back - face.latent, means['neutral'] - means['smile'], atol=1e-5)


def test_sixteen_bits_are_the_same_face(model):
    crop = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    deep = model.encode(crop.astype(np.uint16) * 257)
    np.testing.assert_allclose(deep.crop, image_ops.to_float(crop), atol=1e-6)


def test_mask_logits_depend_on_photo_and_edit(model, face):
    one = model.mask_logits(face, face.latent)
    assert one.shape == (64, 64)
    assert np.abs(one - model.mask_logits(face, face.latent + 1)).max() > 1e-6
    with pytest.raises(InputError, match='no confidence mask'):
        bare = model_lib.Model(models.random_bundle(mask=False))
        bare.mask_logits(bare.encode(face.crop), face.latent)


@pytest.mark.parametrize(
    'strengths, words',
    [
        ({'smirk': 1.0}, "unknown expression 'smirk'; this model has neutral, smile, surprise"),
        ({'smile': float('nan')}, 'strength of smile is nan'),
        ({'neutral': float('inf')}, 'strength of neutral is inf'),
    ],
)
def test_what_cannot_be_asked_for(model, face, strengths, words):
    with pytest.raises(InputError, match=words):
        model.edited_latent(face, strengths)


def test_a_crop_of_another_size_is_refused(model):
    with pytest.raises(InputError, match=r'takes \(64, 64, 3\)'):
        model.encode(np.zeros((32, 32, 3), np.uint8))
