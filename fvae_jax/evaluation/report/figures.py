"""Plots of the report: one style, colors that the color-blind tell apart, markers and lines for gray prints.

All write a PNG as wide as the report's page, the same bytes for the same numbers.
"""

import contextlib
import itertools
import os
import pathlib
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fvae_jax.evaluation.tables import Row, Table, number
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
    'text.color': _INK,
    'axes.labelcolor': _INK,
    'xtick.color': _INK,
    'ytick.color': _INK,
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


class Curve(NamedTuple):
    """Means with their 95 % intervals: three sequences of n numbers."""

    means: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]


class Detection(NamedTuple):
    """How well a map finds pixels at each threshold: three sequences of n numbers in [0, 1]."""

    thresholds: Sequence[float]
    precisions: Sequence[float]
    recalls: Sequence[float]


def dots_with_intervals(table: Table, columns: Sequence[str], path: str | os.PathLike) -> None:
    """Draws columns of a table side by side, a dot with its interval for each method (Table 1).

    Args:
      table: Where the numbers are; rows without any in these columns are not drawn, those left out of the
        contest are hollow.
      columns: Names of columns; those without any number are not drawn.
      path: The PNG to write or replace.
    """
    rows = [row for row in table.rows if not row.note]
    chosen = [[column.name for column in table.columns].index(name) for name in columns]
    chosen = [j for j in chosen if any(number(row.cells[j]) for row in rows)]
    rows = [row for row in rows if any(number(row.cells[j]) for j in chosen)]
    labels = [textwrap.fill(row.label, 32) for row in rows]
    height = 1.5 + sum(0.13 + 0.19 * (1 + label.count('\n')) for label in labels)
    with _canvas(path, height) as figure:
        panels = figure.subplots(1, len(chosen), sharey=True, squeeze=False)[0]
        figure.get_layout_engine().set(wspace=0.04)
        for panel, j in zip(panels, chosen):
            column = table.columns[j]
            panel.set_title(f'{column.name}, {column.unit}' if column.unit else column.name)
            panel.set_xlabel(_DIRECTIONS.get(column.better, ''), color=_MUTED)
            panel.tick_params(axis='y', length=0)
            panel.locator_params(axis='x', nbins=5)
            if column.better == 'nearest 1':
                panel.axvline(1, color=_INK, linewidth=1)
            for y, row in enumerate(rows):
                value = number(row.cells[j])
                if value and value.low is not None:
                    panel.hlines(
                        y, value.low, value.high, color=_dot_style(row)['color'], linewidth=2.2, label='95 % interval'
                    )
                if value:
                    panel.plot(value.mean, y, **_dot_style(row))
        panels[0].set_yticks(range(len(rows)), labels)
        panels[0].set_ylim(len(rows) - 0.5, -0.5)
        for text, row in zip(panels[0].get_yticklabels(), rows):
            text.set(fontweight='bold' if row.ours else 'normal', color=_MUTED if row.left_out else _INK)
        _add_legend(figure, 'outside lower right', ncols=4)


def strength_plot(strengths: Sequence[float], series: Mapping[str, Curve], path: str | os.PathLike) -> None:
    """Draws how far Algorithm 1 goes at each strength, beside the ideal: at strength 1 the real change.

    Args:
      strengths: N numbers, increasing.
      series: What is measured at each (mouth-corner lift, mouth width), %.
      path: The PNG to write or replace.
    """
    with _canvas(path, 4.9) as figure:
        axes = figure.subplots()
        ends = np.array([min(0, *strengths), max(strengths)])
        axes.axhline(0, color=_MUTED, linewidth=0.8)
        axes.plot(ends, 100 * ends, label='ideal', **_REFERENCE)
        for (name, curve), style in zip(series.items(), _curve_styles()):
            axes.fill_between(strengths, curve.lows, curve.highs, color=style['color'], alpha=0.15, linewidth=0)
            axes.plot(strengths, curve.means, label=name, **style)
        axes.set(xlabel='strength of the edit', xticks=list(strengths))
        axes.set_ylabel("change, % of the person's real change")
        _add_legend(figure, 'outside right upper')


def interpolation_plot(ts: Sequence[float], panels: Mapping[str, Mapping[str, Curve]], path: str | os.PathLike) -> None:
    """Draws one panel per metric: the methods against the position between two crops (Algorithm 2).

    Args:
      ts: N positions in (0, 1), increasing.
      panels: For the title of each panel, its methods.
      path: The PNG to write or replace.
    """
    names = dict.fromkeys(name for methods in panels.values() for name in methods)
    styles = dict(zip(names, _curve_styles()))
    # Side by side, so that no interval hides another.
    spread = 0.2 * np.min(np.diff(ts), initial=1)
    shifts = dict(zip(names, np.linspace(-spread / 2, spread / 2, len(names))))
    with _canvas(path, 4.6) as figure:
        for axes, (title, methods) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
            for name, curve in methods.items():
                x = np.asarray(ts) + shifts[name]
                axes.vlines(x, curve.lows, curve.highs, color=styles[name]['color'], linewidth=1.2)
                axes.plot(x, curve.means, label=name, **styles[name])
            axes.set(title=title, xlabel='t', xticks=list(ts))
            means = np.concatenate([curve.means for curve in methods.values()])
            if means.min() > 0 and means.max() > _WIDE * means.min():
                axes.set_yscale('log')
                axes.yaxis.set_major_formatter(lambda value, _: f'{value:g}')
        _add_legend(figure, 'outside right upper')


def precision_recall_plot(curves: Mapping[str, Detection], base_rate: float, path: str | os.PathLike) -> None:
    """Draws precision against recall over thresholds, with a marker where the threshold is nearest to 0.5.

    Args:
      curves: One for each map; a map that only says yes or no has one threshold and is a marker.
      base_rate: Share of the pixels that are to be found, which is the precision of chance.
      path: The PNG to write or replace.
    """
    with _canvas(path, 4.9) as figure:
        axes = figure.subplots()
        axes.axhline(base_rate, label=f'base rate, {100 * base_rate:.1f} % of the pixels', **_REFERENCE)
        for (name, curve), style in zip(curves.items(), _curve_styles()):
            middle = int(np.argmin(np.abs(np.asarray(curve.thresholds) - 0.5)))
            if len(curve.thresholds) == 1:
                style['linestyle'] = ''
            axes.plot(curve.recalls, curve.precisions, label=name, markevery=[middle], **style)
        axes.set(xlabel='recall', ylabel='precision', xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        _add_legend(figure, 'outside right upper', title='marker: threshold 0.5', alignment='left')


@contextlib.contextmanager
def _canvas(path: str | os.PathLike, height: float) -> Iterator[Any]:
    """Gives a Matplotlib figure of the page's width, inches, and writes it."""
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(['default', _STYLE]):
        figure = Figure(figsize=(_WIDTH, height), layout='constrained')
        yield figure
        with output.replacing(pathlib.Path(path)) as temporary:
            # Without the name and version of the program, equal numbers make equal files.
            figure.savefig(temporary, metadata={'Software': None})


def _curve_styles() -> Iterator[dict[str, Any]]:
    """Styles for one curve after the other; the first, for the report's own method, is the strongest."""
    # Eight markers and seven colors and lines: no two of the first 56 are alike.
    for rank, (color, line, marker) in enumerate(zip(*map(itertools.cycle, (_COLORS, _LINES, _MARKERS)))):
        yield {
            'color': color,
            'marker': marker,
            'linestyle': line,
            'linewidth': 1.8 if rank else 2.6,
            'zorder': 3 if rank else 4,
        }


def _dot_style(row: Row) -> dict[str, Any]:
    """How the dot of a row is drawn."""
    if row.left_out:
        return {
            'color': _MUTED,
            'marker': 'D',
            'markerfacecolor': 'white',
            'markeredgecolor': _MUTED,
            'markeredgewidth': 1.5,
            'linestyle': '',
            'label': row.left_out,
        }
    color, size = (_COLORS[0], 9) if row.ours else (_INK, 6.5)
    return {'color': color, 'marker': 'o', 'markersize': size, 'markeredgewidth': 0, 'linestyle': ''}


def _add_legend(figure: Any, place: str, **settings: Any) -> None:
    """Names what the panels of a figure have labels for, each once."""
    named = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            named.setdefault(label, handle)
    if named:
        figure.legend(named.values(), named.keys(), loc=place, **settings)
