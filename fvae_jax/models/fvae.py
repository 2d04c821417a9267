"""The flow variational autoencoder of Figure 3: encoder f, source pyramid, decoder g, and a content layer beyond it.

And the paper's VAE baseline (6.1): the same encoder, a decoder whose last layer predicts RGB directly; and the mask M
of where g can be trusted (3.2).
"""

from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from fvae_jax.models import blocks, interface
from fvae_jax.models.interface import Decoded
from fvae_jax.ops import convolution, image as image_ops, warp


class Latent(NamedTuple):
    """The approximate posterior of Z given T (Eq. 2): μ and log σ², each (B, 4, 4, latent_channels)."""

    mean: jax.Array
    log_variance: jax.Array

    def sample(self, noise: jax.Array | None) -> jax.Array:
        """Z = μ + σ ⊙ ε (Eq. 2) for noise ε of the same shape; μ for None."""
        return self.mean if noise is None else self.mean + jnp.exp(0.5 * self.log_variance) * noise


class Output(NamedTuple):
    """What a training step looks at.

    Attributes:
      latent: The posterior of Z(T).
      decoded: F and the content layer. None from a pixel VAE.
      image: g(S, Z(T)), (B, H, W, 3) in [-1, 1]; with shading and content O = (1 − a) ⊙ warp ⊙ e^r + a ⊙ C, see
        `compose`.
      warped: The warp alone: S moved by F. None from a pixel VAE.
    """

    latent: Latent
    decoded: Decoded | None
    image: jax.Array
    warped: jax.Array | None = None


class Stack(nn.Module):
    """The strided stack of Figure 3: 5×5 w, then 3×3 2w 4w …, each stride 2, norm, ReLU.

    Attributes:
      widths: Channels of the stages.
      style: See `blocks.Style`.
    """

    widths: Sequence[int]
    style: blocks.Style

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> list[jax.Array]:
        """Maps (B, H, W, 3) to the stages' outputs: (B, H/2, W/2, w), …, (B, 4, 4, last width)."""
        x, outputs = image.astype(self.style.dtype), []
        for i, features in enumerate(self.widths):
            kernel = 5 if i == 0 else 3
            x = blocks.ConvNormRelu(features, kernel, stride=2, style=self.style, name=f'down{i + 1}')(x, train)
            outputs.append(x)
        return outputs


class Encoder(nn.Module):
    """f(T) = (μ(T), log σ²(T)).

    Attributes:
      widths, style: See `Stack`.
      latent_channels: Channels of Z.
    """

    widths: Sequence[int]
    latent_channels: int
    style: blocks.Style

    @nn.compact
    def __call__(self, target: jax.Array, train: bool) -> Latent:
        """Maps T (B, H, W, 3) to the posterior of Z."""
        x = Stack(self.widths, self.style, name='stack')(target, train)[-1]
        dtype = self.style.dtype
        heads = (blocks.Conv(self.latent_channels, dtype=dtype, name=name)(x) for name in Latent._fields)
        return Latent(*(head.astype(blocks.parameter_dtype(dtype)) for head in heads))


class Decoder(nn.Module):
    """The up-going half of Figure 3, from Z and the features of S to a few channels at full size.

    Attributes:
      widths: Channels of the encoder's stages; the decoder walks them backwards.
      channels: Output channels: 2 for a flow, 1 for a mask, 3 for pixels.
      source_concat: 'pyramid' joins S's features at every scale, 'bottleneck' only at 4×4; with 'none', which only a
        pixel VAE may have, there are no features.
      style: See `blocks.Style`.
    """

    widths: Sequence[int]
    channels: int
    source_concat: str
    style: blocks.Style

    @nn.compact
    def __call__(self, latent: jax.Array, features: Sequence[jax.Array], train: bool) -> jax.Array:
        """Decodes Z, (B, 4, 4, latent_channels), to (B, H, W, channels), before any tanh or sigmoid.

        Features are the outputs of the source pyramid, finest first; none when S is not shown at all. In training batch
        statistics are those of this batch.
        """
        x = latent.astype(self.style.dtype)
        if features:
            x = jnp.concatenate([x, features[-1]], axis=-1)
        for i in reversed(range(len(self.widths) - 1)):
            x = blocks.ConvNormRelu(self.widths[i], upsample=True, style=self.style, name=f'up{i + 1}')(x, train)
            if features and self.source_concat == 'pyramid':
                x = jnp.concatenate([x, features[i]], axis=-1)
        # 5.3: no normalization in the last two layers.
        hidden, dtype = self.widths[0] // 2, self.style.dtype
        up = blocks.Weights(hidden, 3, dtype, name='up0')(x.shape[-1])
        out = blocks.Weights(self.channels, 5, dtype, name='out')(hidden)
        x = convolution.last_layers(x.astype(dtype), *up, *out)
        return x.astype(blocks.parameter_dtype(dtype))


def flow_from_head(head: jax.Array, parameterization: str, scale: float) -> jax.Array:
    """Turns the decoder's last layer into F (3.1.1).

    Args:
      head: h, (..., H, W, 2), any real.
      parameterization: 'absolute': tanh(h), as printed. 'near_identity': tanh(atanh(0.99 · grid) + h) / 0.99,
        still a tanh, but h = 0 is the identity map. 'residual': grid + scale · tanh(h).
      scale: The longest displacement of 'residual', in normalised coordinates.

    Returns:
      F (..., H, W, 2) in normalised coordinates.
    """
    if parameterization == 'absolute':
        return jnp.tanh(head)
    grid = jnp.broadcast_to(warp.identity_grid(*head.shape[-3:-1], dtype=head.dtype), head.shape)
    if parameterization == 'near_identity':
        return jnp.tanh(jnp.arctanh(0.99 * grid) + head) / 0.99
    return grid + scale * jnp.tanh(head)


# Alpha starts at sigmoid(−3) = 0.05: moved pixels come first, and learn first.
ALPHA_BIAS = -3.0
# Folds and shadows of faces change the light by less than half or twice.
DARKEST = 0.7


class FVAE(nn.Module):
    """f, the source pyramid and g; with `model.content` and `model.shading` the last layer predicts more than a flow.

    Attributes:
      config: The experiment.
      style: See `blocks.Style`.
    """

    config: ml_collections.FrozenConfigDict
    style: blocks.Style

    def setup(self) -> None:
        widths = interface.stage_widths(self.config.data.image_size, self.config.model.width)
        self.encoder = Encoder(widths, interface.latent_channels(self.config), self.style)
        self.source_pyramid = Stack(widths, self.style)
        self.decoder = Decoder(widths, self.channels, self.config.model.source_concat, self.style)

    @property
    def channels(self) -> int:
        """Of the decoder's last layer."""
        return 2 + 4 * self.config.model.content + self.config.model.shading

    def encode(self, target: jax.Array, train: bool = False) -> Latent:
        """f(T) for T (B, H, W, 3) in [-1, 1]."""
        return self.encoder(target, train)

    def features(self, source: jax.Array, train: bool = False) -> list[jax.Array]:
        """The source pyramid s1, s2, … of S (B, H, W, 3), finest first; empty when S is not shown."""
        return [] if self.config.model.source_concat == 'none' else self.source_pyramid(source, train)

    def decode(self, latent: jax.Array, features: Sequence[jax.Array], train: bool = False) -> Decoded:
        """F, the content layer and r from Z and the features of S."""
        head = self.decoder(latent, features, train)
        flow = flow_from_head(head[..., :2], self.config.flow.parameterization, self.config.flow.scale)
        decoded = Decoded(flow)
        if self.config.model.content:
            decoded = decoded._replace(alpha_logit=head[..., 2] + ALPHA_BIAS, color=jnp.tanh(head[..., 3:6]))
        if self.config.model.shading:
            decoded = decoded._replace(shading=DARKEST * jnp.tanh(head[..., -1] / DARKEST))
        return decoded

    def __call__(
        self, source: jax.Array, target: jax.Array, noise: jax.Array | None = None, train: bool = False
    ) -> Output:
        """g(S, Z(T)) with Z = μ + σ ⊙ ε (Eq. 2, 5), of S and T, each (B, H, W, 3) in [-1, 1].

        Noise is ε, (B, 4, 4, latent_channels); None takes Z = μ. In training batch statistics are those of this batch.
        """
        posterior = self.encode(target, train)
        decoded = self.decode(posterior.sample(noise), self.features(source, train), train)
        warped = warp.bilinear_sample(source.astype(decoded.flow.dtype), decoded.flow)
        return Output(posterior, decoded, compose(warped, decoded), warped)


def compose(warped: jax.Array, decoded: Decoded) -> jax.Array:
    """O = (1 − a) ⊙ warp ⊙ e^r + a ⊙ C, (..., H, W, 3), light counted from black; what is not predicted falls out."""
    warped = image_ops.shade(warped, decoded.shading)
    if decoded.alpha_logit is None:
        return warped
    alpha = nn.sigmoid(decoded.alpha_logit)[..., None]
    return (1 - alpha) * warped + alpha * decoded.color


class PixelVAE(FVAE):
    """f and a decoder to pixels. With `model.source_concat` 'none' it decodes Z alone, as in the paper."""

    channels = 3

    def decode(self, latent: jax.Array, features: Sequence[jax.Array], train: bool = False) -> jax.Array:
        """The image (B, H, W, 3) in [-1, 1] from Z and the features of S."""
        return jnp.tanh(self.decoder(latent, features, train))

    def __call__(
        self, source: jax.Array, target: jax.Array, noise: jax.Array | None = None, train: bool = False
    ) -> Output:
        """Z(T) decoded to pixels; see `FVAE`."""
        posterior = self.encode(target, train)
        return Output(posterior, None, self.decode(posterior.sample(noise), self.features(source, train), train))


class ConfidenceMask(nn.Module):
    """M (3.2): a source pyramid and a decoder of g's shape with weights of their own.

    Attributes:
      config: The experiment.
      style: See `blocks.Style`.
    """

    config: ml_collections.FrozenConfigDict
    style: blocks.Style

    def setup(self) -> None:
        width = self.config.confidence.width or self.config.model.width
        widths = interface.stage_widths(self.config.data.image_size, width)
        self.source_pyramid = Stack(widths, self.style)
        self.decoder = Decoder(widths, 1, self.config.model.source_concat, self.style)

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


def from_config(config: ml_collections.ConfigDict) -> FVAE:
    """Builds the FVAE of an experiment's config, or the pixel VAE that it is compared with, by `model.decoder`."""
    network = FVAE if config.model.decoder == 'flow' else PixelVAE
    return network(ml_collections.FrozenConfigDict(config), blocks.Style.from_config(config))


def mask_from_config(config: ml_collections.ConfigDict) -> ConfidenceMask:
    """Builds the mask network of an experiment's config."""
    return ConfidenceMask(ml_collections.FrozenConfigDict(config), blocks.Style.from_config(config))
