"""The networks: Figure 3, the VAE baseline, and the content layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fvae_jax import bundle, config as config_lib, losses
from fvae_jax.editing import editor
from fvae_jax.errors import InputError
from fvae_jax.models import fvae, interface
from fvae_jax.ops import warp


def _config(**fields):
    config = config_lib.default_config()
    config.data.image_size = 64
    config.model.width = 4
    for path, value in fields.items():
        group, name = path.split('__')
        config[group][name] = value
    return config


def _init(config):
    model = fvae.from_config(config)
    image = jnp.zeros((1, config.data.image_size, config.data.image_size, 3))
    return model, jax.jit(model.init)(jax.random.key(0), image, image)


def _shapes(config):
    model = fvae.from_config(config)
    size = config.data.image_size
    image = jnp.zeros((1, size, size, 3))
    return jax.eval_shape(lambda: model.init(jax.random.key(0), image, image))['params']


def _count(tree):
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


# (image size, width, latent channels) -> encoder, source pyramid, decoder.
PARAMETERS = {
    (128, 64, 0): (25_152_064, 6_275_648, 12_574_178),
    (128, 32, 64): (2_161_056, 1_571_104, 2_112_242),
    (64, 16, 64): (246_032, 98_448, 159_610),
    (256, 16, 0): (6_294_160, 1_574_544, 3_146_362),
}


@pytest.mark.parametrize('size, width, latent', PARAMETERS)
def test_parameter_counts(size, width, latent):
    shapes = _shapes(_config(data__image_size=size, model__width=width, model__latent_channels=latent))
    counts = tuple(_count(shapes[name]) for name in ('encoder', 'source_pyramid', 'decoder'))
    assert counts == PARAMETERS[size, width, latent]


def test_the_paper_s_network_has_44_million_parameters_and_a_4x4x1024_latent():
    config = config_lib.default_config()
    model = fvae.from_config(config)
    assert round(_count(_shapes(config)) / 1e6, 1) == 44.0
    image = jnp.zeros((1, 128, 128, 3))
    output = jax.eval_shape(lambda: model.init_with_output(jax.random.key(0), image, image)[0])
    assert output.latent.mean.shape == (1, 4, 4, 1024)
    assert output.decoded.flow.shape == (1, 128, 128, 2)


def test_no_bias_before_a_norm_and_no_norm_in_the_last_two_layers():
    params = _shapes(_config())['decoder']
    assert set(params['up1']['conv']['conv']) == {'kernel'} and 'norm' in params['up1']
    for last in ('up0', 'out'):
        assert set(params[last]) == {'conv'} and set(params[last]['conv']) == {'kernel', 'bias'}


@pytest.mark.parametrize('size, stages', [(64, 4), (128, 5), (256, 6)])
def test_stages_end_at_four_pixels(size, stages):
    assert interface.stage_widths(size, 2) == tuple(2 * 2**i for i in range(stages))


@pytest.mark.parametrize('parameterization', ['absolute', 'near_identity', 'residual'])
def test_flow_of_a_zero_head(parameterization):
    flow = fvae.flow_from_head(jnp.zeros((2, 8, 6, 2)), parameterization, 0.5)
    identity = np.broadcast_to(warp.identity_grid(8, 6), flow.shape)
    if parameterization == 'absolute':
        assert not np.any(flow)
    else:
        np.testing.assert_allclose(flow, identity, atol=1e-6)


def test_residual_reaches_its_scale_and_no_further():
    head = jnp.broadcast_to(jnp.asarray([1e3, -1e3]), (1, 4, 4, 2))
    offset = fvae.flow_from_head(head, 'residual', 0.25) - warp.identity_grid(4, 4)[None]
    np.testing.assert_allclose(offset[0, 0, 0], [0.25, -0.25], atol=1e-6)


@pytest.mark.parametrize('concat', ['pyramid', 'bottleneck'])
def test_flow_depends_on_source_and_target(concat):
    model, variables = _init(_config(model__source_concat=concat))
    # The initialisation is small; louder weights let every path show.
    variables = {**variables, 'params': jax.tree.map(lambda p: 8 * p, variables['params'])}
    key = jax.random.key(1)
    source, target = jax.random.uniform(key, (2, 3, 64, 64, 3), minval=-1)
    apply = jax.jit(model.apply)
    flow = apply(variables, source, target).decoded.flow
    for changed in ((target, target), (source, source)):
        assert np.abs(flow - apply(variables, *changed).decoded.flow).max() > 1e-6


def test_an_example_does_not_see_its_neighbours_at_test_time():
    model, variables = _init(_config())
    source, target = jax.random.uniform(jax.random.key(1), (2, 3, 64, 64, 3), minval=-1)
    apply = jax.jit(model.apply)
    together = apply(variables, source, target).image
    alone = apply(variables, source[:1], target[:1]).image
    np.testing.assert_allclose(together[:1], alone, atol=1e-6)


def test_noise_moves_the_latent_by_sigma():
    model, variables = _init(_config())
    image = jnp.zeros((1, 64, 64, 3))

    @jax.jit
    def both(variables):
        posterior = model.apply(variables, image, method='encode')
        features = model.apply(variables, image, method='features')
        moved = posterior.mean + jnp.exp(0.5 * posterior.log_variance)
        by_hand = model.apply(variables, moved, features, method='decode').flow
        return model.apply(variables, image, image, jnp.ones(posterior.mean.shape)).decoded.flow, by_hand

    np.testing.assert_allclose(*both(variables), atol=1e-6)


def test_bfloat16_keeps_float32_weights_and_flow():
    config = _config(model__dtype='bfloat16')
    model, variables = _init(config)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype('float32')}
    image = jax.random.uniform(jax.random.key(0), (1, 64, 64, 3), minval=-1)
    flow = jax.jit(model.apply)(variables, image, image).decoded.flow
    exact = jax.jit(fvae.from_config(_config()).apply)(variables, image, image).decoded.flow
    assert flow.dtype == jnp.float32
    np.testing.assert_allclose(flow, exact, atol=1e-2)


def _pixels(concat='none'):
    """The config of a VAE baseline: the FVAE's encoder, pixels for a flow, and S only where it is asked for."""
    config = _config(model__latent_channels=8, model__decoder='pixels', model__source_concat=concat)
    config.confidence.enabled = False
    config_lib.validate(config)
    return config


def _images(seed):
    return jax.random.uniform(jax.random.key(seed), (2, 64, 64, 3), minval=-1)


def _louder(variables):
    """Weights of 0.01 leave every output near zero; these do not."""
    return jax.tree.map(lambda x: 8 * x if x.ndim == 4 else x, variables)


@pytest.mark.parametrize('concat', ['none', 'bottleneck', 'pyramid'])
def test_the_source_is_seen_where_it_is_shown_and_nowhere_else(concat):
    model = fvae.from_config(_pixels(concat))
    assert isinstance(model, fvae.PixelVAE)
    source, other, target = map(_images, range(3))
    variables, apply = _louder(jax.jit(model.init)(jax.random.key(0), source, target)), jax.jit(model.apply)
    output = apply(variables, source, target)
    assert output.decoded is None and output.image.shape == (2, 64, 64, 3) and np.abs(output.image).max() <= 1
    change = np.abs(output.image - apply(variables, other, target).image).max()
    assert change == 0 if concat == 'none' else change > 1e-4
    assert np.abs(output.image - apply(variables, source, other).image).max() > 1e-4


def test_the_encoder_of_pixels_is_that_of_the_fvae():
    config = _pixels()
    pixels = _shapes(config)
    config.model.decoder, config.model.source_concat = 'flow', 'pyramid'
    flow = _shapes(config)
    assert jax.tree.map(lambda x: x.shape, pixels['encoder']) == jax.tree.map(lambda x: x.shape, flow['encoder'])
    assert 'source_pyramid' in flow and 'source_pyramid' not in pixels


def test_the_loss_of_pixels_has_no_eq_6():
    config = _pixels()
    target, image = _images(0), _images(1)
    output = fvae.Output(fvae.Latent(*jnp.zeros((2, 2, 4, 4, 8))), None, image)
    terms = losses.fvae_terms({'target': target}, output, config.loss)
    assert np.all(terms.coherence == 0) and np.all(terms.prior == 0)
    np.testing.assert_allclose(losses.total(terms, config.loss), np.sum((target - image) ** 2, (1, 2, 3)), rtol=1e-5)


def test_photos_are_not_edited_with_pixels():
    statistics = bundle.LatentStatistics({}, {}, {})
    with pytest.raises(InputError, match="model.decoder = 'flow'"):
        editor.Editor(bundle.Bundle(_pixels(), {}, None, statistics, {}))


def _model(content):
    """A network with or without the content layer, off as printed, and what it is run on."""
    config = _config(model__latent_channels=8, model__content=content)
    model = fvae.from_config(config)
    images = jax.random.uniform(jax.random.key(1), (2, 2, 64, 64, 3), minval=-1)
    return config, jax.jit(model.apply), jax.jit(model.init)(jax.random.key(0), *images), images


def test_without_a_content_layer_the_network_is_the_paper_s():
    _, apply, variables, (source, target) = _model(False)
    output = apply(variables, source, target)
    assert output.decoded.alpha_logit is None and output.decoded.color is None
    np.testing.assert_array_equal(output.image, output.warped)
    assert variables['params']['decoder']['out']['conv']['kernel'].shape[-1] == 2


def test_moved_pixels_come_before_content():
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
