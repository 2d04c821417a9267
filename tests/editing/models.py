"""A small untrained model whose layers are loud enough that edits show."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from configs import synthetic
from fvae_jax import bundle as bundle_lib
from fvae_jax.models import confidence, fvae


def _config(content):
    config = synthetic.get_config('tiny')
    config.model.content = content
    return config


@functools.cache
def _weights(content):
    """Of the FVAE and of the mask."""
    config = _config(content)
    image, z = jnp.zeros((1, 64, 64, 3)), jnp.zeros((1, 4, 4, 8))

    def loud(variables):
        return jax.tree.map(lambda x: np.asarray(6 * x if x.ndim == 4 else x), dict(variables))

    weights = loud(jax.jit(fvae.from_config(config).init)(jax.random.key(0), image, image))
    if content:
        # Louder still: alpha is to cross the range in which it shows.
        kernel = weights['params']['decoder']['out']['conv']['kernel']
        weights['params']['decoder']['out']['conv']['kernel'] = kernel * np.float32([1, 1, 500, 200, 200, 200])
    return weights, loud(jax.jit(confidence.from_config(config).init)(jax.random.key(1), image, z))


def random_bundle(mask=True, content=False):
    """Returns a Bundle with random weights and three expressions, which is the caller's to change."""
    weights, judge = jax.tree.map(np.copy, _weights(content))
    rng = np.random.default_rng(0)
    means = {name: rng.normal(size=(4, 4, 8)).astype(np.float32) for name in ('neutral', 'smile', 'surprise')}
    within = {name: mean - means['neutral'] for name, mean in means.items()}
    stats = bundle_lib.LatentStatistics(means, within, dict.fromkeys(means, 5))
    return bundle_lib.Bundle(_config(content), weights, judge if mask else None, stats, {'step': 12, 'licence': 'none'})
