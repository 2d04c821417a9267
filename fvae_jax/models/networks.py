"""Which network an experiment trains."""

import ml_collections

from fvae_jax.models import fvae, pixel_vae


def from_config(config: ml_collections.ConfigDict) -> fvae.FVAE | pixel_vae.PixelVAE:
    """Builds the FVAE, or the pixel VAE it is compared with, by `config.model.decoder`."""
    return (fvae if config.model.decoder == 'flow' else pixel_vae).from_config(config)
