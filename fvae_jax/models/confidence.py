"""The confidence mask M(S, Z) of section 3.2: where g(S, Z) can be trusted."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import ml_collections

from fvae_jax.models import blocks, fvae, interface


class ConfidenceMask(nn.Module):
    """M: a source pyramid and a decoder of g's shape with weights of their own.

    Attributes:
      config: The experiment.
      style: See `blocks.Style`.
    """

    config: ml_collections.FrozenConfigDict
    style: blocks.Style

    def setup(self) -> None:
        width = self.config.confidence.width or self.config.model.width
        widths = interface.stage_widths(self.config.data.image_size, width)
        self.source_pyramid = fvae.Stack(widths, self.style)
        self.decoder = fvae.Decoder(widths, 1, self.config.model.source_concat, self.style)

    def features(self, source: jax.Array, train: bool = False) -> list[jax.Array]:
        """The mask's own pyramid of S (B, H, W, 3), finest first."""
        return self.source_pyramid(source, train)

    def decode(self, latent: jax.Array, features: Sequence[jax.Array], train: bool = False) -> jax.Array:
        """The logits of M, (B, H, W), from Z and `features`; M is their sigmoid."""
        return self.decoder(latent, features, train)[..., 0]

    def __call__(self, source: jax.Array, latent: jax.Array, train: bool = False) -> jax.Array:
        """The logits of M(S, Z), (B, H, W), of S, (B, H, W, 3) in [-1, 1], and Z, (B, 4, 4, latent_channels).

        In training batch statistics are those of this batch.
        """
        return self.decode(latent, self.features(source, train), train)


def from_config(config: ml_collections.ConfigDict) -> ConfidenceMask:
    """Builds the mask network of an experiment's config."""
    return ConfidenceMask(ml_collections.FrozenConfigDict(config), blocks.Style.from_config(config))
