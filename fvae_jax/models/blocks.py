"""Convolution stages shared by every network of Figure 3."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from fvae_jax.ops import convolution

# 5.3: "All the weights are initialized from a truncated Gaussian distribution with standard deviation
# of 0.01". He initialisation was tried: the last layers then start too loud and the latent stays dead.
INITIALIZER = nn.initializers.truncated_normal(stddev=0.01)


def parameter_dtype(dtype: Any) -> Any:
    """Weights are kept in float32 even where the arithmetic is bfloat16."""
    return jnp.promote_types(dtype, jnp.float32)


class Style(NamedTuple):
    """What all layers of a network share.

    Attributes:
      norm: 'batch' or 'group'.
      momentum: Of the running statistics of batch normalisation.
      axis_name: The mapped axis over which batch statistics are averaged (pmap); None under jit, where
        a batch sharded over devices is one batch.
      dtype: Arithmetic type.
    """

    norm: str = 'batch'
    momentum: float = 0.99
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @classmethod
    def from_config(cls, config: ml_collections.ConfigDict) -> 'Style':
        """Reads `config.model`."""
        model = config.model
        return cls(norm=model.norm, momentum=model.norm_momentum, dtype=jnp.dtype(model.dtype))


class Conv(nn.Module):
    """A convolution with the paper's initialisation and 'SAME' padding.

    Attributes:
      features: Output channels.
      kernel: Side of the filter, px.
      stride: Stride in both directions.
      upsample: Whether every pixel is first repeated twice in both directions (5.3); for 3×3 filters.
      blocks: With `upsample`, whether the result stays in blocks (`ops.convolution`), for a 5×5 layer that takes them.
      bias: Whether a bias is added.
      dtype: Arithmetic type.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    upsample: bool = False
    blocks: bool = False
    bias: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (B, H, W, C) to (B, H / stride, W / stride, features); with `upsample` to (B, 2H, 2W, features).

        Blocks (B, H, W, 2, 2, C) are mapped to (B, 2H, 2W, features).
        """
        y = _Filter(self.features, self.kernel, self.bias, self.dtype, name='conv')(x, self._convolve)
        return convolution.join(y) if self.upsample and not self.blocks else y

    def _convolve(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        if self.upsample:
            return convolution.convolve_upsampled(x, kernel)
        if x.ndim == 6:
            return convolution.convolve_blocks(x, kernel)
        if (self.kernel, self.stride) == (5, 2):
            return convolution.convolve_halved(x, kernel)
        return jax.lax.conv_general_dilated(
            x, kernel, (self.stride, self.stride), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
        )


class _Filter(nn.Module):
    """The weights of a convolution, named and shaped as those of `nn.Conv`, for other ways to convolve."""

    features: int
    side: int
    with_bias: bool
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, convolve: Callable[[jax.Array, jax.Array], jax.Array]) -> jax.Array:
        dtype = parameter_dtype(self.dtype)
        kernel = self.param('kernel', INITIALIZER, (self.side, self.side, x.shape[-1], self.features), dtype)
        y = convolve(x.astype(self.dtype), kernel.astype(self.dtype))
        if not self.with_bias:
            return y
        bias = self.param('bias', nn.initializers.zeros, (self.features,), dtype).astype(self.dtype)
        return y + bias.reshape((1,) * (y.ndim - 1) + (-1,))


class ConvNormRelu(nn.Module):
    """Convolution, normalisation, ReLU: every layer of Figure 3 but the last two (5.3).

    Attributes:
      features: Output channels.
      kernel: Side of the filter, px.
      stride: Stride in both directions.
      upsample: See `Conv`.
      style: See `Style`.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    upsample: bool = False
    style: Style = Style()

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps (B, H, W, C) as `Conv` does."""
        norm, momentum, axis_name, dtype = self.style
        # No bias before a norm: its gradient is zero but for rounding, which Adam would amplify.
        x = Conv(self.features, self.kernel, self.stride, self.upsample, bias=False, dtype=dtype, name='conv')(x)
        if norm == 'batch':
            x = nn.BatchNorm(
                use_running_average=not train,
                momentum=momentum,
                axis_name=axis_name,
                dtype=dtype,
                param_dtype=parameter_dtype(dtype),
                name='norm',
            )(x)
        else:
            x = nn.GroupNorm(norm_groups(self.features), dtype=dtype, param_dtype=parameter_dtype(dtype), name='norm')(
                x
            )
        return nn.relu(x)


def norm_groups(features: int) -> int:
    """Into how many groups group normalisation parts the channels of a layer."""
    return next(groups for groups in (32, 16, 8, 4, 2, 1) if features % groups == 0)


def stage_widths(image_size: int, width: int) -> tuple[int, ...]:
    """Channels of the encoder's stages: w, 2w, 4w, … until the side is 4 px.

    Args:
      image_size: Side of the image, a power of two from 16 on, px.
      width: w.
    """
    stages = (image_size // 4).bit_length() - 1
    return tuple(width * 2**i for i in range(stages))
