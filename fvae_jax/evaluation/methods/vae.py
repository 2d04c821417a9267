"""The pixel VAE that the paper compares with (6.1)."""

import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import latent as latent_lib
from fvae_jax.evaluation.cases import Pair
from fvae_jax.evaluation.methods.base import Method
from fvae_jax.models import fvae


class VAE(Method):
    """The pixel decoder of 6.1: Z in, colors out; Algorithms 1 and 2 are walks in its own latent space."""

    def __init__(self, bundle: bundle_lib.Bundle):
        network = fvae.from_config(bundle.config)
        self.name = 'VAE' if bundle.config.model.source_concat == 'none' else 'VAE with source pyramid'
        self._statistics, self._kind = bundle.statistics, bundle.config.latent.direction
        variables = jax.device_put(bundle.fvae)
        encode = jax.jit(lambda v, crop: network.apply(v, crop, method='encode').mean)
        decode = jax.jit(
            lambda v, latent, source: network.apply(
                v, latent, network.apply(v, source, method='features'), method='decode'
            )
        )
        self._encode = lambda crop: np.asarray(encode(variables, crop[None])[0])
        self._decode = lambda latent, source: np.asarray(decode(variables, jnp.asarray(latent)[None], source[None])[0])

    def reconstruct(self, pair: Pair) -> np.ndarray:
        """Z(T), decoded."""
        return self._decode(self._encode(pair.target), pair.source)

    def edit(self, crop: np.ndarray, source: str, target: str, strength: float) -> np.ndarray:
        """Algorithm 1: Z(S) + strength · (Z_target − Z_source), decoded."""
        change = latent_lib.combine(self._statistics, {target: strength}, source, self._kind)
        return self._decode(self._encode(crop) + change, crop)

    def interpolate(self, first: np.ndarray, second: np.ndarray, t: float) -> np.ndarray:
        """Z between Z(S1) and Z(S2), decoded; a decoder that sees a source sees both in turn."""
        middle = np.asarray(latent_lib.interpolate(self._encode(first), self._encode(second), t))
        return (1 - t) * self._decode(middle, first) + t * self._decode(middle, second)
