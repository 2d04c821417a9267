"""Convolution stages shared by every network of Figure 3."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from fvae_jax.ops import convolution

# 5.3: "All the weights are initialized from a truncated Gaussian distribution with standard deviation
# of 0.01". He initialization was tried: the last layers then start too loud and the latent stays dead.
INITIALIZER = nn.initializers.truncated_normal(stddev=0.01)


def parameter_dtype(dtype: Any) -> Any:
    """Weights are kept in float32 even where the arithmetic is bfloat16."""
    return jnp.promote_types(dtype, jnp.float32)


class Style(NamedTuple):
    """What all layers of a network share.

    Attributes:
      momentum: Of the running statistics of batch normalization.
      axis_name: The mapped axis over which batch statistics are averaged (pmap); None under jit, where
        a batch sharded over devices is one batch.
      dtype: Arithmetic type.
    """

    momentum: float = 0.99
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @classmethod
    def from_config(cls, config: ml_collections.ConfigDict) -> 'Style':
        """Reads `config.model`."""
        return cls(momentum=config.model.norm_momentum, dtype=jnp.dtype(config.model.dtype))


class _Filter(nn.Module):
    """Kernel and bias of a convolution, in its arithmetic type, named and shaped as those of `nn.Conv`."""

    features: int
    side: int
    with_bias: bool
    dtype: Any

    @nn.compact
    def __call__(self, channels: int) -> list[jax.Array]:
        kept = parameter_dtype(self.dtype)
        weights = [self.param('kernel', INITIALIZER, (self.side, self.side, channels, self.features), kept)]
        if self.with_bias:
            weights.append(self.param('bias', nn.initializers.zeros, (self.features,), kept))
        return [weight.astype(self.dtype) for weight in weights]


class Weights(nn.Module):
    """Kernel and bias alone, named as those of a `Conv`, for `ops.convolution.last_layers`.

    Attributes:
      features, kernel, dtype: See `Conv`.
    """

    features: int
    kernel: int
    dtype: Any

    @nn.compact
    def __call__(self, channels: int) -> list[jax.Array]:
        """Returns kernel and bias for an input of so many channels."""
        return _Filter(self.features, self.kernel, True, self.dtype, name='conv')(channels)


class Conv(nn.Module):
    """A convolution with the paper's initialization and 'SAME' padding.

    Attributes:
      features: Output channels.
      kernel: Side of the filter, px.
      stride: Stride in both directions.
      upsample: Whether every pixel is first repeated twice in both directions (5.3); for 3×3 filters.
      bias: Whether a bias is added.
      dtype: Arithmetic type.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    upsample: bool = False
    bias: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (B, H, W, C) to (B, H / stride, W / stride, features); with `upsample` to (B, 2H, 2W, features)."""
        kernel, *bias = _Filter(self.features, self.kernel, self.bias, self.dtype, name='conv')(x.shape[-1])
        x = x.astype(self.dtype)
        y = convolution.convolve_upsampled(x, kernel) if self.upsample else convolution.convolve(x, kernel, self.stride)
        return convolution.add_bias(y, *bias) if bias else y


class ConvNormRelu(nn.Module):
    """Convolution, batch normalization, ReLU: every layer of Figure 3 but the last two (5.3).

    Attributes:
      features, kernel, stride, upsample: See `Conv`.
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
        momentum, axis_name, dtype = self.style
        # No bias before a norm: its gradient is zero but for rounding, which Adam would amplify.
        x = Conv(self.features, self.kernel, self.stride, self.upsample, bias=False, dtype=dtype, name='conv')(x)
        x = nn.BatchNorm(
            use_running_average=not train,
            momentum=momentum,
            axis_name=axis_name,
            dtype=dtype,
            param_dtype=parameter_dtype(dtype),
            name='norm',
        )(x)
        return nn.relu(x)
