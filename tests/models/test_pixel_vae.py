"""The VAE baseline: the FVAE's encoder, pixels for a flow, and S only where it is asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fvae_jax import bundle, config as config_lib, losses
from fvae_jax.editing import editor
from fvae_jax.errors import InputError
from fvae_jax.models import fvae


def _config(concat='none'):
    config = config_lib.default_config()
    config.data.image_size, config.model.width, config.model.latent_channels = 64, 4, 8
    config.model.decoder, config.model.source_concat, config.confidence.enabled = 'pixels', concat, False
    config_lib.validate(config)
    return config


def _images(seed):
    return jax.random.uniform(jax.random.key(seed), (2, 64, 64, 3), minval=-1)


def _louder(variables):
    """Weights of 0.01 leave every output near zero; these do not."""
    return jax.tree.map(lambda x: 8 * x if x.ndim == 4 else x, variables)


@pytest.mark.parametrize('concat', ['none', 'bottleneck', 'pyramid'])
def test_the_source_is_seen_where_it_is_shown_and_nowhere_else(concat):
    model = fvae.from_config(_config(concat))
    assert isinstance(model, fvae.PixelVAE)
    source, other, target = map(_images, range(3))
    variables, apply = _louder(jax.jit(model.init)(jax.random.key(0), source, target)), jax.jit(model.apply)
    output = apply(variables, source, target)
    assert output.decoded is None and output.image.shape == (2, 64, 64, 3) and np.abs(output.image).max() <= 1
    change = np.abs(output.image - apply(variables, other, target).image).max()
    assert change == 0 if concat == 'none' else change > 1e-4
    assert np.abs(output.image - apply(variables, source, other).image).max() > 1e-4


def test_the_encoder_is_that_of_the_fvae():
    config = _config()
    shapes = lambda c: jax.eval_shape(fvae.from_config(c).init, jax.random.key(0), _images(0), _images(1))['params']
    pixels = shapes(config)
    config.model.decoder, config.model.source_concat = 'flow', 'pyramid'
    flow = shapes(config)
    assert jax.tree.map(lambda x: x.shape, pixels['encoder']) == jax.tree.map(lambda x: x.shape, flow['encoder'])
    assert 'source_pyramid' in flow and 'source_pyramid' not in pixels


def test_its_loss_has_no_eq_6():
    config = _config()
    target, image = _images(0), _images(1)
    output = fvae.Output(fvae.Latent(*jnp.zeros((2, 2, 4, 4, 8))), None, image)
    terms = losses.fvae_terms({'target': target}, output, config.loss)
    assert np.all(terms.coherence == 0) and np.all(terms.prior == 0)
    np.testing.assert_allclose(losses.total(terms, config.loss), np.sum((target - image) ** 2, (1, 2, 3)), rtol=1e-5)


def test_photos_are_not_edited_with_it():
    statistics = bundle.LatentStatistics({}, {}, {})
    with pytest.raises(InputError, match="model.decoder = 'flow'"):
        editor.Editor(bundle.Bundle(_config(), {}, None, statistics, {}))
