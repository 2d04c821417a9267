"""The paper's VAE baseline (6.1): the same encoder, a decoder whose last layer predicts RGB directly."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from fvae_jax.models import blocks, fvae, interface


class PixelVAE(nn.Module):
    """f and a decoder to pixels; every method is called as that of `fvae.FVAE`.

    Attributes:
      widths: Channels of the stages.
      latent_channels: Channels of Z.
      source_concat: 'none' decodes Z alone, as in the paper; 'pyramid' and 'bottleneck' also show the decoder S, as
        g does.
      style: See `blocks.Style`.
    """

    widths: Sequence[int]
    latent_channels: int
    source_concat: str = 'none'
    style: blocks.Style = blocks.Style()

    def setup(self) -> None:
        self.encoder = fvae.Encoder(self.widths, self.latent_channels, self.style)
        if self.source_concat != 'none':
            self.source_pyramid = fvae.Stack(self.widths, self.style)
        self.decoder = fvae.Decoder(self.widths, 3, self.source_concat, self.style)

    def encode(self, target: jax.Array, train: bool = False) -> fvae.Latent:
        """f(T) for T (B, H, W, 3) in [-1, 1]."""
        return self.encoder(target, train)

    def features(self, source: jax.Array, train: bool = False) -> list[jax.Array]:
        """The source pyramid of S (B, H, W, 3), finest first; empty when S is not shown."""
        return [] if self.source_concat == 'none' else self.source_pyramid(source, train)

    def decode(self, latent: jax.Array, features: Sequence[jax.Array], train: bool = False) -> jax.Array:
        """The image (B, H, W, 3) in [-1, 1] from Z and the features of S."""
        return jnp.tanh(self.decoder(latent, features, train))

    def __call__(
        self, source: jax.Array, target: jax.Array, noise: jax.Array | None = None, train: bool = False
    ) -> fvae.Output:
        """Z(T) decoded to pixels; see `fvae.FVAE`."""
        posterior = self.encode(target, train)
        image = self.decode(posterior.sample(noise), self.features(source, train), train)
        return fvae.Output(posterior, None, image)


def from_config(config: ml_collections.ConfigDict) -> PixelVAE:
    """Builds the pixel VAE of an experiment's config."""
    return PixelVAE(
        widths=interface.stage_widths(config.data.image_size, config.model.width),
        latent_channels=interface.latent_channels(config),
        source_concat=config.model.source_concat,
        style=blocks.Style.from_config(config),
    )
