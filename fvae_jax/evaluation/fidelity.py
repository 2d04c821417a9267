"""Tables of how well a known expression is carried over: pictures and flows made with the latent of the true target."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from fvae_jax.data import builder, index
from fvae_jax.editing import content, editor as editor_lib
from fvae_jax.evaluation import cases, metrics, statistics
from fvae_jax.evaluation.baselines import fading, learned, optical_flow
from fvae_jax.evaluation.baselines.base import Method, Pair
from fvae_jax.evaluation.report import Cell, Column, Row, Table, Value
from fvae_jax.evaluation.sections import flow, interval, progress
from fvae_jax.ops import image as image_ops
from fvae_jax.training import experiment

# LPIPS halves its input five times, which the mouth of a crop is too small for: it is enlarged to this height, px.
_MOUTH_HEIGHT = 64
_MOUTH_LPIPS = 'lpips_mouth'


class Scores(NamedTuple):
    """Reconstructions of pairs, scored.

    Attributes:
      people: Whose each pair is, (pairs,).
      by_method: {row: {score: (pairs,)}} in the order of `methods`; the scores are `metrics.SCORES` and, beside LPIPS,
        'lpips_mouth', that of the mouth region.
    """

    people: list[str]
    by_method: dict[str, dict[str, np.ndarray]]


class Trained(learned.PrintedFVAE):
    """The forward pass as a model with a content layer is trained: read bilinearly, its content laid over."""

    name = 'FVAE with content, bilinear (as trained)'

    def __init__(self, editor: editor_lib.Editor):
        super().__init__(editor)
        self._content = learned.FVAEWithContent(editor).content

    def reconstruct(self, pair: Pair) -> np.ndarray:
        """O = (1 − a) ⊙ g(S, Z(T)) + a ⊙ C."""
        return content.lay_on_crop(super().reconstruct(pair), self._content(pair), texture=False)


def only(faces: experiment.Faces, wanted: Callable[[builder.Record, builder.Record], bool]) -> experiment.Faces:
    """The same faces, of whose ordered pairs (S, T) only those count that are wanted."""

    class Chosen(experiment.Faces):
        """Faces with fewer pairs."""

        def pairs(self, part: str, limit: int | None = None) -> np.ndarray:
            """As those of `Faces`."""
            chosen = [pair for pair in super().pairs(part, limit) if wanted(*(self.data.records[i] for i in pair))]
            return np.asarray(chosen, int).reshape(-1, 2)

    return Chosen(*faces)


def methods(editor: editor_lib.Editor) -> list[Method]:
    """Copying, the model as trained and as photos are edited, and optical flow from the true target.

    The last but one is the model at its best: with its content layer, if it has one.
    """
    ours: list[Method] = [learned.PrintedFVAE(editor), learned.FVAE(editor)]
    if editor.bundle.config.model.content:
        ours += [Trained(editor), learned.FVAEWithContent(editor)]
    return [fading.Copy(), *ours, optical_flow.OpticalFlow()]


def score(judge: metrics.Judge, entries: Sequence[Method], pairs: Sequence[Pair]) -> Scores:
    """Scores the reconstructions of pairs."""
    targets, sources = (np.stack([getattr(pair, name) for pair in pairs]) for name in ('target', 'source'))
    by_method = {}
    for method in progress(entries, 'reconstruction'):
        images = np.stack([method.reconstruct(pair) for pair in pairs])
        scores = judge.score(images, targets, sources)
        if 'lpips' in scores:
            scores[_MOUTH_LPIPS] = judge.score(*map(_mouths, (images, targets, sources)))['lpips']
        by_method[method.name] = scores
    return Scores([pair.identity for pair in pairs], by_method)


def _mouths(images: np.ndarray) -> np.ndarray:
    mouths = image_ops.crop_region(images)
    size = round(_MOUTH_HEIGHT * mouths.shape[2] / mouths.shape[1]), _MOUTH_HEIGHT
    return np.clip([cv2.resize(mouth, size, interpolation=cv2.INTER_CUBIC) for mouth in mouths], -1, 1)


def reconstruction_table(scores: Scores, what: str) -> Table:
    """PSNR, the share of the way from copying to optical flow, and LPIPS, of the crop and of its mouth region.

    Args:
      scores: Of the pairs.
      what: What the pairs are, for the caption.
    """
    (_, copy), *_, (_, answer) = scores.by_method.items()
    rows = []
    for name, own in scores.by_method.items():
        cells: list[Cell] = [interval(own[metric], scores.people) for metric in ('psnr', 'psnr_mouth')]
        for metric in ('psnr', 'psnr_mouth'):
            share = statistics.bootstrap_ratio(own[metric] - copy[metric], answer[metric] - copy[metric], scores.people)
            cells.append(Value(*(100 * part for part in share)))
        cells += [
            interval(own[metric], scores.people) if metric in own else metrics.LPIPS_MISSING
            for metric in ('lpips', _MOUTH_LPIPS)
        ]
        rows.append(
            Row(
                name,
                cells,
                left_out='sees the answer' if own is answer else '',
                ours=own is not copy and own is not answer,
            )
        )
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
        f'{len(scores.people)} ordered pairs of {len(set(scores.people))} people: {what}. All but the bilinear '
        "rows read pixels with the photos' Lanczos kernel. The share of the way is that from copying to optical "
        f'flow in PSNR. For its LPIPS the mouth is enlarged to {_MOUTH_HEIGHT} px; it cannot be compared with that '
        'of the whole.'
    )
    return Table('reconstruction', 'Reconstruction', caption, columns, rows)


def flow_tables(known: Sequence[cases.KnownFlow], editor: editor_lib.Editor, origins: Mapping[str, str]) -> list[Table]:
    """End-point errors and, with a content layer, how well alpha > 0.5 finds the exposed pixels.

    Args:
      known: Pairs from neutral to an expression.
      editor: The model.
      origins: Whether images of an expression are real or synthetic.
    """
    fvae, answer = learned.FVAE(editor), optical_flow.OpticalFlow()
    flows = {
        'copy': flow.no_flow,
        fvae.name: fvae.flow,
        answer.name: lambda pair: optical_flow.estimate(pair.source, pair.target),
    }
    table = flow.end_points(flows, known, editor.size, fvae.name, answer.name)
    what = f'Pairs {index.NEUTRAL} → expression of full strength whose true flow is known: '
    tables = [table._replace(caption=what + table.caption)]
    if not editor.bundle.config.model.content:
        return tables
    method = learned.FVAEWithContent(editor)
    alpha = np.stack([method.content(case.pair).alpha for case in progress(known, 'alpha')])
    expressions = np.asarray([case.pair.target_expression for case in known])
    rows = [detected('all', known, alpha, np.ones(len(known), bool))]
    rows += [
        detected(f'{name} ({origins[name]})', known, alpha, expressions == name) for name in sorted(set(expressions))
    ]
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


def detected(label: str, known: Sequence[cases.KnownFlow], alpha: np.ndarray, chosen: np.ndarray) -> Row:
    """People, pairs, precision and recall of alpha > 0.5, and the share of exposed pixels, %.

    Args:
      label: Of the row.
      known: The pairs.
      alpha: Of all of them, (pairs, H, W).
      chosen: Which pairs the row is about, (pairs,) bool.
    """
    people = np.asarray([case.pair.identity for case in known])[chosen]
    sure, exposed = (np.stack([getattr(case, name) for case in known])[chosen] for name in ('known', 'exposed'))
    exposed, found = exposed & sure, (alpha[chosen] > 0.5) & sure
    hits = (exposed & found).sum((1, 2))
    rates: list[Cell] = []
    for every in (found.sum((1, 2)), exposed.sum((1, 2))):
        some = every > 0
        rates.append(Value(*statistics.bootstrap_ratio(hits[some], every[some], people[some])) if some.any() else None)
    return Row(label, [len(set(people)), len(people), *rates, 100 * float(exposed.sum() / sure.sum())])
