"""`fvae study`: the perception study of the paper (6.3), its page and its table."""

import pathlib
from collections.abc import Sequence

from fvae_jax.cli import arguments
from fvae_jax.errors import InputError

_HELP = """usage: fvae study COMMAND ...

The perception study of the paper (6.3): people say of each face whether it is a real photo.

  fvae study build RUN --out DIR      one page for the participants, and the key to it
  fvae study score ANSWERS --key KEY  the paper's Table 2 from the files they send back

fvae study COMMAND --help tells more."""


def run(argv: Sequence[str]) -> None:
    """Runs `fvae study build` or `fvae study score`."""
    command, *rest = argv or ['']
    if command in ('-h', '--help'):
        print(_HELP)
    elif command in ('build', 'score'):
        {'build': _build, 'score': _score}[command](rest)
    else:
        what = f'unknown command {command!r}' if command else 'no command'
        raise InputError(f'{what}; use fvae study build or fvae study score (see fvae study --help)')


def _build(argv: Sequence[str]) -> None:
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
    config = arguments.run_config(args)
    from fvae_jax.evaluation.study import page

    page.check_folder(args.out)
    arguments.make_ready()
    from fvae_jax.evaluation.study import images

    print(page.build(images.collect(config, args.run), args.out, args.seed, per_method=args.per_method))


def _score(argv: Sequence[str]) -> None:
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
    from fvae_jax.evaluation import tables
    from fvae_jax.evaluation.study import score

    result = score.score(args.answers, args.key)
    print('\n'.join([tables.markdown(score.table(result)), '', *result.dropped, *result.replaced]).rstrip())
