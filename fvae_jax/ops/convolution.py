"""A convolution of an enlarged image, computed where the image is still small."""

import jax
import jax.numpy as jnp
from jax import lax

_LAYOUT = ('NHWC', 'HWIO', 'NHWC')


def convolve_upsampled(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Repeats every pixel twice in both directions, then convolves 3×3 with zeros around ('SAME').

    The three taps of such a convolution fall on two pixels of the small image, on which two depends on the
    parity of the output pixel: four 2×2 convolutions of the small image give the same numbers with 16 products
    where the printed order takes 36, and without the large image (5.3; README, "Code vs paper").

    Args:
      x: (B, H, W, C).
      kernel: (3, 3, C, features).

    Returns:
      (B, 2H, 2W, features).
    """
    batch, height, width, _ = x.shape
    features = kernel.shape[-1]
    # All four at once: the window at (y, x) of the padded image serves output pixels of each parity.
    y = _convolve_2x2(x, _merge_taps(kernel))
    y = y.reshape(batch, height + 1, width + 1, 2, 2, features)
    rows = [jnp.stack([y[:, dy:dy + height, dx:dx + width, dy, dx] for dx in (0, 1)], 3) for dy in (0, 1)]
    return jnp.stack(rows, 2).reshape(batch, 2 * height, 2 * width, features)


def _merge_taps(kernel: jax.Array) -> jax.Array:
    """(3, 3, C, features) → (2, 2, C, 2 · 2 · features), parity of row and column before the features."""
    # An even output pixel 2i sees pixels i - 1, i, i; an odd one sees i, i, i + 1.
    merge = lambda k: jnp.stack([jnp.stack([k[0], k[1] + k[2]]), jnp.stack([k[0] + k[1], k[2]])])
    taps = merge(jnp.moveaxis(merge(kernel), 2, 0))  # column parity, column tap, row parity, row tap, C, features
    taps = taps.transpose(3, 1, 4, 2, 0, 5)
    return taps.reshape(2, 2, kernel.shape[2], 4 * kernel.shape[3])


@jax.custom_vjp
def _convolve_2x2(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(B, H, W, C) within one ring of zeros → (B, H + 1, W + 1, features)."""
    return lax.conv_general_dilated(x, kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=_LAYOUT)


def _forward(x, kernel):
    return _convolve_2x2(x, kernel), (x, kernel)


def _backward(residuals, cotangent):
    """XLA's own gradients of small filters over large images take ten times as long on a CPU."""
    x, kernel = residuals
    batch, height, width, channels = x.shape
    turned = jnp.swapaxes(kernel[::-1, ::-1], 2, 3)
    to_x = _convolve_2x2(cotangent, turned)[:, 1:-1, 1:-1]
    # For the filter: one matrix product per tap. Rows are laid end to end on the padded image's width, where a
    # tap is a shift; the zeros after each row of the cotangent keep what wraps around out of the sum.
    stride = width + 2
    rows = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(batch, -1, channels)
    seen = jnp.pad(cotangent, ((0, 0), (0, 0), (0, 1), (0, 0))).reshape(batch, (height + 1) * stride, -1)[:, :-1]
    shifts = [[dy * stride + dx for dx in (0, 1)] for dy in (0, 1)]
    product = lambda shift: jnp.einsum('bni,bno->io', rows[:, shift:shift + seen.shape[1]], seen)
    return to_x, jnp.stack([jnp.stack([product(shift) for shift in row]) for row in shifts])


_convolve_2x2.defvjp(_forward, _backward)
