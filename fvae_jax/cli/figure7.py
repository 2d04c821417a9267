"""`fvae figure7`: Figure 7 of the paper for any photo."""

import pathlib
from collections.abc import Sequence

from fvae_jax import runtime
from fvae_jax.cli import arguments
from fvae_jax.photo import output


def run(argv: Sequence[str]) -> None:
    """Runs `fvae figure7 PHOTO --EXPRESSION X --out FIGURE.png`: draws the figure and prints its numbers."""
    bundle = arguments.open_model(argv)
    parser = arguments.Parser(
        'fvae figure7',
        'PHOTO --EXPRESSION X --out FIGURE.png',
        "Figure 7 of the paper: enlarging the flow keeps the photo's detail, enlarging the output loses it.\n"
        'First as printed, all of it bilinear, then as photos are edited here.',
        'example:\n  fvae figure7 me.jpg --smile 1 --out figure7.png',
        sorted(bundle.statistics.counts),
    )
    parser.add_argument('photo', metavar='PHOTO', type=pathlib.Path, help='a photo with a face')
    parser.add_expressions()
    parser.add_shared('--model')
    words = 'of the enlarged crop (512, as in the paper)'
    parser.add_argument('--side', default=512, type=arguments.count, metavar='PX', help=words)
    parser.add_argument('--out', required=True, type=pathlib.Path, metavar='PNG', help='the figure')
    parser.add_argument('--overwrite', action='store_true', help='allow replacing a file')
    args = parser.parse(argv)
    output.check_output(args.out, ('.png',), overwrite=args.overwrite)
    runtime.prepare()
    from fvae_jax.editing.editor import Editor
    from fvae_jax.evaluation.report import figure7 as figure7_lib

    photo = arguments.open_photo(Editor(bundle), args.photo)
    print(figure7_lib.of_photo(photo, parser.strengths(args), args.side, args.out))
