"""The numbers that a model card needs, measured on the people that a training run never saw."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

import ml_collections
import numpy as np

from fvae_jax.data import index
from fvae_jax.data.people import Faces
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, metrics, runs, scoring
from fvae_jax.evaluation.card import edits as edits_lib, groups
from fvae_jax.evaluation.cases import Cases, Pair
from fvae_jax.evaluation.methods import base, optical_flow
from fvae_jax.evaluation.methods.fvae import FVAE, Network
from fvae_jax.evaluation.statistics import bootstrap_interval
from fvae_jax.evaluation.tables import Cell, Column, Report, Row, Section, Table

SMILE = 'smile'
_BATCH = 8  # of pairs scored at a time: there are few

_SUMMARY = """Measured on aligned crops of the model's own size, of people kept out of training. In brackets: 95 %
intervals by resampling people. They hold for people like these, photographed like these."""
_RECONSTRUCTION = """The network is given S and the latent of the true target T, so this says how well a known
expression is carried over. Copying is S with the color statistics of T; optical flow is computed from T itself."""
_EDITING = """From one image and a strength, as users have it. The measure is what the same person's own face did,
though nobody smiles the same twice."""
_FLOW = """The set knows for some pairs where each pixel of T lies in S, and which pixels S does not have."""


def measure(config: ml_collections.ConfigDict, workdir: pathlib.Path, people_file: pathlib.Path) -> Report:
    """Measures everything of a run, as `runs.open_run` opens it, with a table of people for `groups.read_people`.

    Raises:
      InputError: There is no finished run, a person of it is not in the table, or no test person has a neutral image
        and a smile.
    """
    people = groups.read_people(people_file)
    run = runs.open_run(config, workdir)
    faces, editor, network = run.faces, run.editor, Network(run.editor)
    groups.check(people, faces.split, people_file)
    origins, edits = _origins(faces), cases.edits(faces, editor.expressions)
    smiles = edits.where(lambda edit: edit.target == SMILE)
    if not len(smiles):
        raise InputError(
            f'no test person of {workdir} has both a {index.NEUTRAL} image and a {SMILE} of full strength '
            'that the model knows; a model card needs them'
        )
    # The model as trained and as photos are edited; last at its best, with its content layer, if it has one.
    own = [FVAE(network, content=c, bilinear=b) for c in network.contents for b in (True, False)]
    entries, ours = [base.Copy(), *own, optical_flow.OpticalFlow()], own[-1]
    pairs = cases.pairs(faces, 'test', config).where(
        lambda pair: {pair.source_expression, pair.target_expression} == {index.NEUTRAL, SMILE}
    )
    what = f'{index.NEUTRAL} ({origins[index.NEUTRAL]}) ↔ {SMILE} ({origins[SMILE]}), both ways'
    makers = {method: method.reconstruct for method in entries}
    scores = scoring.score(pairs, makers, 'reconstruction', editor.frame, batch_size=_BATCH, mouths=True)
    reconstructed = [reconstruction_table(scores, pairs.people, what)]
    there, back = f'{index.NEUTRAL} → {SMILE}', f'{SMILE} → {index.NEUTRAL}'
    ways = {there: smiles, back: smiles.map(cases.back)}
    moved = {way: scoring.movements(ours, made, edits_lib.STRENGTHS, editor.frame) for way, made in ways.items()}
    edited = [
        edits_lib.strength_table(moved),
        edits_lib.identity_table(ours, ways, editor.frame),
        edits_lib.texture_table(ours, network, ways),
        edits_lib.expression_table(ours, edits, origins, editor.frame),
    ]
    smiled = moved[there]['mouth_corner_lift']
    compared = _compared(pairs.people, scores[entries[0]], scores[ours], smiled)
    grouped = [groups.composition(people, faces.split), groups.comparison(people, faces.split, pairs.people, compared)]
    measured = (
        f'What is measured is {ours.name}: the reconstructions of the first table, and how far neutral faces smile.'
    )
    sections = [
        Section("Reconstruction with the target's latent", _RECONSTRUCTION, reconstructed),
        Section('Editing (Algorithm 1)', f'{_EDITING} What edits is {ours.name}.', edited),
        Section('Groups of people', measured, grouped),
    ]
    known = cases.known_flows(faces, config).where(lambda pair: pair.source_expression == index.NEUTRAL)
    if len(known):
        sections.append(Section('True flow', _FLOW, flow_tables(known, network, origins)))
    facts = {**run.facts(), 'made by': '`fvae card RUN --people CSV --out FILE.md`'}
    return Report(f'Measured: {config.name}', ' '.join(_SUMMARY.split()), facts, sections)


def _origins(faces: Faces) -> dict[str, str]:
    """Whether the test people's full expressions are real images or synthetic ones."""
    shown = [record for record in faces.data.records if record.identity in faces.split.test and cases.is_whole(record)]
    seen = sorted({(record.expression, record.origin) for record in shown})
    return {expression: ' and '.join(kind for name, kind in seen if name == expression) for expression, _ in seen}


def _compared(
    people: list[str], copied: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray], smiled: scoring.Movement
) -> dict[Column, groups.Measure]:
    """What groups of people are compared in, by the scores of copying and of the model, and by how far faces smile."""
    measures: dict[Column, groups.Measure] = {
        Column(heading, 'dB over copying', 2, 'higher'): (people, own[name] - copied[name], None)
        for name, heading in (('psnr', 'PSNR'), ('psnr_mouth', 'mouth PSNR'))
    }
    measures[metrics.COLUMNS['lpips']] = (people, own['lpips'], None) if 'lpips' in own else metrics.LPIPS_MISSING
    lift = smiled.people, 100 * smiled.made[edits_lib.STRENGTHS.index(1.0)], smiled.real
    return {**measures, Column('mouth-corner lift', '% of the own smile at strength 1', 0): lift}


def reconstruction_table(
    scores: Mapping[base.Method, Mapping[str, np.ndarray]], people: Sequence[str], what: str
) -> Table:
    """PSNR, the share of the way from copying to optical flow, and LPIPS, of the crop and of its mouth region.

    By the scores of `scoring.score`; the caption tells what the pairs are.
    """
    copy, *_, answer = scores.values()
    rows = []
    for method, own in scores.items():
        shares: list[Cell] = [
            bootstrap_interval(own[metric] - copy[metric], people, answer[metric] - copy[metric]).percent()
            for metric in ('psnr', 'psnr_mouth')
        ]
        psnr, lpips = (
            metrics.cells(own, names, people) for names in (('psnr', 'psnr_mouth'), ('lpips', metrics.MOUTH_LPIPS))
        )
        rows.append(method.row([*psnr, *shares, *lpips]))
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
    entries = [base.Copy(), FVAE(network), optical_flow.OpticalFlow()]
    table = scoring.end_points(entries, known, network.editor.size, network.editor.frame)
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
