"""Images as numbers: conversions, PSNR, SSIM, regions."""

import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax.errors import InputError

Array = np.ndarray | jax.Array

# Gaussian window of Wang et al. (2004): deviation 1.5 pixels, cut at 3.5 deviations, 11 taps.
_SSIM_TAPS = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
_SSIM_TAPS /= _SSIM_TAPS.sum()


def to_float(image: Array) -> Array:
    """Converts uint8 of any shape, NumPy or JAX, to float32 in [-1, 1]; `to_uint8` gives the image back exactly.

    Raises:
      InputError: the image is not uint8.
    """
    xp = image.__array_namespace__()
    if image.dtype != xp.uint8:
        raise InputError(f'image has dtype {image.dtype}; to_float converts uint8')
    return image.astype(xp.float32) / 127.5 - 1


def to_uint8(image: Array) -> Array:
    """Converts floats of any shape, NumPy or JAX, clipped to [-1, 1], to the nearest uint8."""
    xp = image.__array_namespace__()
    return xp.round((xp.clip(image, -1, 1) + 1) * 127.5).astype(xp.uint8)


def psnr(a: jax.Array, b: jax.Array) -> jax.Array:
    """Peak signal-to-noise ratio of each image, peak-to-peak 2.

    Args:
      a: (..., H, W, C), floats in [-1, 1].
      b: same shape as `a`.

    Returns:
      (...), decibels; infinity where the images are identical.
    """
    mean_square = jnp.mean(jnp.square(a - b), axis=(-3, -2, -1))
    return 10 * jnp.log10(4 / mean_square)


def ssim(a: jax.Array, b: jax.Array) -> jax.Array:
    """Structural similarity of each image (Wang et al., 2004), mean over pixels and channels.

    Gaussian window with deviation 1.5, K1 = 0.01, K2 = 0.03, data range 2, population covariance;
    only windows that lie inside the image count.

    Args:
      a: (..., H, W, C), floats in [-1, 1], at least 11 pixels high and wide.
      b: same shape as `a`.

    Returns:
      (...), 1 where the images are identical.
    """

    def blur(x):
        # Shifted sums, not a convolution: full float32 on every backend.
        for axis in (-3, -2):
            size = x.shape[axis] - len(_SSIM_TAPS) + 1
            x = sum(float(tap) * jax.lax.slice_in_dim(x, k, k + size, axis=axis) for k, tap in enumerate(_SSIM_TAPS))
        return x

    a, b = jnp.asarray(a), jnp.asarray(b)
    mean_a, mean_b = blur(a), blur(b)
    variances = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (variances + c2))
    return jnp.mean(similarity, axis=(-3, -2, -1))


def shade(image: Array, shading: Array | None) -> Array:
    """Multiplies the light of an image, counted from black, by e^r; not clipped at white.

    Args:
      image: (..., H, W, C) in [-1, 1], NumPy or JAX.
      shading: r, (..., H, W); None leaves the image as it is.
    """
    if shading is None:
        return image
    xp = image.__array_namespace__()
    return image + (image + 1) * xp.expm1(shading)[..., None]  # where r is 0, bit for bit


def crop_region(image: Array, rows: tuple[float, float], columns: tuple[float, float]) -> Array:
    """Cuts out a region given by fractions of the image; see also `frame.Frame.region`.

    Args:
      image: (..., H, W, C), NumPy or JAX.
      rows: first and last edge as fractions of H, rounded to whole pixels.
      columns: first and last edge as fractions of W.

    Returns:
      (..., h, w, C).

    Raises:
      InputError: the region is empty or leaves the image.
    """
    spans = []
    for name, (low, high), size in zip(('rows', 'columns'), (rows, columns), image.shape[-3:-1]):
        first, last = round(low * size), round(high * size)
        if not 0 <= first < last <= size:
            raise InputError(
                f'{name} ({low}, {high}) hold no pixel of an image of {size}; give two increasing fractions in [0, 1]'
            )
        spans.append(slice(first, last))
    return image[..., *spans, :]


def laplacian_variance(image: jax.Array) -> jax.Array:
    """Sharpness of each image: the variance of the Laplacian of its luma.

    Args:
      image: (..., H, W, 3), RGB, floats in [-1, 1], at least 3 pixels high and wide.

    Returns:
      (...); 127.5² times smaller than for the same image in [0, 255].
    """
    luma = 0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]
    vertical = luma[..., :-2, 1:-1] + luma[..., 2:, 1:-1]
    horizontal = luma[..., 1:-1, :-2] + luma[..., 1:-1, 2:]
    laplacian = vertical + horizontal - 4 * luma[..., 1:-1, 1:-1]
    return jnp.var(laplacian, axis=(-2, -1))
