"""The model on aligned crops: anchored at the photo, steered by latents, masks at hand."""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
import skimage.data
import skimage.transform
from editing import models

from configs import synthetic
from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import model as model_lib
from fvae_jax.errors import InputError
from fvae_jax.models import compiled, fvae, interface
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
        (
            {'smirk': 1.0},
            r"unknown expression 'smirk' \(did you mean smile\?\); this model has neutral, smile, surprise",
        ),
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


def widened(width):
    """A model of random weights, as large as its width asks; and the size of its weights, bytes."""
    config = synthetic.get_config('tiny')
    config.model.width = width
    network, image = fvae.from_config(config), jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    shapes = jax.eval_shape(network.init, jax.random.key(0), image, image)
    weights = jax.tree.map(lambda leaf: np.random.default_rng(0).random(leaf.shape, np.float32) / 100, dict(shapes))
    means = {'neutral': np.zeros((4, 4, interface.latent_channels(config)), np.float32)}
    bundle = bundle_lib.Bundle(config, weights, None, bundle_lib.LatentStatistics(means, means, {'neutral': 1}), {})
    return bundle, sum(leaf.nbytes for leaf in jax.tree.leaves(weights))


_ENTRY = """
import sys
import numpy as np
from editing import test_model
from fvae_jax import runtime
from fvae_jax.editing import model
runtime.prepare()
bundle, size = test_model.widened(int(sys.argv[1]))
model.Model(bundle).encode(np.zeros((64, 64, 3), np.uint8))
print(size)
"""


@pytest.mark.parametrize('width, constant', [(16, True), (48, False)])
def test_only_small_weights_are_constants_of_the_compiled_decoder(tmp_path, width, constant):
    """In a process of its own, whose compiled programs are all that its cache holds."""
    env = {name: value for name, value in os.environ.items() if not name.startswith('JAX_COMPILATION')}
    env.update(FVAE_CACHE=str(tmp_path), PYTHONPATH='tests:.')
    root = pathlib.Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, '-c', _ENTRY, str(width)], cwd=root, env=env, capture_output=True, text=True, check=True
    )
    size = int(found.stdout)
    assert (size <= compiled.LARGEST_CONSTANTS) == constant
    (decoder,) = (tmp_path / 'xla').glob('decode-*.program')
    assert (decoder.stat().st_size > size / 2) == constant


def test_constants_change_nothing(face, monkeypatch):
    bundle = models.random_bundle()
    monkeypatch.setattr(compiled, 'LARGEST_CONSTANTS', 0)
    flow = model_lib.Model(bundle).encode(face.crop).own.flow
    np.testing.assert_allclose(flow, face.own.flow, atol=1e-5)


def test_between_two_faces_as_printed(face):
    """Algorithm 2 with the networks themselves: F, M and w = e^M / e^(M1 + M2), and nothing laid over."""
    bundle = models.random_bundle(content=True)
    model, t = model_lib.Model(bundle), np.float32(0.3)
    first, second = model.encode(face.crop), model.encode(face.crop[:, ::-1])
    found = model.between(first, second, t, 'paper', anchor=False)
    network, judge = fvae.from_config(bundle.config), fvae.mask_from_config(bundle.config)

    @jax.jit
    def flow_and_mask(crop, latent):
        features = network.apply(bundle.fvae, crop[None], method='features')
        flow = network.apply(bundle.fvae, latent, features, method='decode').flow[0]
        features = judge.apply(bundle.mask, crop[None], method='features')
        return flow, judge.apply(bundle.mask, latent, features, method='decode')[0]

    encode = jax.jit(lambda crop: network.apply(bundle.fvae, crop[None], method='encode').mean)
    latents, flows, masks = [encode(crop) for crop in (first.crop, second.crop)], [], []
    latent = latents[0] + t * (latents[1] - latents[0])
    for crop in (first.crop, second.crop):
        flow, logit = jax.device_get(flow_and_mask(crop, latent))
        flows.append(flow)
        masks.append(1 / (1 + np.exp(-logit)))
    grid = np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, 64)]), axis=-1)
    for displacement, flow in zip(found.displacements, flows):
        np.testing.assert_allclose(displacement, 31.5 * (flow - grid), atol=1e-3)
        assert np.abs(displacement).max() > 0.1
    for weight, mask in zip(found.weights, masks):
        np.testing.assert_allclose(weight, np.exp(mask) / np.exp(masks[0] + masks[1]), atol=1e-4)
    assert found.content is None and np.abs(sum(found.weights) - 1).max() > 0.1
    anchored = model.between(first, second, t, 'paper')
    assert anchored.content is None and np.abs(anchored.displacements[0] - found.displacements[0]).max() > 0.1
    np.testing.assert_array_equal(anchored.weights[0], found.weights[0])
    assert model.between(first, second, t, 'softmax', anchor=False).content is not None


def test_an_edit_as_printed(model, face):
    latent = model.edited_latent(face, {'smile': 1.0})
    expected = warp.warp_by_displacement(face.crop, model.displacement(face, latent, anchor=False))
    np.testing.assert_array_equal(model.edit(face, {'smile': 1.0}, anchor=False), np.asarray(expected))
    assert np.abs(expected - model.edit(face, {'smile': 1.0})).max() > 0.01
