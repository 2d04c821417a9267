"""What an FVAE takes and gives: for those who run its programs and do without Flax."""

from typing import NamedTuple

import jax
import ml_collections


class Decoded(NamedTuple):
    """What the decoder predicts.

    Attributes:
      flow: F, (B, H, W, 2), normalised; where each output pixel comes from in S.
      alpha_logit: Of the content layer: how much of a pixel is new, (B, H, W), alpha before its sigmoid. None without
        the layer.
      color: C, what is new, (B, H, W, 3) in [-1, 1]; None without the layer.
      shading: r, log of the ratio by which moved pixels become lighter or darker, (B, H, W), ± `fvae.DARKEST` at most;
        None from a network without it.
    """

    flow: jax.Array
    alpha_logit: jax.Array | None = None
    color: jax.Array | None = None
    shading: jax.Array | None = None


def stage_widths(image_size: int, width: int) -> tuple[int, ...]:
    """Channels of the encoder's stages: w, 2w, 4w, … until a side, px, a power of two from 16 on, is 4."""
    stages = (image_size // 4).bit_length() - 1
    return tuple(width * 2**i for i in range(stages))


def latent_channels(config: ml_collections.ConfigDict) -> int:
    """Channels of Z; those of the last stage unless the config says otherwise."""
    return config.model.latent_channels or stage_widths(config.data.image_size, config.model.width)[-1]
