"""The networks as methods: printed forms, exact ends, and what the mask and the source are for."""

import jax
import numpy as np
import pytest
from editing import models

from configs import synthetic
from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import editor as editor_lib
from fvae_jax.evaluation.baselines import learned
from fvae_jax.evaluation.baselines.base import Pair
from fvae_jax.models import networks
from fvae_jax.ops import image as image_ops


def _crop(seed):
    smooth = np.random.default_rng(seed).uniform(-1, 1, (8, 8, 3))
    return np.repeat(np.repeat(smooth, 8, 0), 8, 1).astype(np.float32)


PAIR = Pair('someone', 'neutral', 'smile', _crop(0), _crop(1), _crop(2))


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle())


def _vae(concat):
    bundle = models.random_bundle(mask=False)
    config = synthetic.get_config('tiny')
    config.model.decoder, config.model.source_concat, config.confidence.enabled = 'pixels', concat, False
    weights = networks.from_config(config).init(jax.random.key(0), PAIR.source[None], PAIR.target[None])
    weights = jax.tree.map(lambda x: np.asarray(15 * x if x.ndim == 4 else x), dict(weights))
    return learned.VAE(bundle_lib.Bundle(config, weights, None, bundle.statistics, {}))


def test_reconstruction_is_the_printed_forward_pass(editor):
    network = networks.from_config(editor.bundle.config)
    expected = network.apply(editor.bundle.fvae, PAIR.source[None], PAIR.target[None]).image[0]
    np.testing.assert_allclose(learned.PrintedFVAE(editor).reconstruct(PAIR), expected, atol=2e-5)
    # Sharper, and otherwise the same.
    sharp = learned.FVAE(editor).reconstruct(PAIR)
    assert image_ops.laplacian_variance(sharp) > image_ops.laplacian_variance(expected)
    assert np.abs(expected - PAIR.source).max() > 0.05


def test_edits_and_interpolations_end_where_they_should(editor):
    for method in (learned.FVAE(editor), learned.FVAEWithoutMask(editor)):
        np.testing.assert_array_equal(method.interpolate(PAIR.source, PAIR.target, 0.0), PAIR.source)
        np.testing.assert_array_equal(method.interpolate(PAIR.source, PAIR.target, 1.0), PAIR.target)
        np.testing.assert_array_equal(method.edit(PAIR.source, 'neutral', 'smile', 0.0), PAIR.source)
        assert np.abs(method.edit(PAIR.source, 'neutral', 'smile', 1.0) - PAIR.source).max() > 0.01


def test_the_mask_decides_between_two_warps(editor):
    with_mask, without = (
        method(editor).interpolate(PAIR.source, PAIR.target, 0.5) for method in (learned.FVAE, learned.FVAEWithoutMask)
    )
    assert np.abs(with_mask - without).max() > 1e-3
    bare = editor_lib.Editor(models.random_bundle(mask=False))
    np.testing.assert_allclose(learned.FVAE(bare).interpolate(PAIR.source, PAIR.target, 0.5), without, atol=1e-5)


def test_the_confident_row_needs_a_second_source_and_a_mask(editor):
    method = learned.FVAEWithConfidence(editor)
    both = method.reconstruct(PAIR)
    single = [learned.FVAE(editor).reconstruct(PAIR._replace(source=s)) for s in (PAIR.source, PAIR.second)]
    assert np.all((both >= np.minimum(*single) - 1e-5) & (both <= np.maximum(*single) + 1e-5))
    assert method.reconstruct(PAIR._replace(second=None)) is None
    assert learned.FVAEWithConfidence(editor_lib.Editor(models.random_bundle(mask=False))).reconstruct(PAIR) is None
    assert method.edit(PAIR.source, 'neutral', 'smile', 1.0) is None


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
