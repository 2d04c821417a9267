"""Labelled grids of crops, readable at the width of the report's page."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from fvae_jax.errors import InputError
from fvae_jax.ops import image as image_ops
from fvae_jax.photo import output

# Lengths on the page, px.
_WIDTH = 1040
_LARGEST_CELL = 208
_ROW_LABEL = 124
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
    """Draws crops as a labelled table on white; a strip is a grid of one row.

    Crops are enlarged to one width (Lanczos) and never reduced: large ones make a large file, which the
    page shows smaller.

    Args:
      rows: one sequence of cells per row; a cell is an (h, w, 3) RGB image, uint8 or floats in [-1, 1], or
        None to stay empty.
      column_labels: one label per column, wrapped to its width.
      row_labels: one label per row, on the left; None for none.
      path: the PNG to write or replace.

    Raises:
      InputError: labels and cells differ in number, there is no image, or the file cannot be written.
    """
    _check(rows, column_labels, row_labels)
    beside = _ROW_LABEL + _GAP if row_labels is not None else 0
    cell = min((_WIDTH - beside + _GAP) / len(column_labels) - _GAP, _LARGEST_CELL)
    widest = max(image.shape[1] for row in rows for image in row if image is not None)
    density = max(_DENSITY, widest / cell)
    cell, beside, gap = (round(density * length) for length in (cell, beside, _GAP))

    text = _Lettering(density)
    above = [text.wrapped(label, cell) for label in column_labels]
    labels = [text.wrapped(label, beside - gap) for label in row_labels or [''] * len(rows)]
    pictures = [[None if image is None else _enlarged(image, cell) for image in row] for row in rows]
    heights = [
        max([picture.height for picture in row if picture is not None] + [text.line * len(lines)])
        for row, lines in zip(pictures, labels)
    ]
    y = text.line * max(map(len, above)) + gap
    size = beside + len(above) * (cell + gap) - gap, y + sum(heights) + gap * (len(rows) - 1)
    canvas = PIL.Image.new('RGB', size, 'white')
    for column, lines in enumerate(above):
        x = beside + column * (cell + gap)
        text.draw(canvas, lines, x + cell / 2, y - gap - text.line * len(lines), 'm')
    for row, lines, height in zip(pictures, labels, heights):
        text.draw(canvas, lines, beside - 2 * gap, y + (height - text.line * len(lines)) / 2, 'r')
        for column, picture in enumerate(row):
            if picture is not None:
                canvas.paste(picture, (beside + column * (cell + gap), y + (height - picture.height) // 2))
        y += height + gap
    with output.replacing(pathlib.Path(path)) as temporary:
        canvas.save(temporary, dpi=(96 * density,) * 2)


class _Lettering:
    """Text in the font of the plots, which has the signs of mathematics.

    Attributes:
      line: the height of a line, px of the file.
    """

    def __init__(self, density: float):
        import matplotlib

        file = pathlib.Path(matplotlib.get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')
        self._font = PIL.ImageFont.truetype(file, density * _TEXT)
        self.line = round(1.25 * density * _TEXT)

    def wrapped(self, label: str, width: int) -> list[str]:
        """Lines of at most a width, px, broken at spaces and, in words too long for one, anywhere."""
        lines = ['']
        for word in label.split():
            if lines[-1] and self._font.getlength(f'{lines[-1]} {word}') > width:
                lines.append('')
            lines[-1] = f'{lines[-1]} {word}'.lstrip()
            while self._font.getlength(lines[-1]) > width:
                start = lines[-1]
                while self._font.getlength(start) > width:
                    start = start[:-1]
                lines[-1:] = [start, lines[-1][len(start) :]]
        return lines

    def draw(self, canvas: PIL.Image.Image, lines: Sequence[str], x: float, y: float, anchor: str) -> None:
        """Writes lines from y downwards, around x (anchor 'm') or up to it ('r')."""
        pen = PIL.ImageDraw.Draw(canvas)
        for number, line in enumerate(lines):
            pen.text((x, y + (number + 0.5) * self.line), line, '#1b1f24', self._font, f'{anchor}m')


def _enlarged(image: np.ndarray, width: int) -> PIL.Image.Image:
    """A crop at another width, as 8-bit colors."""
    image = np.asarray(image)
    picture = PIL.Image.fromarray(image if image.dtype == np.uint8 else image_ops.to_uint8(image))
    return picture.resize((width, round(picture.height * width / picture.width)), PIL.Image.Resampling.LANCZOS)


def _check(rows, column_labels, row_labels) -> None:
    """Raises `InputError` unless there is a label for everything, and an image."""
    for number, row in enumerate(rows):
        if len(row) != len(column_labels):
            raise InputError(
                f'row {number} of the grid has {len(row)} cells for {len(column_labels)} column '
                'labels; fill empty cells with None'
            )
    if row_labels is not None and len(row_labels) != len(rows):
        raise InputError(f'the grid has {len(row_labels)} row labels for {len(rows)} rows; give one each')
    if not any(image is not None for row in rows for image in row):
        raise InputError('the grid holds no image; give at least one')
