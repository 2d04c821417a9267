"""Figure 6: frames between two photos of a person, seen beside each other and measured against true middle frames."""

from collections.abc import Mapping, Sequence

import numpy as np

from fvae_jax.evaluation import cases, metrics, scoring
from fvae_jax.evaluation.methods import base, morphs, optical_flow
from fvae_jax.evaluation.methods.base import Method
from fvae_jax.evaluation.methods.fvae import FVAE
from fvae_jax.evaluation.report import Context, figures
from fvae_jax.evaluation.statistics import bootstrap_interval
from fvae_jax.evaluation.tables import Figure, Row, Section, Table

_METRICS = ('psnr', 'psnr_mouth', 'lpips', 'sharpness')
_STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_STRIPS = 3
_Scores = Mapping[Method, Mapping[str, np.ndarray]]

_TEXT = """Algorithm 2 against the five methods of 6.2. Where a frame between neutral and the full expression is truly
known, as on drawn faces and in sets with images of partial strength, each method is scored against it; sharpness is
that of the frame against the true one. At t = 0 and 1 every method but the VAE shows the photos themselves. The
strips show all methods on {shown}, so that the eye can judge what numbers cannot."""


def section(context: Context) -> Section:
    """Scores and shows every interpolation method."""
    methods, frame = context.methods, context.run.editor.frame
    # Algorithm 2 weighs by the mask; without one there is only the plain mixture of two warps.
    maskless = FVAE(methods.network, masked=False)
    ours = [*methods.ours[::-1], maskless] if context.run.editor.has_mask else methods.ours[:1]
    others = [morphs.MeshMorph(frame), optical_flow.OpticalFlow(), morphs.FaceMorph(frame), base.CrossFade()]
    entries = [*ours, *methods.vaes, *others]
    middles = cases.middle_frames(context.run.faces, context.run.config)
    tables, drawn = [], []
    if len(middles):
        makers = {m: lambda middle, m=m: m.interpolate(middle.first, middle.second, middle.t) for m in entries}
        scores = scoring.score(middles, makers, 'Figure 6', frame)
        people, ts = np.asarray(middles.people), np.asarray([head.t for head in middles.heads])
        known = {t: ts == t for t in cases.MIDDLES if np.any(ts == t)}
        tables = [_table(context, scores, people, *which) for which in known.items()]
        drawn = [_plot(context, scores, people, known)]
        strips = middles.where(lambda middle: middle.t == 0.5).spread(_STRIPS)
        ends = [(middle.expression, middle.first, middle.second) for middle in strips]
    else:
        pairs = cases.pairs(context.run.faces, 'test', context.run.config).spread(_STRIPS)
        ends = [(f'{pair.source_expression} → {pair.target_expression}', pair.source, pair.target) for pair in pairs]
    drawn += [_strip(context, entries, i, *between) for i, between in enumerate(ends)]
    shown = 'pairs with true middle frames' if len(middles) else 'real pairs, for which no true middle frame exists'
    return Section('Interpolation (Figure 6)', _TEXT.format(shown=shown), tables, drawn)


def _table(context: Context, scores: _Scores, people: np.ndarray, t: float, here: np.ndarray) -> Table:
    columns = [metrics.COLUMNS[name] for name in _METRICS]
    columns[-1] = columns[-1]._replace(unit='× truth')
    rows = []
    for method, own in scores.items():
        chosen = {metric: values[here] for metric, values in own.items()}
        rows.append(Row(method.name, metrics.cells(chosen, _METRICS, people[here]), ours=method.ours))
    rows += context.methods.missing
    caption = f'{here.sum()} frames of {len(set(people[here]))} people kept out of training.'
    return Table(f'figure6-t{round(100 * t):03d}', f'True middle frames, t = {t:g}', caption, columns, rows)


def _plot(context: Context, scores: _Scores, people: np.ndarray, known: Mapping[float, np.ndarray]) -> Figure:
    panels = {}
    for metric in ('psnr', 'lpips'):
        if all(metric in own for own in scores.values()):
            panels[metrics.COLUMNS[metric].full_name] = {
                method.name: [bootstrap_interval(own[metric][here], people[here]) for here in known.values()]
                for method, own in scores.items()
            }
    path = context.drawings / 'figure6-plot.png'
    figures.interpolation_plot(list(known), panels, path)
    alt = 'PSNR and LPIPS of every method against t.'
    return Figure('Against the true frames', 'Means and 95 % intervals over people.', path, alt)


def _strip(
    context: Context, methods: Sequence[Method], number: int, label: str, first: np.ndarray, second: np.ndarray
) -> Figure:
    path = context.drawings / f'figure6-strip{number + 1}.png'
    rows = [[first, *(method.interpolate(first, second, t) for t in _STEPS[1:-1]), second] for method in methods]
    figures.grid(rows, [f't = {t:g}' for t in _STEPS], [method.name for method in methods], path)
    alt = f'A row of frames for each method, {label}.'
    return Figure(f'Figure 6, {label}', 'Both ends are photos, all between is made.', path, alt)
