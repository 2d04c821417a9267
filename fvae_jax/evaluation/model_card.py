"""The numbers that a model card needs, measured on the people that a training run never saw.

  python -m fvae_jax.evaluation.model_card RUN --people people.csv --out card.md

Writes Markdown, and the same numbers in full precision beside it, card.json.
"""

import pathlib
import sys

import ml_collections
import numpy as np

import fvae_jax
from fvae_jax import config as config_lib, runtime
from fvae_jax.data import index
from fvae_jax.editing import arguments, editor as editor_lib, latent
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, edits, fidelity, groups, metrics
from fvae_jax.evaluation.report import Column, Report, Section, markdown
from fvae_jax.evaluation.sections import COLUMNS, progress
from fvae_jax.photo import output
from fvae_jax.training import experiment

SMILE = 'smile'
_ALL = 1 << 30  # pairs
_BATCH = 8  # of pairs scored at a time: there are few

_SUMMARY = """Measured on aligned crops of the model's own size, of people kept out of training. In brackets: 95 % intervals
by resampling people. They hold for people like these, photographed like these."""
_RECONSTRUCTION = """The network is given S and the latent of the true target T, so this says how well a known expression
is carried over. Copying is S with the color statistics of T; optical flow is computed from T itself."""
_EDITING = """From one image and a strength, as users have it. The measure is what the same person's own face did, though
nobody smiles the same twice."""
_FLOW = """The set knows for some pairs where each pixel of T lies in S, and which pixels S does not have."""


def measure(config: ml_collections.ConfigDict, workdir: pathlib.Path, people_file: pathlib.Path) -> Report:
    """Measures everything.

    Args:
      config: The experiment, as the run's config.json has it.
      workdir: The run directory.
      people_file: A table of people, for `groups.read_people`.

    Raises:
      InputError: There is no finished run, a person of it is not in the table, or no test person has a neutral image
        and a smile.
    """
    people = groups.read_people(people_file)
    workdir, faces = experiment.open_run(config, workdir)
    groups.check(people, faces.split, people_file)
    model = workdir / 'model.safetensors'
    if not model.exists():
        raise InputError(f'{model} is missing; let the training of {workdir} end first')
    editor, judge, origins = editor_lib.load(model), metrics.Judge(_BATCH), _origins(faces)
    changes = list(cases.changes(faces, editor.expressions))
    smiles = [change for change in changes if change.expression == SMILE]
    if not smiles:
        raise InputError(
            f'no test person of {workdir} has both a {index.NEUTRAL} image and a {SMILE} of full strength '
            'that the model knows; a model card needs them'
        )
    entries, ways = fidelity.methods(editor), edits.both_ways(smiles)
    ours = entries[-2]

    neutral_and_smile = fidelity.only(faces, lambda s, t: {s.expression, t.expression} == {index.NEUTRAL, SMILE})
    pairs = list(progress(cases.pairs(neutral_and_smile, 'test', config), 'pairs'))
    scores = fidelity.score(judge, entries, pairs)
    what = f'{index.NEUTRAL} ({origins[index.NEUTRAL]}) ↔ {SMILE} ({origins[SMILE]}), both ways'
    moved = edits.movements(ours, ways)
    sections = [
        Section(
            "Reconstruction with the target's latent", _RECONSTRUCTION, [fidelity.reconstruction_table(scores, what)]
        ),
        Section(
            'Editing (Algorithm 1)',
            _EDITING,
            [
                edits.strength_table(moved),
                edits.identity_table(judge, ours, ways),
                edits.texture_table(ours, editor, ways),
                edits.expression_table(ours, changes, origins),
            ],
        ),
        Section(
            'Groups of people',
            f'What is measured is {ours.name}: the reconstructions of the first table, and how '
            'far neutral faces smile.',
            [
                groups.composition(people, faces.split),
                groups.comparison(people, faces.split, _by_group(scores, ours.name, moved)),
            ],
        ),
    ]
    from_neutral = fidelity.only(faces, lambda s, t: s.expression == index.NEUTRAL != t.expression)
    known = list(progress(cases.known_flows(from_neutral, config, _ALL), 'true flow of the pairs'))
    if known:
        sections.append(Section('True flow', _FLOW, fidelity.flow_tables(known, editor, origins)))
    facts = _facts(config, faces, editor, model)
    return Report(f'Measured: {config.name}', ' '.join(_SUMMARY.split()), facts, sections)


def _origins(faces: experiment.Faces) -> dict[str, str]:
    """Whether the test people's full expressions are real images or synthetic ones."""
    seen: dict[str, set[str]] = {}
    for record in faces.data.records:
        whole = record.expression == index.NEUTRAL or record.strength >= latent.FULL_STRENGTH
        if record.identity in faces.split.test and whole:
            seen.setdefault(record.expression, set()).add(record.origin)
    return {expression: ' and '.join(sorted(kinds)) for expression, kinds in seen.items()}


def _by_group(scores: fidelity.Scores, ours: str, moved: edits.Movements) -> list[groups.Measure]:
    """What groups of people are compared in."""
    copy, own = next(iter(scores.by_method.values())), scores.by_method[ours]
    once = np.ones(len(scores.people))
    gains = [
        groups.Measure(Column(heading, 'dB over copying', 2, 'higher'), scores.people, own[name] - copy[name], once)
        for name, heading in (('psnr', 'PSNR'), ('psnr_mouth', 'mouth PSNR'))
    ]
    lpips = groups.Measure(COLUMNS['lpips'], scores.people, own.get('lpips'), once, metrics.LPIPS_MISSING)
    # From neutral to the smile comes first.
    wanted, real, made = next(iter(moved.values()))
    lift = groups.Measure(
        Column('mouth-corner lift', '% of the own smile at strength 1', 0),
        [edit.identity for edit in wanted],
        100 * made[:, edits.FULL, edits.LIFT],
        real[:, edits.LIFT],
    )
    return [*gains, lpips, lift]


def _facts(
    config: ml_collections.ConfigDict, faces: experiment.Faces, editor: editor_lib.Editor, model: pathlib.Path
) -> dict[str, str | int | float]:
    info, split = editor.bundle.info, faces.split
    return {
        'experiment': config.name,
        'data': info.get('data') or config.data.set,
        'people': f'{len(split.train)} to train, {len(split.validation)} to validate, {len(split.test)} to test',
        'expressions': ', '.join(editor.expressions),
        'size': f'{config.data.image_size} px, width {config.model.width}, file of {model.stat().st_size / 1e6:.1f} MB',
        'seed': config.seed,
        'steps': f'{info["step"]} (the best of {config.train.steps})',
        'software': f'fvae_jax {fvae_jax.__version__}',
        'made by': '`python -m fvae_jax.evaluation.model_card RUN --people CSV --out FILE.md`',
    }


def main(argv: list[str]) -> None:
    """Measures, writes both files and prints the name of the first."""
    parser = arguments.Parser(
        'python -m fvae_jax.evaluation.model_card',
        'RUN --people CSV --out FILE.md',
        'What a model card needs, as Markdown tables and JSON, on the people that a run never saw.',
        'example:\n  python -m fvae_jax.evaluation.model_card runs/mine --people people.csv --out card.md',
    )
    parser.add_argument('run', type=pathlib.Path, metavar='RUN', help='the directory of a training run')
    parser.add_argument(
        '--people',
        type=pathlib.Path,
        required=True,
        metavar='CSV',
        help=f'who the people are: columns {", ".join(groups.COLUMNS)}',
    )
    parser.add_argument(
        '--out', type=pathlib.Path, required=True, metavar='FILE.md', help='the tables; FILE.json will have the numbers'
    )
    parser.add_argument('--overwrite', action='store_true', help='allow to replace files')
    args = parser.parse(argv)
    config = config_lib.of_run(args.run)
    output.check_output(args.out, ('.md',), overwrite=args.overwrite)
    output.check_output(markdown.numbers_file(args.out), ('.json',), overwrite=args.overwrite)
    runtime.prepare()
    runtime.log_to_stderr()
    markdown.write(measure(config, args.run, args.people), args.out)
    print(args.out)


if __name__ == '__main__':
    runtime.exit_on_error(lambda: main(sys.argv[1:]))
