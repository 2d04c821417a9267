"""Pictures as a labeled table."""

import functools
import importlib.util
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fvae_jax.errors import InputError

# For letters of height 1: the width of a row's label, at most, and the height of a line.
ROW_LABEL, _LINE = 9, 1.25


def image_grid(
    rows: Sequence[Sequence[np.ndarray | None]],
    column_labels: Sequence[str],
    row_labels: Sequence[str] | None = None,
    scale: int | None = None,
    pad: int = 8,
    text: int = 14,
) -> np.ndarray:
    """Draws images as a labeled table on white.

    Labels wrap at spaces, and anywhere in words that are too long for a line.

    Args:
      rows: One sequence of cells per row; a cell is a (h, w, 3) uint8 RGB image, or None to stay
        empty.
      column_labels: One label per column.
      row_labels: One label per row, drawn on the left.
      scale: Whole factor by which cells are enlarged, pixels repeated; by default the smallest that
        brings the largest cell to 128 pixels.
      pad: Pixels between cells and around the table.
      text: Height of the letters, pixels.

    Returns:
      (H, W, 3) uint8 RGB.

    Raises:
      InputError: Labels and cells differ in number, a cell is not uint8 RGB, or there is no image.
    """
    _check(rows, column_labels, row_labels)
    largest = max(max(cell.shape[:2]) for row in rows for cell in row if cell is not None)
    scale = scale or -(-128 // largest)

    table = [[None if cell is None else cell.repeat(scale, 0).repeat(scale, 1) for cell in row] for row in rows]
    table.insert(0, [_label(label, max(largest * scale, 7 * text), text) for label in column_labels])
    if row_labels is not None:
        for row, label in zip(table, [None, *(_label(label, ROW_LABEL * text, text) for label in row_labels)]):
            row.insert(0, label)

    def extents(lines, axis):
        return [max((cell.shape[axis] for cell in line if cell is not None), default=0) for line in lines]

    heights, widths = extents(table, 0), extents(zip(*table), 1)
    tops, lefts = (np.cumsum([pad, *(extent + pad for extent in line)]) for line in (heights, widths))
    canvas = np.full((tops[-1], lefts[-1], 3), 255, np.uint8)
    for i, row in enumerate(table):
        for j, cell in enumerate(row):
            if cell is not None:
                height, width = cell.shape[:2]
                # Column labels stand on their images, everything else is centered.
                y = tops[i] + (heights[i] - height) // (1 if i == 0 else 2)
                x = lefts[j] + (widths[j] - width) // 2
                canvas[y : y + height, x : x + width] = cell
    return canvas


def _check(rows, column_labels, row_labels) -> None:
    """Raises `InputError` unless the table is rectangular, labeled and made of uint8 RGB."""
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


def _label(label: str, width: int, text: int) -> np.ndarray:
    """Draws a label, dark on white, in lines of at most a width."""
    lines, font = _wrapped(label, width, text), _font(text)
    line_height = round(_LINE * text)
    picture = Image.new(
        'RGB', (max(round(font.getlength(line)) for line in lines) + 4, line_height * len(lines)), 'white'
    )
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        pen.text((picture.width // 2, (number + 0.5) * line_height), line, '#1b1f24', font, 'mm')
    return np.asarray(picture)


def _wrapped(label: str, width: int, text: int) -> list[str]:
    fits = lambda line: _font(text).getlength(line) <= width
    lines = ['']
    for word in label.split():
        if lines[-1] and not fits(f'{lines[-1]} {word}'):
            lines.append('')
        lines[-1] = f'{lines[-1]} {word}'.lstrip()
        while not fits(lines[-1]):
            length = next(n for n in range(len(lines[-1]), 0, -1) if fits(lines[-1][:n]))
            lines[-1:] = [lines[-1][:length], lines[-1][length:]]
    return lines


@functools.lru_cache(maxsize=4)
def _font(text: int) -> ImageFont.FreeTypeFont:
    """The font of Matplotlib's plots, which has the signs of mathematics; without Matplotlib, Pillow's own."""
    matplotlib = importlib.util.find_spec('matplotlib')  # which need not be loaded
    if matplotlib is None:
        return ImageFont.load_default(text)
    folder = pathlib.Path(matplotlib.submodule_search_locations[0])
    return ImageFont.truetype(folder / 'mpl-data' / 'fonts' / 'ttf' / 'DejaVuSans.ttf', text)
