"""True flow: how far predicted and estimated flows are from the truth, and whether the mask knows what is new."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fvae_jax.evaluation import cases
from fvae_jax.evaluation.baselines import optical_flow
from fvae_jax.evaluation.baselines.base import Pair
from fvae_jax.evaluation.report import Column, Figure, Row, Section, Table, figures
from fvae_jax.evaluation.sections import Context, interval, progress
from fvae_jax.ops import image as image_ops

_LIMIT = 200
_THRESHOLDS = np.linspace(0, 1, 101)
# Where nothing moves every flow is right, so pixels that move are also looked at alone.
_MOVES = 0.5  # px

_TEXT = """The set knows for each pixel of T where it lies in S, and which pixels S does not have. The end-point error is the
length of the difference from the true displacement, over pixels that have a source; copying stands for no flow at
all. Optical flow sees the target. Flow is what moves colors right, not always what moved: on even skin many flows
give the same picture.

The confidence mask M is trained on Eq. 7, which asks where the warp is off by color, not which pixels are new; how well
1 − M finds the truly exposed pixels is therefore a by-product: its precision and recall are below. A content layer's
alpha is trained on them, where a set knows them."""


def section(context: Context) -> Section | None:
    """Measures flows and mask where the set ships true flow; None where it does not."""
    known = list(cases.known_flows(context.faces, context.config, _LIMIT))
    if not known:
        return None
    methods = context.methods
    flows = {
        'copy': no_flow,
        methods.average.name: lambda pair: methods.average.displacement(pair.source_expression, pair.target_expression),
        methods.fvae.name: methods.fvae.flow,
        methods.flow.name: lambda pair: optical_flow.estimate(pair.source, pair.target),
    }
    size = context.config.data.image_size
    tables, drawn = [end_points(flows, known, size, methods.fvae.name, methods.flow.name)], []
    if context.editor.has_mask or methods.content:
        table, figure = _maps(context, known)
        tables.append(table)
        drawn.append(figure)
    return Section('True flow', _TEXT, tables, drawn)


def no_flow(pair: Pair) -> np.ndarray:
    """The flow of copying: (H, W, 2) zeros."""
    return np.zeros((*pair.source.shape[:2], 2), np.float32)


def end_points(
    flows: Mapping[str, Callable[[Pair], np.ndarray | None]],
    known: Sequence[cases.KnownFlow],
    size: int,
    ours: str,
    answer: str,
) -> Table:
    """Measures how far flows are from the true ones.

    Args:
      flows: What gives the flow of a pair, (H, W, 2), px, by the names of the rows; None where it has none.
      known: The pairs.
      size: Of their crops, px.
      ours: The row that the table is about.
      answer: The row that sees the answer.
    """
    people = [case.pair.identity for case in known]
    rows = []
    for name, flow in progress(flows.items(), 'true flow'):
        found = [flow(case.pair) for case in known]
        if any(displacement is None for displacement in found):
            rows.append(Row(name, note='has no flow for some of the pairs'))
            continue
        errors = [_errors(displacement, case) for displacement, case in zip(found, known)]
        rows.append(
            Row(
                name,
                [_cell([e[i] for e in errors], people) for i in range(3)],
                ours=name == ours,
                left_out='sees the answer' if name == answer else '',
            )
        )
    columns = [
        Column('all', 'px', 2, 'lower', 'end-point error'),
        Column(f'moving over {_MOVES} px', 'px', 2, 'lower', 'end-point error'),
        Column('mouth', 'px', 2, 'lower', 'end-point error'),
    ]
    caption = (
        f'{len(known)} test pairs of {len(set(people))} people, crops of {size} px; means over pairs with 95 % '
        'intervals over people.'
    )
    return Table('true-flow', 'End-point error', caption, columns, rows)


def _errors(flow: np.ndarray, case: cases.KnownFlow) -> tuple[float, float, float]:
    """Mean end-point errors over all pixels with a source, over those that move, over those of the mouth, px."""
    error = np.linalg.norm(flow - case.displacement, axis=-1)
    sourced = case.known & ~case.exposed
    moving = sourced & (np.linalg.norm(case.displacement, axis=-1) > _MOVES)
    mouth = image_ops.crop_region(np.where(sourced, error, np.nan)[..., None], *image_ops.MOUTH)
    return (
        float(error[sourced].mean()),
        float(error[moving].mean()) if moving.any() else np.nan,
        float(np.nanmean(mouth)) if np.isfinite(mouth).any() else np.nan,
    )


def _cell(values: Sequence[float], people: Sequence[str]):
    known = np.isfinite(values)
    return interval(np.asarray(values)[known], np.asarray(people)[known])


def _maps(context: Context, known: Sequence[cases.KnownFlow]) -> tuple[Table, Figure]:
    """Precision and recall of the mask and of the content layer's alpha against the truly exposed pixels."""
    maps, methods = {}, context.methods
    if context.editor.has_mask:
        maps['1 − M'] = lambda pair: 1 - methods.fvae.confidence(pair)
    if methods.content:
        maps['alpha'] = lambda pair: methods.content.content(pair).alpha
    exposed = np.concatenate([case.exposed[case.known] for case in known])
    detections = {
        name: detect(np.concatenate([of(case.pair)[case.known] for case in progress(known, name)]), exposed)
        for name, of in maps.items()
    }
    middle = len(_THRESHOLDS) // 2
    rows = [
        Row(name, [found.precisions[middle], found.recalls[middle], 100 * float(exposed.mean())], ours=True)
        for name, found in detections.items()
    ]
    columns = [Column('precision'), Column('recall'), Column('exposed', '% of pixels', 1)]
    path = context.drawings / 'exposed-pixels.png'
    figures.precision_recall_plot(detections, float(exposed.mean()), path)
    return (
        Table(
            'exposed-pixels',
            'Finding exposed pixels',
            'Maps above 0.5, over the pixels of the pairs above of which it is known.',
            columns,
            rows,
            row_heading='map',
        ),
        Figure('Finding exposed pixels', 'Each point is a threshold.', path, 'Precision against recall of each map.'),
    )


def detect(doubt: np.ndarray, exposed: np.ndarray) -> figures.Detection:
    """Precision and recall of doubt > threshold for exposed pixels, at 101 thresholds from 0 to 1.

    Args:
      doubt: Any shape, in [0, 1].
      exposed: Of the same shape, bool. Where nothing is found precision is 1, as is usual.
    """
    edges = np.append(_THRESHOLDS, np.inf)
    # Counts of values above each threshold: histograms, summed from above.
    above = [np.histogram(doubt[chosen], edges)[0][::-1].cumsum()[::-1] for chosen in (exposed, ~exposed)]
    found = above[0] + above[1]
    precision = np.divide(above[0], found, out=np.ones(len(_THRESHOLDS)), where=found > 0)
    return figures.Detection(_THRESHOLDS.tolist(), precision.tolist(), (above[0] / max(exposed.sum(), 1)).tolist())
