"""Sampling images where a flow says; the one place where the project's geometry is defined.

Conventions, used by every other module:

* Images are (..., H, W, C), channels last, RGB, floats in [-1, 1].
* A flow F is (..., H, W, 2) with components (x, y), x to the right and y down. F[i, j] says where
  output pixel (i, j) is sampled *from*, in the source; it does not say where a source pixel goes.
* A flow is *normalised* with aligned corners: -1 is the centre of the source's first pixel, +1 the
  centre of its last one. The network and its losses work in these coordinates.
* A *displacement* is in pixels, added to the integer grid of output pixels. Work at photo
  resolution uses it, because a normalised float32 grid does not return whole pixels. It is resized
  with half-pixel centres and scaled by the size ratio of each axis (section 4.3 of the paper).
* Outside the image the border is repeated (positions are clamped).
* The neighbours of a position are `floor` and `floor + 1`, with floor clipped to [0, size - 2]. The
  gradient for the position is therefore right-sided at integers inside, left-sided at the last
  pixel, and zero strictly outside. (With `floor` and `ceil` it would vanish at integers, and an
  identity flow would never learn.)
* A NaN position gives NaN pixels and never reads outside the image.
* Positions are float32 at least, whatever the dtype of the image.
* The image sampled from is a constant for differentiation: its gradient would be a scatter-add, slow
  on every backend, and training does not need it.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def identity_grid(height: int, width: int, dtype: jax.typing.DTypeLike = jnp.float32) -> jax.Array:
    """The flow that samples every pixel from its own place.

    (height, width, 2), (x, y) from -1 to 1; 0 along an axis of a single pixel.
    """
    x, y = (np.linspace(-1, 1, size) if size > 1 else np.zeros(size) for size in (width, height))
    return jnp.stack(jnp.meshgrid(jnp.asarray(x, dtype), jnp.asarray(y, dtype)), axis=-1)


@jax.jit
def bilinear_sample(source: jax.Array, flow: jax.Array) -> jax.Array:
    """Samples an image bilinearly where a normalised flow points (Eq. 5).

    Args:
      source: (..., Hs, Ws, C), floating, any number of channels.
      flow: (..., H, W, 2), normalised to the source, same leading axes as the source; H and W are
        free.

    Returns:
      (..., H, W, C) in the dtype of the source.
    """
    return _sample(_positions_of_flow, jnp.asarray(source), _as_positions(flow))


@jax.jit
def warp_by_displacement(source: jax.Array, displacement: jax.Array) -> jax.Array:
    """Samples an image bilinearly at its own pixel grid plus a displacement (section 4.3).

    Zero displacement returns the source bit for bit, and whole pixels shift it exactly.

    Args:
      source: (..., H, W, C), floating, any number of channels.
      displacement: (..., H, W, 2), pixels, of the source's own size.

    Returns:
      (..., H, W, C) in the dtype of the source.
    """
    return _sample(_positions_of_displacement, jnp.asarray(source), _as_positions(displacement))


def flow_to_displacement(flow: jax.Array) -> jax.Array:
    """Turns a normalised flow into pixels of displacement, for a source of the flow's own size.

    Args:
      flow: (..., H, W, 2), normalised.

    Returns:
      (..., H, W, 2), pixels; exactly zero for `identity_grid`.
    """
    flow = _as_positions(flow)
    height, width = flow.shape[-3:-1]
    offset = flow - jnp.broadcast_to(identity_grid(height, width, flow.dtype), flow.shape)
    return _scaled(offset, 0.5 * (width - 1), 0.5 * (height - 1))


@functools.partial(jax.jit, static_argnames=('height', 'width'))
def upsample_flow(displacement: jax.Array, height: int, width: int) -> jax.Array:
    """Resizes a displacement field to move a larger copy of the image alike (section 4.3).

    Bilinear with half-pixel centres and clamped edges, times the size ratio of each axis. A
    constant field stays constant exactly, and zero stays zero.

    Args:
      displacement: (..., h, w, 2), pixels of the small image.
      height: rows of the result.
      width: columns of the result.

    Returns:
      (..., height, width, 2), pixels of the large image.
    """
    displacement = _as_positions(displacement)
    rows, columns = displacement.shape[-3:-1]
    resized = _resize_axis(_resize_axis(displacement, -3, height), -2, width)
    return _scaled(resized, width / columns, height / rows)


def _resize_axis(field: jax.Array, axis: int, size: int) -> jax.Array:
    """Linear interpolation along one axis with half-pixel centres."""
    old = field.shape[axis]
    position = np.clip((np.arange(size) + 0.5) * (old / size) - 0.5, 0, old - 1)
    base = np.clip(np.floor(position).astype(np.int32), 0, max(old - 2, 0))
    weight_shape = [1] * field.ndim
    weight_shape[axis] = size
    weight = jnp.asarray((position - base).reshape(weight_shape), field.dtype)
    low = jnp.take(field, base, axis=axis)
    high = jnp.take(field, np.minimum(base + 1, old - 1), axis=axis)
    return low + weight * (high - low)  # exact where the field is constant


def _scaled(field: jax.Array, x: float, y: float) -> jax.Array:
    """Both components times a factor of their own."""
    return jnp.stack([field[..., 0] * x, field[..., 1] * y], axis=-1)


def _as_positions(field: jax.Array) -> jax.Array:
    """The field as an array of float32 or wider."""
    field = jnp.asarray(field)
    return field.astype(jnp.promote_types(field.dtype, jnp.float32))


def _positions_of_flow(flow: jax.Array, height: int, width: int) -> tuple[jax.Array, jax.Array]:
    """Pixel positions x and y, (..., H, W), in a source of height x width px."""
    return (flow[..., 0] + 1) * (0.5 * (width - 1)), (flow[..., 1] + 1) * (0.5 * (height - 1))


def _positions_of_displacement(displacement: jax.Array, height: int, width: int) -> tuple[jax.Array, jax.Array]:
    """The same for a displacement of the size of the source."""
    del height, width
    axes = displacement.ndim - 2, displacement.ndim - 3
    grid = (jax.lax.broadcasted_iota(displacement.dtype, displacement.shape[:-1], axis) for axis in axes)
    return tuple(own + displacement[..., k] for k, own in enumerate(grid))


def _neighbours(position: jax.Array, size: int) -> tuple[jax.Array, jax.Array]:
    """Lower neighbour, and the clamped position's fraction of the way to the upper one."""
    inside = jnp.clip(position, 0, size - 1)
    # The integer is clipped again: NaN survives the first clip, and its integer can be anything.
    base = jnp.clip(inside.astype(jnp.int32), 0, max(size - 2, 0))
    return base, inside - base.astype(position.dtype)


def _corners(source: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
    """What a bilinear sample is made of, at pixel positions (..., H, W).

    Returns:
      Fractions of the way to the right and down, (..., H, W, 1), and the four neighbours, top left, top right, bottom
      left, bottom right, (..., H, W, C), all in the dtype of the arithmetic.
    """
    *batch, height, width, channels = source.shape
    column, right = _neighbours(x, width)
    row, down = _neighbours(y, height)

    # Rows of channels under a mapped batch axis: a gather that stays on its device when the batch
    # is sharded. (One flat index over batch and pixels is as fast, but gathers every image on every
    # device.)
    images = math.prod(batch)
    pixels = source.reshape(images, height * width, channels)
    first = (row * width + column).reshape(images, math.prod(x.shape[-2:]))
    step_x, step_y = min(1, width - 1), width * min(1, height - 1)
    read = jax.vmap(lambda image, index: image.at[index].get(mode='promise_in_bounds'))

    def corner(step):
        values = read(pixels, first + step).reshape(*x.shape, channels)
        return values.astype(jnp.promote_types(source.dtype, x.dtype))

    return (right[..., None], down[..., None], *map(corner, (0, step_x, step_y, step_y + step_x)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _sample(positions: Callable[..., tuple[jax.Array, jax.Array]], source: jax.Array, field: jax.Array) -> jax.Array:
    """Bilinear samples where a field says, with an analytic gradient for the field."""
    x, y = positions(field, *source.shape[-3:-1])
    right, down, top_left, top_right, bottom_left, bottom_right = _corners(source, x, y)
    # Weights w and 1 - w, not a + w (b - a): exact at both ends, and so at the last pixel as well.
    top = (1 - right) * top_left + right * top_right
    bottom = (1 - right) * bottom_left + right * bottom_right
    return ((1 - down) * top + down * bottom).astype(source.dtype)


def _sample_forward(positions, source, field):
    return _sample(positions, source, field), (source, field)


def _sample_backward(positions, residuals, cotangent):
    source, field = residuals
    height, width = source.shape[-3:-1]
    # The neighbours are read again. XLA:CPU makes one loop of what is used once, and writes out what is used twice:
    # hence the barrier, without which both passes would share them, and both slopes as one complex number.
    (x, y), pull = jax.vjp(lambda field: positions(field, height, width), jax.lax.optimization_barrier(field))
    right, down, *corners = _corners(source, x, y)
    weights = (down - 1, right - 1), (1 - down, -right), (-down, 1 - right), (down, right)
    terms = (jax.lax.complex(*weight) * (cotangent * corner) for weight, corner in zip(weights, corners, strict=True))
    slopes = jnp.sum(functools.reduce(jnp.add, terms), -1)
    slope_x = jnp.where((x < 0) | (x > width - 1), 0, slopes.real)
    slope_y = jnp.where((y < 0) | (y > height - 1), 0, slopes.imag)
    return None, *pull((slope_x.astype(x.dtype), slope_y.astype(y.dtype)))


_sample.defvjp(_sample_forward, _sample_backward)
