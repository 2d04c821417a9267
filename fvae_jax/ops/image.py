"""Images as numbers and pictures: conversions, PSNR, SSIM, regions, labelled grids, PNG files."""

import os
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax.errors import InputError

Array = np.ndarray | jax.Array

# Rows and columns of an aligned crop, as fractions, in which the mouth lies.
MOUTH = ((0.62, 0.85), (0.30, 0.70))

# Gaussian window of Wang et al. (2004): deviation 1.5 pixels, cut at 3.5 deviations, 11 taps.
_SSIM_TAPS = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
_SSIM_TAPS /= _SSIM_TAPS.sum()


def to_float(image: Array) -> Array:
    """Converts an 8-bit image to the range of the network.

    Args:
      image: uint8 of any shape, NumPy or JAX.

    Returns:
      float32 in [-1, 1], the same kind of array; `to_uint8` gives the image back exactly.

    Raises:
      InputError: the image is not uint8.
    """
    xp = image.__array_namespace__()
    if image.dtype != xp.uint8:
        raise InputError(f'image has dtype {image.dtype}; to_float converts uint8')
    return image.astype(xp.float32) / 127.5 - 1


def to_uint8(image: Array) -> Array:
    """Converts an image in [-1, 1] to 8 bits, rounding to the nearest value.

    Args:
      image: floats of any shape, NumPy or JAX; values outside [-1, 1] are clipped.

    Returns:
      uint8, the same kind of array.
    """
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

    Raises:
      InputError: the images are smaller than the window.
    """
    if min(a.shape[-3:-1]) < len(_SSIM_TAPS):
        raise InputError(
            f'SSIM of images of {a.shape[-3]}x{a.shape[-2]} pixels; its window needs '
            f'{len(_SSIM_TAPS)}x{len(_SSIM_TAPS)}'
        )

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


def crop_region(image: Array, rows: tuple[float, float] = MOUTH[0], columns: tuple[float, float] = MOUTH[1]) -> Array:
    """Cuts out a region given by fractions of the image; the mouth of an aligned crop by default.

    Args:
      image: (..., H, W, C), NumPy or JAX.
      rows: first and last edge as fractions of H, rounded to whole pixels.
      columns: first and last edge as fractions of W.

    Returns:
      (..., h, w, C).

    Raises:
      InputError: the region is empty or leaves the image.
    """

    def span(name, low, high, size):
        first, last = round(low * size), round(high * size)
        if not 0 <= first < last <= size:
            raise InputError(
                f'{name} ({low}, {high}) hold no pixel of an image of {size}; give two increasing fractions in [0, 1]'
            )
        return slice(first, last)

    height, width = image.shape[-3:-1]
    return image[..., span('rows', *rows, height), span('columns', *columns, width), :]


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


def image_grid(
    rows: Sequence[Sequence[np.ndarray | None]],
    column_labels: Sequence[str],
    row_labels: Sequence[str] | None = None,
    scale: int | None = None,
    pad: int = 8,
) -> np.ndarray:
    """Draws images as a labelled table on white.

    Long labels wrap at spaces, and a column grows where a word is wider than its images.

    Args:
      rows: one sequence of cells per row; a cell is a (h, w, 3) uint8 RGB image, or None to stay
        empty.
      column_labels: one label per column.
      row_labels: one label per row, drawn on the left.
      scale: whole factor by which cells are enlarged, pixels repeated; by default the smallest that
        brings the largest cell to 128 pixels.
      pad: pixels between cells and around the table.

    Returns:
      (H, W, 3) uint8 RGB.

    Raises:
      InputError: labels and cells differ in number, a cell is not uint8 RGB, or there is no image.
    """
    _check_grid(rows, column_labels, row_labels)
    largest = max(max(cell.shape[:2]) for row in rows for cell in row if cell is not None)
    scale = scale or -(-128 // largest)

    table = [[None if cell is None else cell.repeat(scale, 0).repeat(scale, 1) for cell in row] for row in rows]
    table.insert(0, [_label(text, max(largest * scale, 96)) for text in column_labels])
    if row_labels is not None:
        for row, label in zip(table, [None, *(_label(text, 128) for text in row_labels)]):
            row.insert(0, label)

    def extents(lines, axis):
        return [max((cell.shape[axis] for cell in line if cell is not None), default=0) for line in lines]

    heights, widths = extents(table, 0), extents(zip(*table), 1)
    size = [sum(parts) + pad * (len(parts) + 1) for parts in (heights, widths)]
    canvas = np.full((*size, 3), 255, np.uint8)
    top = pad
    for i, row in enumerate(table):
        left = pad
        for j, cell in enumerate(row):
            if cell is not None:
                height, width = cell.shape[:2]
                # Column labels stand on their images, everything else is centered.
                y = top + (heights[i] - height) // (1 if i == 0 else 2)
                x = left + (widths[j] - width) // 2
                canvas[y : y + height, x : x + width] = cell
            left += widths[j] + pad
        top += heights[i] + pad
    return canvas


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes an 8-bit image as PNG: to a temporary name first, so that no reader meets half a file.

    Args:
      path: file to write or replace; its folder exists.
      image: (H, W, 3) RGB or (H, W) gray, uint8.

    Raises:
      InputError: the image is not 8-bit, or the file cannot be written.
    """
    import cv2

    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise InputError(f"image for '{path}' is {image.dtype} {image.shape}; expected uint8 (H, W, 3) or (H, W)")
    _, png = cv2.imencode('.png', image[..., ::-1] if image.ndim == 3 else image)
    temporary = f'{os.fspath(path)}.{os.getpid()}.tmp'
    try:
        with open(temporary, 'wb') as file:
            file.write(png.tobytes())
        os.replace(temporary, path)
    except OSError as error:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise InputError(
            f"cannot write '{path}': {error.strerror}; choose a path in an existing, writable folder"
        ) from error


def _check_grid(rows, column_labels, row_labels) -> None:
    """Raises `InputError` unless the table is rectangular, labelled and made of uint8 RGB."""
    for number, row in enumerate(rows):
        if len(row) != len(column_labels):
            raise InputError(
                f'row {number} of the grid has {len(row)} cells for '
                f'{len(column_labels)} column labels; fill empty cells with None'
            )
        for cell in row:
            if cell is not None and (cell.dtype != np.uint8 or cell.shape[2:] != (3,)):
                raise InputError(
                    f'row {number} of the grid has a cell {cell.dtype} {cell.shape}; expected uint8 (h, w, 3)'
                )
    if row_labels is not None and len(row_labels) != len(rows):
        raise InputError(f'the grid has {len(row_labels)} row labels for {len(rows)} rows; give one each')
    if not any(cell is not None for row in rows for cell in row):
        raise InputError('the grid holds no image; give at least one')


def _label(text: str, width: int) -> np.ndarray:
    """Draws dark text on white, wrapped at spaces to `width` pixels where its words allow it."""
    import cv2

    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.5

    def measure(line):
        return cv2.getTextSize(line, font, size, 1)[0][0]

    lines = ['']
    for word in text.split():
        longer = f'{lines[-1]} {word}'.lstrip()
        if lines[-1] and measure(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    line_height, margin = 18, 2
    widths = [measure(line) for line in lines]
    picture = np.full((line_height * len(lines), max(widths) + 2 * margin, 3), 255, np.uint8)
    for number, line in enumerate(lines):
        start = ((picture.shape[1] - widths[number]) // 2, line_height * number + 13)
        cv2.putText(picture, line, start, font, size, (30, 30, 30), 1, cv2.LINE_AA)
    return picture
