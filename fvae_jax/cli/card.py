"""`fvae card`: the tables of a model card for a run."""

import pathlib
from collections.abc import Sequence

from fvae_jax.cli import arguments
from fvae_jax.photo import output


def run(argv: Sequence[str]) -> None:
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
    config = arguments.run_config(args)
    output.check_output(args.out, ('.md',), overwrite=args.overwrite)
    output.check_output(args.out.with_suffix('.json'), ('.json',), overwrite=args.overwrite)
    arguments.make_ready()
    from fvae_jax.evaluation import tables
    from fvae_jax.evaluation.card import build

    tables.write_markdown(build.measure(config, args.run, args.people), args.out)
    print(args.out)
