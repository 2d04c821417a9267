"""Pictures of the report, as wide as its page: plots, and labeled grids of crops; each writes or replaces a PNG.

Plots have one style, colors that the color-blind tell apart, markers and lines for gray prints, and are the same bytes
for the same numbers.
"""

import contextlib
import itertools
import os
import pathlib
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from fvae_jax import cache
from fvae_jax.evaluation.statistics import Value
from fvae_jax.evaluation.tables import Row, Table, number
from fvae_jax.ops.grid import ROW_LABEL, image_grid
from fvae_jax.ops.image import to_uint8
from fvae_jax.photo import output

# Inches of the page, which has 96 px for each.
_WIDTH = 10.6
_INK, _MUTED, _RULE = '#1b1f24', '#57606a', '#d0d7de'
# Okabe and Ito (2008), without the yellow that white swallows.
_COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
_MARKERS = ('o', 's', '^', 'D', 'v', '>', 'p', 'X')
_LINES = ('-', '--', '-.', ':', (0, (6, 1, 1, 1, 1, 1)), (0, (9, 2)), (0, (3, 1)))
_STYLE = {
    'font.family': 'DejaVu Sans',
    'font.size': 10.5,
    'axes.titlesize': 10.5,
    'axes.titlelocation': 'left',
    'axes.titleweight': 'bold',
    **dict.fromkeys(('text.color', 'axes.labelcolor', 'xtick.color', 'ytick.color'), _INK),
    'axes.edgecolor': _MUTED,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.axisbelow': True,
    'axes.grid': True,
    'grid.color': _RULE,
    'grid.linewidth': 0.7,
    'legend.frameon': False,
    'legend.handlelength': 3.4,
    'legend.labelspacing': 0.8,
    'lines.linewidth': 1.8,
    'lines.markersize': 6.5,
    'lines.markeredgecolor': 'white',
    'lines.markeredgewidth': 0.8,
    'text.parse_math': False,
    'savefig.dpi': 192,
}
_WIDE = 10  # a panel whose numbers differ by more than this factor is logarithmic
_REFERENCE = {'color': _MUTED, 'linewidth': 1.4, 'linestyle': (0, (2, 2))}
_DIRECTIONS = {'higher': 'higher is better →', 'lower': '← lower is better', 'nearest 1': 'nearest to 1 is best'}

# Of grids, lengths on the page, px.
_GRID_WIDTH = 1040
_LARGEST_CELL = 208
_GAP = 6
_LETTERS = 14
# Pixels of the file for each of the page: letters stay sharp on dense screens.
_DENSITY = 2

Curve = Sequence[Value]  # a mean with its interval at each of n places


def dots_with_intervals(table: Table, columns: Sequence[str], path: pathlib.Path) -> None:
    """Draws columns of a table, by their names, side by side, a dot with its interval for each method (Table 1).

    Rows with notes, and columns without any number, are not drawn; the dots of rows that are left out of the contest
    are hollow.
    """
    rows = [row for row in table.rows if not row.note]
    chosen = [[column.name for column in table.columns].index(name) for name in columns]
    chosen = [j for j in chosen if any(number(row.cells[j]) for row in rows)]
    labels = [textwrap.fill(row.label, 32) for row in rows]
    height = 1.5 + sum(0.13 + 0.19 * (1 + label.count('\n')) for label in labels)
    with _canvas(path, height, 'outside lower right', ncols=4) as figure:
        panels = figure.subplots(1, len(chosen), sharey=True, squeeze=False)[0]
        figure.get_layout_engine().set(wspace=0.04)
        for panel, j in zip(panels, chosen):
            column = table.columns[j]
            panel.set_title(column.full_name)
            panel.set_xlabel(_DIRECTIONS.get(column.better, ''), color=_MUTED)
            panel.tick_params(axis='y', length=0)
            panel.locator_params(axis='x', nbins=5)
            if column.better == 'nearest 1':
                panel.axvline(1, color=_INK, linewidth=1)
            for y, row in enumerate(rows):
                value, style = number(row.cells[j]), _dot_style(row)
                if value and value.low is not None:
                    panel.hlines(y, *value[1:], color=style['color'], linewidth=2.2, label='95 % interval')
                if value:
                    panel.plot(value.mean, y, **style)
        panels[0].set_yticks(range(len(rows)), labels)
        panels[0].set_ylim(len(rows) - 0.5, -0.5)
        for text, row in zip(panels[0].get_yticklabels(), rows):
            text.set(fontweight='bold' if row.ours else 'normal', color=_MUTED if row.left_out else _INK)


def strength_plot(strengths: Sequence[float], series: Mapping[str, Curve], path: pathlib.Path) -> None:
    """Draws how far Algorithm 1 goes at increasing strengths, beside the ideal: at strength 1 the real change.

    The series are what is measured at each strength (mouth-corner lift, mouth width), %.
    """
    with _canvas(path, 4.9) as figure:
        axes = figure.subplots()
        ends = np.array([min(0, *strengths), max(strengths)])
        axes.axhline(0, color=_MUTED, linewidth=0.8)
        axes.plot(ends, 100 * ends, label='ideal', **_REFERENCE)
        for (name, curve), style in zip(series.items(), _curve_styles()):
            means, lows, highs = np.transpose(curve)
            axes.fill_between(strengths, lows, highs, color=style['color'], alpha=0.15, linewidth=0)
            axes.plot(strengths, means, label=name, **style)
        axes.set(xlabel='strength of the edit', xticks=list(strengths))
        axes.set_ylabel("change, % of the person's real change")


def interpolation_plot(ts: Sequence[float], panels: Mapping[str, Mapping[str, Curve]], path: pathlib.Path) -> None:
    """Draws methods against increasing positions in (0, 1) between two crops (Algorithm 2), a panel for each metric."""
    names = dict.fromkeys(name for methods in panels.values() for name in methods)
    styles = dict(zip(names, _curve_styles()))
    # Side by side, so that no interval hides another.
    spread = 0.2 * np.min(np.diff(ts), initial=1)
    shifts = dict(zip(names, np.linspace(-spread / 2, spread / 2, len(names))))
    with _canvas(path, 4.6) as figure:
        for axes, (title, methods) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
            for name, curve in methods.items():
                x, (means, lows, highs) = np.asarray(ts) + shifts[name], np.transpose(curve)
                axes.vlines(x, lows, highs, color=styles[name]['color'], linewidth=1.2)
                axes.plot(x, means, label=name, **styles[name])
            axes.set(title=title, xlabel='t', xticks=list(ts))
            means = [value.mean for curve in methods.values() for value in curve]
            if min(means) > 0 and max(means) > _WIDE * min(means):
                axes.set_yscale('log')
                axes.yaxis.set_major_formatter(lambda value, _: f'{value:g}')


def precision_recall_plot(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]], base_rate: float, path: pathlib.Path
) -> None:
    """Draws precision against recall of maps over thresholds, with a marker at 0.5.

    Args:
      curves: Precision and recall of each map at thresholds spread evenly from 0 to 1, an odd number of them.
      base_rate: Share of the pixels that are to be found, which is the precision of chance.
      path: The PNG.
    """
    with _canvas(path, 4.9, title='marker: threshold 0.5', alignment='left') as figure:
        axes = figure.subplots()
        axes.axhline(base_rate, label=f'base rate, {100 * base_rate:.1f} % of the pixels', **_REFERENCE)
        for (name, (precisions, recalls)), style in zip(curves.items(), _curve_styles()):
            axes.plot(recalls, precisions, label=name, markevery=[len(recalls) // 2], **style)
        axes.set(xlabel='recall', ylabel='precision', xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))


def grid(
    rows: Sequence[Sequence[np.ndarray | None]],
    column_labels: Sequence[str],
    row_labels: Sequence[str] | None,
    path: pathlib.Path,
) -> None:
    """Draws crops as a labeled table on white, as `image_grid` does.

    Crops are enlarged to one width (Lanczos) and never reduced: large ones make a large file, which the page shows
    smaller. A cell is an (h, w, 3) RGB image, uint8 or floats in [-1, 1], or None to stay empty.

    Raises:
      InputError: Labels and cells differ in number, there is no image, or the file cannot be written.
    """
    widest = max((image.shape[1] for row in rows for image in row if image is not None), default=1)
    beside = ROW_LABEL * _LETTERS + _GAP if row_labels is not None else 0
    cell = min((_GRID_WIDTH - beside - _GAP) / max(1, len(column_labels)) - _GAP, _LARGEST_CELL)
    density = max(_DENSITY, widest / cell)
    cell, gap, text = (round(density * length) for length in (cell, _GAP, _LETTERS))
    pictures = [[None if image is None else _enlarged(image, cell) for image in row] for row in rows]
    picture = Image.fromarray(image_grid(pictures, column_labels, row_labels, scale=1, pad=gap, text=text))
    with output.replacing(path) as temporary:
        picture.save(temporary, dpi=(96 * density,) * 2)


def _enlarged(image: np.ndarray, width: int) -> np.ndarray:
    """A crop at another width, as 8-bit colors."""
    image = np.asarray(image)
    picture = Image.fromarray(image if image.dtype == np.uint8 else to_uint8(image))
    size = width, round(picture.height * width / picture.width)
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS))


@contextlib.contextmanager
def _canvas(path: pathlib.Path, height: float, loc: str = 'outside right upper', **legend: Any) -> Iterator[Any]:
    """Gives a Matplotlib figure of the page's width, inches, and writes it with a legend that has each label once."""
    # Matplotlib lists the fonts of the system when it is imported, in a file of its own under the user's home.
    os.environ.setdefault('MPLCONFIGDIR', str(cache.folder() / 'matplotlib'))
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(['default', _STYLE]):
        figure = Figure(figsize=(_WIDTH, height), layout='constrained')
        yield figure
        named = {}
        for axes in figure.axes:
            for handle, label in zip(*axes.get_legend_handles_labels()):
                named.setdefault(label, handle)
        if named:
            figure.legend(named.values(), named.keys(), loc=loc, **legend)
        with output.replacing(path) as temporary:
            # Without the name and version of the program, equal numbers make equal files.
            figure.savefig(temporary, metadata={'Software': None})


def _curve_styles() -> Iterator[dict[str, Any]]:
    """Styles for one curve after the other; the first, for the report's own method, is the strongest."""
    # Eight markers and seven colors and lines: no two of the first 56 are alike.
    for rank, (color, line, marker) in enumerate(zip(*map(itertools.cycle, (_COLORS, _LINES, _MARKERS)))):
        width, order = (1.8, 3) if rank else (2.6, 4)
        yield dict(color=color, marker=marker, linestyle=line, linewidth=width, zorder=order)


def _dot_style(row: Row) -> dict[str, Any]:
    """How the dot of a row is drawn."""
    if row.left_out:
        hollow = dict(markerfacecolor='white', markeredgecolor=_MUTED, markeredgewidth=1.5)
        return dict(color=_MUTED, marker='D', linestyle='', label=row.left_out, **hollow)
    color, size = (_COLORS[0], 9) if row.ours else (_INK, 6.5)
    return dict(color=color, marker='o', markersize=size, markeredgewidth=0, linestyle='')
