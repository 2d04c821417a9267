"""Table 1: T made from S, with the target's latent as printed."""

from collections.abc import Mapping, Sequence

import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, metrics, statistics
from fvae_jax.evaluation.baselines.base import Method, Pair
from fvae_jax.evaluation.report import Column, Figure, Row, Section, Table, Value, figures, grids
from fvae_jax.evaluation.sections import COLUMNS, IDENTITY, Context, interval, progress

# dlib's descriptor takes a fifth of a second, so it looks at fewer pairs.
_DESCRIBED = 64
_SHOWN = 6
_SHARE = Column('share of the way', '%', 0, 'higher')
_SEES = 'sees the answer'

_TEXT = """The network is given S and the latent of the true target, Z(T), as for the paper's Table 1, so these numbers say
how well an expression that is known can be carried over, not how well one is guessed. S has the color statistics of T
(5.2). Optical flow is computed from the true target: it sees the answer, and is the ceiling of what moving the pixels
of S can do. The share of the way is (PSNR − PSNR of copying) / (PSNR of optical flow − PSNR of copying). The average
flow over the training people, by labels alone, does not see the answer and is the fair flow row.

All that moves pixels reads them with the Lanczos kernel that photos are edited with. Reading them bilinearly, as Eq. 5
prints and the network is trained, gives a little more PSNR, because blur is safe, and costs a third of the sharpness
(variance of the Laplacian, against the source) and LPIPS: the first of our rows. A VAE needs no source, and blurs too.
Identity distance is that of dlib's face descriptors from the true target; photos less than 0.6 apart count as one
person. On drawn faces it says nothing: dlib sees most of them as one."""


def section(context: Context) -> Section:
    """Scores every method on the test pairs."""
    pairs = list(cases.pairs(context.faces, 'test', context.config, context.config.eval.max_pairs))
    if not pairs:
        raise InputError('no test person has two images that are neutral or of full strength; a report needs them')
    methods = context.methods
    entries: list[tuple[Method, dict]] = [
        (methods.others[0], {}),
        (methods.average, {}),
        *((vae, {}) for vae in methods.vaes),
        *((method, {'ours': True}) for method in (methods.printed, *methods.ours, methods.confident)),
        (methods.flow, {'left_out': _SEES}),
    ]
    scores, shown = {}, {}
    chosen = np.linspace(0, len(pairs) - 1, min(_SHOWN, len(pairs))).round().astype(int)
    for method, _ in progress(entries, 'Table 1'):
        images = [method.reconstruct(pair) for pair in pairs]
        if all(image is not None for image in images):
            scores[method.name] = _score(context, images, pairs)
            shown[method.name] = [images[i] for i in chosen]
    # Methods that have an answer for some pairs only stay out: means over other pairs cannot be compared.
    table = _table(entries, scores, methods.missing, pairs)
    return Section(
        "Reconstruction with the target's latent (Table 1)",
        _TEXT,
        [table],
        [_dots(context, table), _examples(context, shown, [pairs[i] for i in chosen])],
    )


def _score(context: Context, images: Sequence[np.ndarray], pairs: Sequence[Pair]) -> dict[str, np.ndarray]:
    targets, sources = (np.stack([getattr(pair, name) for pair in pairs]) for name in ('target', 'source'))
    scores = context.judge.score(np.stack(images), targets, sources)
    described = np.linspace(0, len(pairs) - 1, min(_DESCRIBED, len(pairs))).round().astype(int)
    distances = np.full(len(pairs), np.nan)
    ours = context.judge.descriptors([images[i] for i in described])
    distances[described] = metrics.identity_distance(ours, context.judge.descriptors(targets[described]))
    return {**scores, IDENTITY: distances}


def _table(
    entries: Sequence[tuple[Method, dict]],
    scores: Mapping[str, Mapping[str, np.ndarray]],
    missing: Mapping[str, str],
    pairs: Sequence[Pair],
) -> Table:
    people = [pair.identity for pair in pairs]
    copy, ceiling = scores[entries[0][0].name]['psnr'], scores[entries[-1][0].name]['psnr']
    rows = []
    for method, marks in entries:
        if method.name not in scores:
            rows.append(
                Row(
                    method.name,
                    note='has no answer for some of the pairs: it needs a mask and three images of '
                    'each person, or, if it knows labels alone, all of them',
                    **marks,
                )
            )
            continue
        own = scores[method.name]
        cells = [_cell(own.get(name), people) for name in COLUMNS]
        if method is entries[0][0]:
            # Copying is as sharp as the source by definition, which is no merit.
            cells[list(COLUMNS).index('sharpness')] = 'the source'
        gain = statistics.bootstrap_ratio(own['psnr'] - copy, ceiling - copy, people)
        rows.append(Row(method.name, [*cells, Value(*(100 * x for x in gain))], **marks))
    rows[-1:-1] = [Row(name, note=note) for name, note in missing.items()]
    caption = (
        f'{len(pairs)} ordered pairs of {len(set(people))} people kept out of training; means over pairs with '
        '95 % intervals by resampling people.'
    )
    return Table('table1', 'Table 1', caption, [*COLUMNS.values(), _SHARE], rows)


def _cell(values: np.ndarray | None, people: Sequence[str]) -> Value | str:
    if values is None:
        return metrics.LPIPS_MISSING
    known = ~np.isnan(values)
    return interval(values[known], np.asarray(people)[known])


def _dots(context: Context, table: Table) -> Figure:
    path = context.drawings / 'table1.png'
    figures.dots_with_intervals(table, ['PSNR', 'LPIPS', 'sharpness'], path)
    return Figure(
        'Table 1 as a picture',
        'Means and 95 % intervals over people.',
        path,
        'Dots with intervals for PSNR, LPIPS and sharpness of every method.',
    )


def _examples(context: Context, shown: Mapping[str, Sequence[np.ndarray]], pairs: Sequence[Pair]) -> Figure:
    path = context.drawings / 'reconstructions.png'
    rows = [[pair.source, *(images[i] for images in shown.values()), pair.target] for i, pair in enumerate(pairs)]
    labels = [f'{pair.source_expression} → {pair.target_expression}' for pair in pairs]
    grids.grid(rows, ['source', *shown, 'target'], labels, path)
    return Figure('Examples', 'Test people, evenly chosen.', path, 'A grid of faces: source, every method, target.')
