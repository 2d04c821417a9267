"""The confidence mask M(S, Z) of section 3.2: where g(S, Z) can be trusted."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import ml_collections

from fvae_jax.models import blocks, fvae, interface


class ConfidenceMask(nn.Module):
    """M: a source pyramid and a decoder of g's shape with weights of their own.

    Attributes:
      widths: Channels of the stages.
      source_concat: See `fvae.Decoder`.
      style: See `blocks.Style`.
    """

    widths: Sequence[int]
    source_concat: str = 'pyramid'
    style: blocks.Style = blocks.Style()

    def setup(self) -> None:
        self.source_pyramid = fvae.Stack(self.widths, self.style)
        self.decoder = fvae.Decoder(self.widths, 1, self.source_concat, self.style)

    def features(self, source: jax.Array, train: bool = False) -> list[jax.Array]:
        """The mask's own pyramid of S (B, H, W, 3), finest first."""
        return self.source_pyramid(source, train)

    def decode(self, latent: jax.Array, features: Sequence[jax.Array], train: bool = False) -> jax.Array:
        """The logits of M, (B, H, W), from Z and `features`; M is their sigmoid."""
        return self.decoder(latent, features, train)[..., 0]

    def __call__(self, source: jax.Array, latent: jax.Array, train: bool = False) -> jax.Array:
        """The logits of M(S, Z), (B, H, W).

        Args:
          source: S, (B, H, W, 3) in [-1, 1].
          latent: Z, (B, 4, 4, latent_channels).
          train: Whether batch statistics are those of this batch.
        """
        return self.decode(latent, self.features(source, train), train)


def from_config(config: ml_collections.ConfigDict) -> ConfidenceMask:
    """Builds the mask network of an experiment's config."""
    width = config.confidence.width or config.model.width
    return ConfidenceMask(
        widths=interface.stage_widths(config.data.image_size, width),
        source_concat=config.model.source_concat,
        style=blocks.Style.from_config(config),
    )
