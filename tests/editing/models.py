"""A small untrained model whose layers are loud enough that edits show."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from configs import synthetic
from fvae_jax import bundle as bundle_lib
from fvae_jax.models import fvae


def _config(content, shading):
    config = synthetic.get_config('tiny')
    config.model.content, config.model.shading = content, shading
    return config


@functools.cache
def _weights(content, shading):
    """Of the FVAE and of the mask."""
    config = _config(content, shading)
    image, z = jnp.zeros((1, 64, 64, 3)), jnp.zeros((1, 4, 4, 8))

    def loud(variables):
        return jax.tree.map(lambda x: np.asarray(6 * x if x.ndim == 4 else x), dict(variables))

    weights = loud(jax.jit(fvae.from_config(config).init)(jax.random.key(0), image, image))
    # Louder still: alpha is to cross the range in which it shows, and shading to be seen.
    louder = [1, 1, *([500, 200, 200, 200] if content else []), *([200] if shading else [])]
    last = weights['params']['decoder']['out']['conv']
    last['kernel'] = last['kernel'] * np.float32(louder)
    return weights, loud(jax.jit(fvae.mask_from_config(config).init)(jax.random.key(1), image, z))


def random_bundle(mask=True, content=False, shading=False):
    """Returns a Bundle with random weights and three expressions, which is the caller's to change."""
    config = _config(content, shading)
    weights, judge = jax.tree.map(np.copy, _weights(content, shading))
    rng = np.random.default_rng(0)
    means = {name: rng.normal(size=(4, 4, 8)).astype(np.float32) for name in ('neutral', 'smile', 'surprise')}
    within = {name: mean - means['neutral'] for name, mean in means.items()}
    stats = bundle_lib.LatentStatistics(means, within, dict.fromkeys(means, 5))
    return bundle_lib.Bundle(config, weights, judge if mask else None, stats, {'step': 12, 'licence': 'none'})


def mouths(widths=(1.0, 0.5), light=(0.5, 0.5), eye_distance=80.0):
    """Insides of mouths: stripes of white teeth, `widths` eye distances wide and 0.3 high, lip at (50, 20)."""
    pixels = np.zeros((len(widths), 60, 101, 4), np.uint8)
    for mouth, width in zip(pixels, widths):
        half = round(width * eye_distance / 2)
        inside = np.s_[20 : 20 + round(0.3 * eye_distance), 50 - half : 50 + half + 1]
        mouth[inside] = (240, 235, 220, 255)
        mouth[:, ::8] //= np.uint8([4, 4, 4, 1])
    lip = np.float32([[50, 20]] * len(widths))
    return bundle_lib.Exemplars(pixels, lip, np.float32([[level] * 3 for level in light]), eye_distance, 'smile')
