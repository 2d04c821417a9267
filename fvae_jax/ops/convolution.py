"""The convolutions of the networks ('SAME'), those of large images on a CPU computed where images are small.

XLA's convolutions on a CPU are slow where images are large and channels few, and ten times as slow in their gradients.
The first layer, the upsampling layers and the last layer of the networks are such. There 2×2 pixels with C channels
become one of 4 C channels, and a filter becomes one of 2×2 or 3×3 over these: the same sums, in another order. Other
platforms convolve as printed. Which of both is chosen when a program is lowered; an export for all platforms has both.

*Blocks* are such an image: (B, H, W, 2, 2, C), the row within a 2×2 square before the column; `_join` makes it
(B, 2H, 2W, C).
"""

import jax
import jax.numpy as jnp
from jax import lax

_LAYOUT = ('NHWC', 'HWIO', 'NHWC')


def convolve(x: jax.Array, kernel: jax.Array, stride: int = 1) -> jax.Array:
    """A convolution with zeros around ('SAME': of an odd number of them, the one more after the image).

    Args:
      x: (B, H, W, C), of even sides where the stride is 2.
      kernel: (side, side, C, features).
      stride: 1 or 2.

    Returns:
      (B, H / stride, W / stride, features).
    """

    def printed(x, kernel):
        return lax.conv_general_dilated(x, kernel, (stride, stride), 'SAME', dimension_numbers=_LAYOUT)

    if (len(kernel), stride) == (5, 2):
        return lax.platform_dependent(x, kernel, cpu=_convolve_halved, default=printed)
    return printed(x, kernel)


def convolve_upsampled(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Repeats every pixel twice in both directions, then convolves 3×3 (5.3).

    Args:
      x: (B, H, W, C).
      kernel: (3, 3, C, features).

    Returns:
      (B, 2H, 2W, features).
    """
    tuned = lambda x, kernel: _join(_convolve_upsampled(x, kernel))
    return lax.platform_dependent(x, kernel, cpu=tuned, default=_upsample_and_convolve)


def last_layers(
    x: jax.Array, kernel: jax.Array, bias: jax.Array, last_kernel: jax.Array, last_bias: jax.Array
) -> jax.Array:
    """The last two layers of a decoder (5.3): upsampling, 3×3, ReLU, and a 5×5 convolution of the large image.

    Args:
      x: (B, H, W, C).
      kernel: (3, 3, C, hidden).
      bias: (hidden,).
      last_kernel: (5, 5, hidden, features).
      last_bias: (features,).

    Returns:
      (B, 2H, 2W, features).
    """

    def layers(first, second):
        def run(x, kernel, bias, last_kernel, last_bias):
            return add_bias(second(jax.nn.relu(add_bias(first(x, kernel), bias)), last_kernel), last_bias)

        return run

    tuned, printed = layers(_convolve_upsampled, _convolve_blocks), layers(_upsample_and_convolve, convolve)
    return lax.platform_dependent(x, kernel, bias, last_kernel, last_bias, cpu=tuned, default=printed)


def add_bias(x: jax.Array, bias: jax.Array) -> jax.Array:
    """Adds (C,) to (…, C)."""
    return x + bias.reshape((1,) * (x.ndim - 1) + (-1,))


def _upsample_and_convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return convolve(jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), kernel)


def _join(blocks: jax.Array) -> jax.Array:
    """Blocks (B, H, W, 2, 2, C) → (B, 2H, 2W, C)."""
    batch, height, width, _, _, channels = blocks.shape
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(batch, 2 * height, 2 * width, channels)


def _convolve_upsampled(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """As `convolve_upsampled`, to blocks.

    The three taps of such a convolution fall on two pixels of the small image, on which two depends on the
    parity of the output pixel: four 2×2 convolutions of the small image give the same numbers with 16 products
    where the printed order takes 36, and without the large image (docs/paper.md, "Code vs paper").
    """
    batch, height, width, channels = x.shape
    # An even output pixel 2i sees pixels i - 1, i, i; an odd one sees i, i, i + 1.
    merge = lambda k: jnp.stack([jnp.stack([k[0], k[1] + k[2]]), jnp.stack([k[0] + k[1], k[2]])])
    taps = merge(jnp.moveaxis(merge(kernel), 2, 0))  # column parity, column tap, row parity, row tap, C, features
    taps = taps.transpose(3, 1, 4, 2, 0, 5).reshape(2, 2, channels, 4 * kernel.shape[-1])
    # All four at once: the window at (y, x) of the padded image serves output pixels of each parity.
    y = _convolve(x, taps).reshape(batch, height + 1, width + 1, 2, 2, kernel.shape[-1])
    rows = [jnp.stack([y[:, dy : dy + height, dx : dx + width, dy, dx] for dx in (0, 1)], 3) for dy in (0, 1)]
    return jnp.stack(rows, 3)


def _convolve_halved(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A 5×5 convolution of stride 2, as 3×3 over blocks."""
    taps = jnp.pad(kernel, ((1, 0), (1, 0), (0, 0), (0, 0)))  # output i reads pixels 2i - 1 … 2i + 3, blocks 2i - 2 …
    taps = taps.reshape(3, 2, 3, 2, *kernel.shape[2:]).transpose(0, 2, 1, 3, 4, 5)
    batch, height, width, channels = x.shape
    blocks = x.reshape(batch, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 2, 4, 5)
    # XLA's own gradient for a filter of few channels is quicker than ours.
    return _within_a_ring(_flat(blocks), taps.reshape(3, 3, -1, kernel.shape[-1]))


def _convolve_blocks(blocks: jax.Array, kernel: jax.Array) -> jax.Array:
    """A 5×5 convolution of the image that blocks stand for, as 3×3 over them → (B, 2H, 2W, features)."""
    *_, channels, features = kernel.shape
    # Six taps around a block for each parity of the output pixel.
    spread = lambda k: jnp.stack([jnp.pad(k, ((odd, 1 - odd), *[(0, 0)] * (k.ndim - 1))) for odd in (0, 1)])
    taps = spread(jnp.moveaxis(spread(kernel), 2, 0))  # column parity, column tap, row parity, row tap, C, features
    taps = taps.reshape(2, 3, 2, 2, 3, 2, channels, features).transpose(4, 1, 5, 2, 6, 3, 0, 7)
    y = _convolve(_flat(blocks), taps.reshape(3, 3, 4 * channels, 4 * features))
    return _join(y.reshape(*y.shape[:3], 2, 2, features))


def _flat(blocks: jax.Array) -> jax.Array:
    return blocks.reshape(*blocks.shape[:3], -1)


@jax.custom_vjp
def _convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`_within_a_ring` with gradients as matrix products: XLA's would take a hundred times as long."""
    return _within_a_ring(x, kernel)


def _within_a_ring(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(B, H, W, C) within one ring of zeros, for filters of side k = 2 or 3 → (B, H + 3 - k, W + 3 - k, features)."""
    return lax.conv_general_dilated(x, kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=_LAYOUT)


def _forward(x, kernel):
    return _convolve(x, kernel), (x, kernel)


def _backward(residuals, cotangent):
    """Both as one matrix product of what each pixel of x meets in the output, all taps side by side."""
    x, kernel = residuals
    batch, height, width, channels = x.shape
    side, *_, features = kernel.shape
    # Tap (dy, dx) takes pixel (y, x) to (y + 1 - dy, x + 1 - dx).
    ring = [(side - 2, size + 1 - out) for size, out in zip((height, width), cotangent.shape[1:3], strict=True)]
    padded = jnp.pad(cotangent, ((0, 0), *ring, (0, 0)))
    windows = [
        padded[:, side - 1 - dy : side - 1 - dy + height, side - 1 - dx : side - 1 - dx + width]
        for dy in range(side)
        for dx in range(side)
    ]
    met = jnp.concatenate(windows, -1).reshape(-1, side * side * features)
    to_x = met @ jnp.swapaxes(kernel, 2, 3).reshape(-1, channels)
    # In this order only x is transposed, which is the smaller one.
    to_kernel = lax.dot_general(x.reshape(-1, channels), met, (((0,), (0,)), ((), ())))
    return to_x.reshape(x.shape), jnp.moveaxis(to_kernel.reshape(channels, side, side, features), 0, 2)


_convolve.defvjp(_forward, _backward)
