"""Tables of how well a known expression is carried over: pictures and flows made with the latent of the true target."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fvae_jax.data import index
from fvae_jax.evaluation import metrics, scoring
from fvae_jax.evaluation.cases import Cases, Pair
from fvae_jax.evaluation.methods import base, optical_flow
from fvae_jax.evaluation.methods.fvae import FVAE, Network
from fvae_jax.evaluation.statistics import bootstrap_interval
from fvae_jax.evaluation.tables import Cell, Column, Row, Table


def reconstruction_table(scores: Mapping[str, Mapping[str, np.ndarray]], people: Sequence[str], what: str) -> Table:
    """PSNR, the share of the way from copying to optical flow, and LPIPS, of the crop and of its mouth region.

    By the scores of `scoring.score`; the caption tells what the pairs are.
    """
    (_, copy), *_, (_, answer) = scores.items()
    rows = []
    for name, own in scores.items():
        shares: list[Cell] = [
            bootstrap_interval(own[metric] - copy[metric], people, answer[metric] - copy[metric]).percent()
            for metric in ('psnr', 'psnr_mouth')
        ]
        psnr, lpips = (
            metrics.cells(own, names, people) for names in (('psnr', 'psnr_mouth'), ('lpips', metrics.MOUTH_LPIPS))
        )
        marks = {'left_out': scoring.SEES if own is answer else '', 'ours': own is not copy and own is not answer}
        rows.append(Row(name, [*psnr, *shares, *lpips], **marks))
    columns = [
        Column(place, unit, decimals, better, group)
        for group, unit, decimals, better in (
            ('PSNR', 'dB', 2, 'higher'),
            ('share of the way', '%', 0, 'higher'),
            ('LPIPS', '', 4, 'lower'),
        )
        for place in ('whole', 'mouth')
    ]
    caption = (
        f'{len(people)} ordered pairs of {len(set(people))} people: {what}. All but the bilinear '
        "rows read pixels with the photos' Lanczos kernel. The share of the way is that from copying to optical "
        f'flow in PSNR. For its LPIPS the mouth is enlarged to {metrics.MOUTH_HEIGHT} px; it cannot be compared with '
        'that of the whole.'
    )
    return Table('reconstruction', 'Reconstruction', caption, columns, rows)


def flow_tables(known: Cases[Pair], network: Network, origins: Mapping[str, str]) -> list[Table]:
    """End-point errors and, with a content layer, how well alpha > 0.5 finds the exposed pixels.

    The pairs go from neutral to an expression; `origins` says whether its images are real or synthetic.
    """
    fvae, answer = FVAE(network), optical_flow.OpticalFlow()
    table = scoring.end_points(
        [base.Copy(), fvae, answer], known, network.editor.size, network.editor.frame, fvae, answer
    )
    what = f'Pairs {index.NEUTRAL} → expression of full strength whose true flow is known: '
    tables = [table._replace(caption=what + table.caption)]
    if not network.editor.bundle.config.model.content:
        return tables
    counts = count_exposed(known, FVAE(network, content=True).alpha)
    people, shown = np.asarray(known.people), np.asarray([head.target_expression for head in known.heads])
    rows = [detected('all', people, counts)]
    for name in sorted(set(shown)):
        rows.append(detected(f'{name} ({origins[name]})', people[shown == name], counts[shown == name]))
    columns = [
        Column('people', '', 0),
        Column('pairs', '', 0),
        Column('precision', '', 2, 'higher'),
        Column('recall', '', 2, 'higher'),
        Column('exposed', '% of pixels', 1),
    ]
    caption = (
        "The same pairs: alpha > 0.5 of the content layer at the target's latent against the truly exposed pixels, "
        'counted over the pixels of which it is known. No precision where nothing is found, no recall where '
        'nothing is exposed.'
    )
    return [*tables, Table('exposed', 'Finding exposed pixels', caption, columns, rows, row_heading='expression')]


def count_exposed(known: Cases[Pair], alpha: Callable[[Pair], np.ndarray]) -> np.ndarray:
    """Counts pixels of each pair, (pairs, 4) int.

    Those that alpha > 0.5 finds rightly, those that it finds, the exposed ones, and all that are known.
    """
    counts = []
    for (pair,) in known.batches(1, 'alpha'):
        exposed, found = pair.exposed & pair.known, (alpha(pair) > 0.5) & pair.known
        counts.append([mask.sum() for mask in (exposed & found, found, exposed, pair.known)])
    return np.asarray(counts)


def detected(label: str, people: np.ndarray, counts: np.ndarray) -> Row:
    """A row with people, pairs, precision and recall of alpha > 0.5, and the share of exposed pixels, %.

    By whose each pair is, (pairs,), and by `count_exposed`, (pairs, 4).
    """
    hits, *wholes, total = counts.T
    rates: list[Cell] = []
    for whole in wholes:
        some = whole > 0
        rates.append(bootstrap_interval(hits[some], people[some], whole[some]) if some.any() else None)
    return Row(label, [len(set(people)), len(people), *rates, 100 * float(wholes[1].sum() / total.sum())])
