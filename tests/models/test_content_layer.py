"""The content layer: off as printed, moved pixels first when it starts, O between warp and C."""

import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax import config as config_lib, losses
from fvae_jax.models import fvae


def _model(content):
    config = config_lib.default_config()
    config.data.image_size, config.model.width, config.model.latent_channels = 64, 4, 8
    config.model.content = content
    model = fvae.from_config(config)
    images = jax.random.uniform(jax.random.key(1), (2, 2, 64, 64, 3), minval=-1)
    return config, jax.jit(model.apply), jax.jit(model.init)(jax.random.key(0), *images), images


def test_without_it_the_network_is_the_paper_s():
    _, apply, variables, (source, target) = _model(False)
    output = apply(variables, source, target)
    assert output.decoded.alpha_logit is None and output.decoded.color is None
    np.testing.assert_array_equal(output.image, output.warped)
    assert variables['params']['decoder']['out']['conv']['kernel'].shape[-1] == 2


def test_moved_pixels_come_first():
    config, apply, variables, (source, target) = _model(True)
    output = apply(variables, source, target)
    alpha = jax.nn.sigmoid(output.decoded.alpha_logit)
    np.testing.assert_allclose(alpha, 0.047, atol=0.005)
    np.testing.assert_allclose(output.image, output.warped * (1 - alpha[..., None]), atol=0.01)
    terms = losses.fvae_terms({'target': target}, output, config.loss)
    np.testing.assert_allclose(terms.content, alpha.sum((1, 2)), rtol=1e-5)
    assert np.all(terms.exposure == 0) and np.all(terms.flow_error == 0)


def test_composition_lies_between_warp_and_color():
    rng = np.random.default_rng(0)
    warped, color = rng.uniform(-1, 1, (2, 5, 4, 3)).astype(np.float32)
    decoded = lambda logit: fvae.Decoded(jnp.zeros((5, 4, 2)), jnp.full((5, 4), logit), jnp.asarray(color))
    np.testing.assert_allclose(fvae.compose(warped, decoded(-30.0)), warped, atol=1e-6)
    np.testing.assert_allclose(fvae.compose(warped, decoded(30.0)), color, atol=1e-6)
    np.testing.assert_allclose(fvae.compose(warped, decoded(0.0)), (warped + color) / 2, atol=1e-6)
