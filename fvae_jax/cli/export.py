"""`fvae export`: a model for other programs."""

import pathlib
from collections.abc import Sequence

from fvae_jax import bundle as bundle_lib
from fvae_jax.cli import arguments
from fvae_jax.export import folder


def run(argv: Sequence[str]) -> None:
    """Runs `fvae export [MODEL] --to TARGET --out DIR`."""
    parser = arguments.Parser(
        'fvae export',
        '[MODEL] --to stablehlo|onnx|web --out DIR',
        'A model for other programs: encode a face, decode flow and new content, say how sure it is.',
        'examples:\n  fvae export --to web --out page\n  fvae export RUN/model.safetensors --to onnx --out model',
    )
    parser.add_shared('model')
    words = """stablehlo: for jax alone; onnx: for onnxruntime and what else reads ONNX; web: a page that edits photos
        in the browser, for any file server"""
    parser.add_argument('--to', required=True, metavar='TARGET', help=words)
    parser.add_argument('--out', type=pathlib.Path, required=True, metavar='DIR', help='a new folder')
    parser.add_argument('--overwrite', action='store_true', help='allow replacing another export')
    args = parser.parse(argv)
    bundle = bundle_lib.load(args.model)
    print(folder.write(bundle, args.to, args.out, overwrite=args.overwrite, with_card=args.model is None))
