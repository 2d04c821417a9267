"""The numbers that a model card needs, measured on the people that a training run never saw."""

import pathlib
from collections.abc import Mapping

import ml_collections
import numpy as np

from fvae_jax.data import index
from fvae_jax.data.people import Faces
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, metrics, runs, scoring
from fvae_jax.evaluation.card import edits as edits_lib, groups, reconstruction
from fvae_jax.evaluation.methods import base, optical_flow
from fvae_jax.evaluation.methods.fvae import FVAE, Network
from fvae_jax.evaluation.tables import Column, Report, Section

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
    contents = (False, True) if network.goes_beyond else (False,)
    own = [FVAE(network, content=content, bilinear=bilinear) for content in contents for bilinear in (True, False)]
    entries, ours = [base.Copy(), *own, optical_flow.OpticalFlow()], own[-1]
    pairs = cases.pairs(faces, 'test', config).where(
        lambda pair: {pair.source_expression, pair.target_expression} == {index.NEUTRAL, SMILE}
    )
    what = f'{index.NEUTRAL} ({origins[index.NEUTRAL]}) ↔ {SMILE} ({origins[SMILE]}), both ways'
    makers = {method.name: method.reconstruct for method in entries}
    truth = ('target', 'source', 'target')
    scores = scoring.score(pairs, makers, truth, 'reconstruction', editor.frame, batch_size=_BATCH, mouths=True)
    reconstructed = [reconstruction.reconstruction_table(scores, pairs.people, what)]
    there, back = f'{index.NEUTRAL} → {SMILE}', f'{SMILE} → {index.NEUTRAL}'
    ways = {there: smiles, back: smiles.map(cases.back)}
    moved = edits_lib.movements(ours, ways, editor.frame)
    edited = [
        edits_lib.strength_table(moved),
        edits_lib.identity_table(ours, ways, editor.frame),
        edits_lib.texture_table(ours, network, ways),
        edits_lib.expression_table(ours, edits, origins, editor.frame),
    ]
    smiled = moved[there]['mouth_corner_lift']
    compared = _compared(pairs.people, scores[entries[0].name], scores[ours.name], smiled)
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
        sections.append(Section('True flow', _FLOW, reconstruction.flow_tables(known, network, origins)))
    facts = {**run.facts(), 'made by': '`fvae card RUN --people CSV --out FILE.md`'}
    return Report(f'Measured: {config.name}', ' '.join(_SUMMARY.split()), facts, sections)


def _origins(faces: Faces) -> dict[str, str]:
    """Whether the test people's full expressions are real images or synthetic ones."""
    seen: dict[str, set[str]] = {}
    for record in faces.data.records:
        if record.identity in faces.split.test and cases.is_whole(record):
            seen.setdefault(record.expression, set()).add(record.origin)
    return {expression: ' and '.join(sorted(kinds)) for expression, kinds in seen.items()}


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
