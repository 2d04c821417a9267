"""Figure 6: frames between two photos of a person, seen beside each other and measured against true middle frames."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fvae_jax.evaluation import cases, metrics, scoring
from fvae_jax.evaluation.methods.base import Method
from fvae_jax.evaluation.report import Context, figures, grids
from fvae_jax.evaluation.statistics import Value, bootstrap_interval
from fvae_jax.evaluation.tables import Figure, Row, Section, Table

_METRICS = ('psnr', 'psnr_mouth', 'lpips', 'sharpness')
_STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_STRIPS = 3
_TRUTH = scoring.Truth(target='truth', reference='truth', person='truth')

_TEXT = """Algorithm 2 against the five methods of 6.2. Where a frame between neutral and the full expression is truly
known, as on drawn faces and in sets with images of partial strength, each method is scored against it; sharpness is
that of the frame against the true one. At t = 0 and 1 every method but the VAE shows the photos themselves. The
strips show all methods on {shown}, so that the eye can judge what numbers cannot."""


def section(context: Context) -> Section:
    """Scores and shows every interpolation method."""
    methods = _methods(context)
    middles = cases.middle_frames(context.run.faces, context.run.config)
    tables, drawn = [], []
    if len(middles):
        makers = {method.name: _maker(method) for method in methods}
        scores = scoring.score(context.judge, middles, makers, _TRUTH, 'Figure 6')
        values, people = scores.by_row, np.asarray(scores.people)
        ts = np.asarray([head.t for head in middles.heads])
        tables = [_table(context, values, people, ts == t, t) for t in cases.MIDDLES if np.any(ts == t)]
        drawn = [_plot(context, values, people, ts)]
        strips = middles.where(lambda middle: middle.t == 0.5).spread(_STRIPS)
        ends = [(middle.expression, middle.first, middle.second) for middle in strips]
    else:
        pairs = cases.pairs(context.run.faces, 'test', context.run.config).spread(_STRIPS)
        ends = [(f'{pair.source_expression} → {pair.target_expression}', pair.source, pair.target) for pair in pairs]
    drawn += [_strip(context, methods, i, *between) for i, between in enumerate(ends)]
    shown = 'pairs with true middle frames' if len(middles) else 'real pairs, for which no true middle frame exists'
    return Section('Interpolation (Figure 6)', _TEXT.format(shown=shown), tables, drawn)


def _methods(context: Context) -> list[Method]:
    methods = context.methods
    # Algorithm 2 weighs by the mask; without one there is only the plain mixture of two warps.
    ours = [*methods.ours[::-1], methods.maskless] if context.run.editor.has_mask else [methods.fvae]
    return [*ours, *methods.vaes, methods.mesh, methods.flow, methods.face, methods.fade]


def _maker(method: Method) -> Callable[[cases.Middle], np.ndarray]:
    return lambda middle: method.interpolate(middle.first, middle.second, middle.t)


def _table(
    context: Context, values: Mapping[str, Mapping[str, np.ndarray]], people: np.ndarray, here: np.ndarray, t: float
) -> Table:
    who, ours = people[here], [method.name for method in context.methods.ours]
    columns = [metrics.COLUMNS[name] for name in _METRICS]
    columns[-1] = columns[-1]._replace(unit='× truth')
    rows = []
    for name, scores in values.items():
        chosen = {metric: found[here] for metric, found in scores.items()}
        rows.append(Row(name, metrics.cells(chosen, _METRICS, who), ours=name in ours))
    rows += [Row(name, note=note) for name, note in context.methods.missing.items()]
    return Table(
        f'figure6-t{round(100 * t):03d}',
        f'True middle frames, t = {t:g}',
        f'{here.sum()} frames of {len(set(who))} people kept out of training.',
        columns,
        rows,
    )


def _plot(
    context: Context, values: Mapping[str, Mapping[str, np.ndarray]], people: np.ndarray, ts: np.ndarray
) -> Figure:
    known = [t for t in cases.MIDDLES if np.any(ts == t)]
    panels: dict[str, dict[str, figures.Curve]] = {}
    for metric in ('psnr', 'lpips'):
        if all(metric in scores for scores in values.values()):
            column = metrics.COLUMNS[metric]
            panels[f'{column.heading}, {column.unit}'.rstrip(', ')] = {
                name: _curve([bootstrap_interval(scores[metric][ts == t], people[ts == t]) for t in known])
                for name, scores in values.items()
            }
    path = context.drawings / 'figure6-plot.png'
    figures.interpolation_plot(known, panels, path)
    return Figure(
        'Against the true frames',
        'Means and 95 % intervals over people.',
        path,
        'PSNR and LPIPS of every method against t.',
    )


def _curve(values: Sequence[Value]) -> figures.Curve:
    return figures.Curve(*zip(*values))


def _strip(
    context: Context, methods: Sequence[Method], number: int, label: str, first: np.ndarray, second: np.ndarray
) -> Figure:
    path = context.drawings / f'figure6-strip{number + 1}.png'
    rows = [[first, *(method.interpolate(first, second, t) for t in _STEPS[1:-1]), second] for method in methods]
    grids.grid(rows, [f't = {t:g}' for t in _STEPS], [method.name for method in methods], path)
    return Figure(
        f'Figure 6, {label}',
        'Both ends are photos, all between is made.',
        path,
        f'A row of frames for each method, {label}.',
    )
