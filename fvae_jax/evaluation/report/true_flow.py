"""True flow: how far predicted and estimated flows are from the truth, and whether the mask knows what is new."""

import numpy as np

from fvae_jax.evaluation import cases, scoring
from fvae_jax.evaluation.cases import Cases, Pair
from fvae_jax.evaluation.methods import base, optical_flow
from fvae_jax.evaluation.report import Context, figures
from fvae_jax.evaluation.tables import Column, Figure, Row, Section, Table

_LIMIT = 200
_THRESHOLDS = np.linspace(0, 1, 101)

_TEXT = """The set knows for each pixel of T where it lies in S, and which pixels S does not have. The end-point error
is the length of the difference from the true displacement, over pixels that have a source; copying stands for no flow
at all. Optical flow sees the target. Flow is what moves colors right, not always what moved: on even skin many flows
give the same picture.

The confidence mask M is trained on Eq. 7, which asks where the warp is off by color, not which pixels are new; how
well 1 − M finds the truly exposed pixels is therefore a by-product: its precision and recall are below. A content
layer's alpha is trained on them, where a set knows them."""


def section(context: Context) -> Section | None:
    """Measures flows and mask where the set ships true flow; None where it does not."""
    known = cases.known_flows(context.run.faces, context.run.config).spread(_LIMIT)
    if not len(known):
        return None
    methods, editor = context.methods, context.run.editor
    entries = [base.Copy(), methods.average, methods.ours[0], optical_flow.OpticalFlow()]
    tables, drawn = [scoring.end_points(entries, known, editor.size, editor.frame)], []
    if editor.has_mask or context.run.config.model.content:
        table, figure = _maps(context, known)
        tables.append(table)
        drawn.append(figure)
    return Section('True flow', _TEXT, tables, drawn)


def _maps(context: Context, known: Cases[Pair]) -> tuple[Table, Figure]:
    """Precision and recall of the mask and of the content layer's alpha against the truly exposed pixels."""
    maps, fvae = {}, context.methods.ours[0]
    if context.run.editor.has_mask:
        maps['1 − M'] = lambda pair: 1 - fvae.confidence(pair)
    if context.run.config.model.content:
        maps['alpha'] = fvae.alpha
    above = dict.fromkeys(maps, 0)
    for (pair,) in known.batches(1, 'exposed pixels'):
        for name, of in maps.items():
            above[name] = above[name] + count_above(of(pair)[pair.known], pair.exposed[pair.known])
    exposed, others = next(iter(above.values()))[:, 0]  # no doubt is less than the first threshold
    share = float(exposed / (exposed + others))
    detections = {name: detection(counts) for name, counts in above.items()}
    middle = len(_THRESHOLDS) // 2
    rows = [
        Row(name, [float(precisions[middle]), float(recalls[middle]), 100 * share], ours=True)
        for name, (precisions, recalls) in detections.items()
    ]
    columns = [Column('precision'), Column('recall'), Column('exposed', '% of pixels', 1)]
    path, title = context.drawings / 'exposed-pixels.png', 'Finding exposed pixels'
    figures.precision_recall_plot(detections, share, path)
    caption = 'Maps above 0.5, over the pixels of the pairs above of which it is known.'
    return (
        Table('exposed-pixels', title, caption, columns, rows, row_heading='map'),
        Figure(title, 'Each point is a threshold.', path, 'Precision against recall of each map.'),
    )


def count_above(doubt: np.ndarray, exposed: np.ndarray) -> np.ndarray:
    """Counts exposed and other pixels whose doubt in [0, 1] is at least each of `_THRESHOLDS`, (2, 101)."""
    return np.stack([[np.sum(doubt[of] >= threshold) for threshold in _THRESHOLDS] for of in (exposed, ~exposed)])


def detection(above: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall of doubt for exposed pixels at each threshold, (101,) each, from sums of `count_above`.

    Where nothing is found precision is 1, as is usual.
    """
    found = above.sum(0)
    precision = np.divide(above[0], found, out=np.ones(len(_THRESHOLDS)), where=found > 0)
    return precision, above[0] / max(above[0, 0], 1)
