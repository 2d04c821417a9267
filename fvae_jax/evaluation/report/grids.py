"""Labeled grids of crops, readable at the width of the report's page."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from fvae_jax.ops.grid import ROW_LABEL, image_grid
from fvae_jax.ops.image import to_uint8
from fvae_jax.photo import output

# Lengths on the page, px.
_WIDTH = 1040
_LARGEST_CELL = 208
_GAP = 6
_TEXT = 14
# Pixels of the file for each of the page: letters stay sharp on dense screens.
_DENSITY = 2


def grid(
    rows: Sequence[Sequence[np.ndarray | None]],
    column_labels: Sequence[str],
    row_labels: Sequence[str] | None,
    path: str | os.PathLike,
) -> None:
    """Draws crops as a labeled table on white; a strip is a grid of one row.

    Crops are enlarged to one width (Lanczos) and never reduced: large ones make a large file, which the
    page shows smaller.

    Args:
      rows: One sequence of cells per row; a cell is an (h, w, 3) RGB image, uint8 or floats in [-1, 1], or
        None to stay empty.
      column_labels: One label per column, wrapped to its width.
      row_labels: One label per row, on the left; None for none.
      path: The PNG to write or replace.

    Raises:
      InputError: Labels and cells differ in number, there is no image, or the file cannot be written.
    """
    widest = max((image.shape[1] for row in rows for image in row if image is not None), default=1)
    beside = ROW_LABEL * _TEXT + _GAP if row_labels is not None else 0
    cell = min((_WIDTH - beside - _GAP) / max(1, len(column_labels)) - _GAP, _LARGEST_CELL)
    density = max(_DENSITY, widest / cell)
    cell, gap, text = (round(density * length) for length in (cell, _GAP, _TEXT))
    pictures = [[None if image is None else _enlarged(image, cell) for image in row] for row in rows]
    picture = Image.fromarray(image_grid(pictures, column_labels, row_labels, scale=1, pad=gap, text=text))
    with output.replacing(pathlib.Path(path)) as temporary:
        picture.save(temporary, dpi=(96 * density,) * 2)


def _enlarged(image: np.ndarray, width: int) -> np.ndarray:
    """A crop at another width, as 8-bit colors."""
    image = np.asarray(image)
    picture = Image.fromarray(image if image.dtype == np.uint8 else to_uint8(image))
    size = width, round(picture.height * width / picture.width)
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS))
