"""Figure 6: frames between two photos of a person, seen beside each other and measured against true middle frames."""

from collections.abc import Mapping, Sequence

import numpy as np

from fvae_jax.evaluation import cases, metrics
from fvae_jax.evaluation.baselines.base import Method, Pair
from fvae_jax.evaluation.report import Column, Figure, Row, Section, Table, Value, figures, grids
from fvae_jax.evaluation.sections import COLUMNS, Context, interval, progress

_METRICS = ('psnr', 'psnr_mouth', 'lpips', 'sharpness')
_STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_STRIPS = 3

_TEXT = """Algorithm 2 against the five methods of 6.2. Where a frame between neutral and the full expression is truly known,
as on drawn faces and in sets with images of partial strength, each method is scored against it; sharpness is that of
the frame against the true one. At t = 0 and 1 every method but the VAE shows the photos themselves. The strips show
all methods on {shown}, so that the eye can judge what numbers cannot."""


def section(context: Context) -> Section:
    """Scores and shows every interpolation method."""
    methods = _methods(context)
    middles = list(cases.middle_frames(context.faces, context.config))
    tables, drawn = [], []
    if middles:
        values = {method.name: _scores(context, method, middles) for method in progress(methods, 'Figure 6')}
        people = [middle.identity for middle in middles]
        ts = np.asarray([middle.t for middle in middles])
        tables = [_table(context, values, people, ts, t) for t in cases.MIDDLES if np.any(ts == t)]
        drawn = [_plot(context, values, people, ts)]
        strips = [(m.expression, m.first, m.second) for m in middles if m.t == 0.5]
    else:
        pairs = cases.pairs(context.faces, 'test', context.config)
        strips = [(f'{pair.source_expression} → {pair.target_expression}', *_ends(pair)) for pair in pairs]
    chosen = [strips[i] for i in np.linspace(0, len(strips) - 1, min(_STRIPS, len(strips))).round().astype(int)]
    drawn += [_strip(context, methods, i, *ends) for i, ends in enumerate(chosen)]
    shown = 'pairs with true middle frames' if middles else 'real pairs, for which no true middle frame exists'
    return Section('Interpolation (Figure 6)', _TEXT.format(shown=shown), tables, drawn)


def _methods(context: Context) -> list[Method]:
    _, fade, mesh, face = context.methods.others
    maskless = [context.methods.maskless] if context.editor.has_mask else []
    # Algorithm 2 weighs by the mask; without one there is only the plain mixture of two warps.
    ours = context.methods.ours[::-1] if context.editor.has_mask else [context.methods.fvae]
    return [*ours, *maskless, *context.methods.vaes, mesh, context.methods.flow, face, fade]


def _ends(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    return pair.source, pair.target


def _scores(context: Context, method: Method, middles: Sequence[cases.Middle]) -> dict[str, np.ndarray]:
    frames = np.stack([method.interpolate(middle.first, middle.second, middle.t) for middle in middles])
    truths = np.stack([middle.truth for middle in middles])
    return context.judge.score(frames, truths, truths)


def _table(
    context: Context, values: Mapping[str, Mapping[str, np.ndarray]], people: Sequence[str], ts: np.ndarray, t: float
) -> Table:
    here = ts == t
    who = np.asarray(people)[here]
    columns = [COLUMNS[name]._replace(unit='× truth') if name == 'sharpness' else COLUMNS[name] for name in _METRICS]
    rows = [
        Row(
            name,
            [interval(scores[metric][here], who) if metric in scores else metrics.LPIPS_MISSING for metric in _METRICS],
            ours=name in [method.name for method in context.methods.ours],
        )
        for name, scores in values.items()
    ]
    rows += [Row(name, note=note) for name, note in context.methods.missing.items()]
    return Table(
        f'figure6-t{round(100 * t):03d}',
        f'True middle frames, t = {t:g}',
        f'{here.sum()} frames of {len(set(who))} people kept out of training.',
        columns,
        rows,
    )


def _plot(
    context: Context, values: Mapping[str, Mapping[str, np.ndarray]], people: Sequence[str], ts: np.ndarray
) -> Figure:
    known = [t for t in cases.MIDDLES if np.any(ts == t)]
    panels: dict[str, dict[str, figures.Curve]] = {}
    for metric in ('psnr', 'lpips'):
        if all(metric in scores for scores in values.values()):
            column: Column = COLUMNS[metric]
            panels[f'{column.heading}, {column.unit}'.rstrip(', ')] = {
                name: _curve([interval(scores[metric][ts == t], np.asarray(people)[ts == t]) for t in known])
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
    return figures.Curve([v.mean for v in values], [v.low for v in values], [v.high for v in values])


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
