"""The networks as methods: printed forms, exact ends, and what the mask and the source are for."""

import jax
import numpy as np
import pytest
from editing import models

from configs import synthetic
from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import editor as editor_lib
from fvae_jax.evaluation.cases import Pair
from fvae_jax.evaluation.methods import fvae
from fvae_jax.evaluation.methods.base import warp_crop
from fvae_jax.models import fvae as networks
from fvae_jax.ops import image as image_ops


def _crop(seed):
    smooth = np.random.default_rng(seed).uniform(-1, 1, (8, 8, 3))
    return np.repeat(np.repeat(smooth, 8, 0), 8, 1).astype(np.float32)


PAIR = Pair('someone', 'neutral', 'smile', _crop(0), _crop(1), _crop(2))


@pytest.fixture(scope='module')
def network():
    return fvae.Network(editor_lib.Editor(models.random_bundle()))


@pytest.fixture(scope='module')
def maskless():
    return fvae.Network(editor_lib.Editor(models.random_bundle(mask=False)))


def _vae(concat):
    bundle = models.random_bundle(mask=False)
    config = synthetic.get_config('tiny')
    config.model.decoder, config.model.source_concat, config.confidence.enabled = 'pixels', concat, False
    weights = jax.jit(networks.from_config(config).init)(jax.random.key(0), PAIR.source[None], PAIR.target[None])
    weights = jax.tree.map(lambda x: np.asarray(15 * x if x.ndim == 4 else x), dict(weights))
    return fvae.VAE(bundle_lib.Bundle(config, weights, None, bundle.statistics, {}))


def test_reconstruction_is_the_printed_forward_pass(network):
    bundle = network.editor.bundle
    forward = jax.jit(networks.from_config(bundle.config).apply)
    expected = forward(bundle.fvae, PAIR.source[None], PAIR.target[None]).image[0]
    np.testing.assert_allclose(fvae.FVAE(network, bilinear=True).reconstruct(PAIR), expected, atol=2e-5)
    # Sharper, and otherwise the same.
    sharp = fvae.FVAE(network).reconstruct(PAIR)
    assert image_ops.laplacian_variance(sharp) > image_ops.laplacian_variance(expected)
    assert np.abs(expected - PAIR.source).max() > 0.05


def test_rows_say_what_ran(network):
    names = [fvae.FVAE(network, content=c, bilinear=b).name for c in (False, True) for b in (False, True)]
    assert names == ['FVAE', 'FVAE, bilinear (Eq. 5)', 'FVAE with content', 'FVAE with content, bilinear (as trained)']
    assert fvae.FVAE(network, masked=False).name == 'FVAE without mask'


def test_edits_and_interpolations_end_where_they_should(network):
    for method in (fvae.FVAE(network), fvae.FVAE(network, masked=False)):
        np.testing.assert_array_equal(method.interpolate(PAIR.source, PAIR.target, 0.0), PAIR.source)
        np.testing.assert_array_equal(method.interpolate(PAIR.source, PAIR.target, 1.0), PAIR.target)
        np.testing.assert_array_equal(method.edit(PAIR.source, 'neutral', 'smile', 0.0), PAIR.source)
        assert np.abs(method.edit(PAIR.source, 'neutral', 'smile', 1.0) - PAIR.source).max() > 0.01


def test_the_mask_decides_between_two_warps(network, maskless):
    with_mask, without = (
        fvae.FVAE(network, masked=masked).interpolate(PAIR.source, PAIR.target, 0.5) for masked in (True, False)
    )
    assert np.abs(with_mask - without).max() > 1e-3
    bare = fvae.FVAE(maskless).interpolate(PAIR.source, PAIR.target, 0.5)
    np.testing.assert_allclose(bare, without, atol=1e-5)


def test_content_is_laid_over_only_where_it_is_asked_for():
    network = fvae.Network(editor_lib.Editor(models.random_bundle(content=True)))
    alone, laid = (fvae.FVAE(network, content=content) for content in (False, True))
    for ask in (
        lambda method: method.reconstruct(PAIR),
        lambda method: method.edit(PAIR.source, 'neutral', 'smile', 1.0),
        lambda method: method.interpolate(PAIR.source, PAIR.target, 0.5),
    ):
        assert np.abs(ask(laid) - ask(alone)).max() > 5e-3
    # Alone it moves pixels, as if there were no such layer.
    moved = warp_crop(PAIR.source, alone.flow(PAIR))
    np.testing.assert_array_equal(alone.reconstruct(PAIR), moved)
    alpha = laid.alpha(PAIR)
    assert 0.05 < alpha.mean() < 0.95
    untouched = alpha < 1e-6
    np.testing.assert_allclose(laid.reconstruct(PAIR)[untouched], moved[untouched], atol=1e-5)


def test_the_confident_row_needs_a_second_source_and_a_mask(network, maskless):
    method = fvae.Confident(network)
    both = method.reconstruct(PAIR)
    single = [fvae.FVAE(network).reconstruct(PAIR._replace(source=s)) for s in (PAIR.source, PAIR.second)]
    assert np.all((both >= np.minimum(*single) - 1e-5) & (both <= np.maximum(*single) + 1e-5))
    assert method.reconstruct(PAIR._replace(second=None)) is None
    assert fvae.Confident(maskless).reconstruct(PAIR) is None
    assert method.edit(PAIR.source, 'neutral', 'smile', 1.0) is None


def test_an_image_is_encoded_once_for_all_methods(monkeypatch):
    editor, asked = editor_lib.Editor(models.random_bundle(content=True)), []
    encode, decode = editor._programs.encode, editor._programs.decode
    counting = editor._programs._replace(
        encode=lambda crop: asked.append('encode') or encode(crop),
        decode=lambda *args: asked.append('decode') or decode(*args),
    )
    monkeypatch.setattr(editor, '_programs', counting)
    network = fvae.Network(editor)
    methods = [fvae.FVAE(network, content=c, bilinear=b) for c in (False, True) for b in (False, True)]
    for method in (*methods, fvae.Confident(network)):
        method.reconstruct(PAIR)
    # S, T and the second source, each with the anchor of its edits; S and the second source with Z(T).
    assert asked.count('encode') == 3 and asked.count('decode') == 3 + 2
    # An equal image that was read again is the same image; another is not.
    methods[0].reconstruct(PAIR._replace(source=PAIR.source.copy()))
    assert asked.count('encode') == 3
    methods[0].reconstruct(PAIR._replace(source=PAIR.source[::-1]))
    assert asked.count('encode') == 4


def test_the_vae_decodes_the_target_s_latent():
    plain, pyramid = _vae('none'), _vae('pyramid')
    assert (plain.name, pyramid.name) == ('VAE', 'VAE with source pyramid')
    other = PAIR._replace(source=PAIR.second)
    np.testing.assert_array_equal(plain.reconstruct(PAIR), plain.reconstruct(other))
    assert np.abs(pyramid.reconstruct(PAIR) - pyramid.reconstruct(other)).max() > 1e-3
    # Its own reconstruction, not the photo: a VAE has no anchor.
    np.testing.assert_allclose(plain.edit(PAIR.target, 'neutral', 'smile', 0.0), plain.reconstruct(PAIR), atol=1e-5)
    assert np.abs(plain.edit(PAIR.target, 'neutral', 'smile', 1.0) - plain.reconstruct(PAIR)).max() > 1e-3
    ends = [plain.interpolate(PAIR.source, PAIR.target, t) for t in (0.0, 1.0)]
    np.testing.assert_allclose(ends[1], plain.reconstruct(PAIR), atol=1e-5)
    assert np.abs(ends[0] - ends[1]).max() > 1e-2
