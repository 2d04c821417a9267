"""What is asked of a training run: `fvae report`, `fvae study` (6.3 of the paper), `fvae card` and `fvae doctor`."""

import argparse
import pathlib
from collections.abc import Sequence

import ml_collections

from fvae_jax import config as config_lib, runtime
from fvae_jax.cli import arguments
from fvae_jax.errors import InputError
from fvae_jax.photo import output

_STUDY_HELP = """usage: fvae study COMMAND ...

The perception study of the paper (6.3): people say of each face whether it is a real photo.

  fvae study build RUN --out DIR      one page for the participants, and the key to it
  fvae study score ANSWERS --key KEY  the paper's Table 2 from the files they send back

fvae study COMMAND --help tells more."""


def report(argv: Sequence[str]) -> None:
    """Runs `fvae report RUN`: numbers and pictures of the run beside other methods."""
    parser = arguments.Parser(
        'fvae report',
        'RUN',
        "The paper's tables and figures on the people a run never saw: RUN/report/index.html.",
        'example:\n  fvae report runs/mine',
    )
    parser.add_shared('run', '--data')
    args = parser.parse(argv)
    config = _config(args)
    _make_ready()
    from fvae_jax.evaluation.report import build

    print(build.report(config, args.run))


def card(argv: Sequence[str]) -> None:
    """Runs `fvae card RUN --people CSV --out FILE.md`."""
    parser = arguments.Parser(
        'fvae card',
        'RUN --people CSV --out FILE.md',
        'What a model card needs, as Markdown tables and JSON, on the people that a run never saw.',
        'example:\n  fvae card runs/mine --people people.csv --out card.md',
    )
    parser.add_shared('run', '--data')
    words = 'who the people are: columns identity, age, gender, ethnicity'
    parser.add_argument('--people', type=pathlib.Path, required=True, metavar='CSV', help=words)
    words = 'the tables; FILE.json will have the numbers'
    parser.add_argument('--out', type=pathlib.Path, required=True, metavar='FILE.md', help=words)
    parser.add_shared('--overwrite')
    args = parser.parse(argv)
    config = _config(args)
    output.check_output(args.out, ('.md',), overwrite=args.overwrite)
    output.check_output(args.out.with_suffix('.json'), ('.json',), overwrite=args.overwrite)
    _make_ready()
    from fvae_jax.evaluation import markdown
    from fvae_jax.evaluation.card import build

    markdown.write(build.measure(config, args.run, args.people), args.out)
    print(args.out)


def doctor(argv: Sequence[str]) -> int:
    """Runs `fvae doctor RUN`; 1 if something is damaged."""
    parser = arguments.Parser(
        'fvae doctor',
        'RUN',
        'What a run directory holds, whether its files are whole, and what a restart would do. Changes '
        'nothing; exit status 1 if something is damaged.',
        'example:\n  fvae doctor runs/mine',
    )
    parser.add_argument('run', type=pathlib.Path, metavar='RUN', help='the --workdir of a training')
    args = parser.parse(argv)
    from fvae_jax.training import doctor as doctor_lib

    findings = doctor_lib.examine(args.run)
    print(doctor_lib.report(findings))
    return int(any(finding.damaged for finding in findings))


def study(argv: Sequence[str]) -> None:
    """Runs `fvae study build` or `fvae study score`."""
    command, *rest = argv or ['']
    if command in ('-h', '--help'):
        print(_STUDY_HELP)
    elif command == 'build':
        _build_study(rest)
    elif command == 'score':
        _score_study(rest)
    else:
        what = f'unknown command {command!r}' if command else 'no command'
        raise InputError(f'{what}; use fvae study build or fvae study score (see fvae study --help)')


def _build_study(argv: Sequence[str]) -> None:
    parser = arguments.Parser(
        'fvae study build',
        'RUN --out DIR',
        'One page with real photos and edits of people the run never saw, in random order. FVAE moves\n'
        'pixels alone, as in the paper; a model with a content layer is also shown with what that adds, as\n'
        'FVAE with content.',
        'DIR/index.html is for the participants and works from a file; DIR/key.json is for `fvae study score`.',
    )
    parser.add_shared('run', '--data')
    parser.add_argument('--out', type=pathlib.Path, required=True, metavar='DIR', help='a new folder')
    parser.add_argument('--seed', type=int, default=0, metavar='N', help='of names and choice of the images (0)')
    words = 'images of each method, and real ones (10, as in the paper)'
    parser.add_argument('--per-method', type=arguments.count, default=10, metavar='N', help=words)
    args = parser.parse(argv)
    config = _config(args)
    from fvae_jax.evaluation.study import page

    page.check_folder(args.out)
    _make_ready()
    from fvae_jax.evaluation.study import images

    print(page.build(images.collect(config, args.run), args.out, args.seed, per_method=args.per_method))


def _score_study(argv: Sequence[str]) -> None:
    parser = arguments.Parser(
        'fvae study score',
        'ANSWERS [ANSWERS ...] --key KEY',
        "The paper's Table 2, with 95 % intervals.",
        'example:\n  fvae study score answers/*.json --key study/key.json',
    )
    words = 'the files of the participants'
    parser.add_argument('answers', nargs='+', type=pathlib.Path, metavar='ANSWERS', help=words)
    parser.add_argument('--key', type=pathlib.Path, required=True, metavar='KEY', help='key.json of the study')
    args = parser.parse(argv)
    from fvae_jax.evaluation import markdown
    from fvae_jax.evaluation.study import score

    result = score.score(args.answers, args.key)
    print('\n'.join([markdown.table(score.table(result)), '', *result.dropped, *result.replaced]).rstrip())


def _config(args: argparse.Namespace) -> ml_collections.ConfigDict:
    """The experiment of the run that was named; raises `InputError` if there is no such run."""
    config = config_lib.of_run(args.run)
    if args.data:
        config.data['manual_dir' if config.data.set == 'multipie' else 'root'] = args.data
    config_lib.validate(config)
    return config


def _make_ready() -> None:
    """Imports JAX, and lets people see how far the work is."""
    runtime.prepare()
    runtime.log_to_stderr()
