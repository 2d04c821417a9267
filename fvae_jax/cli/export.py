"""`fvae export`: a model for other programs; `fvae demo`: the page among them, in the browser of this computer."""

import argparse
import pathlib
import signal
import webbrowser
from collections.abc import Sequence

from fvae_jax import bundle as bundle_lib
from fvae_jax.cli import arguments
from fvae_jax.export import demo as demo_lib, folder


def export(argv: Sequence[str]) -> None:
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


def demo(argv: Sequence[str]) -> None:
    """Runs `fvae demo [MODEL] [--port N] [--no-open]` until it is interrupted."""
    parser = arguments.Parser(
        'fvae demo',
        '[MODEL] [--port N] [--no-open]',
        'Edits photos in your browser; they do not leave this computer.',
        'examples:\n  fvae demo\n  fvae demo RUN/model.safetensors --port 8000 --no-open',
    )
    parser.add_shared('model')
    parser.add_argument('--port', type=_port, default=0, metavar='N', help='port of the address (any free one)')
    parser.add_argument('--no-open', action='store_true', help='only print the address')
    args = parser.parse(argv)
    page, _held = demo_lib.folder(args.model)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the end that is meant
    with demo_lib.listen(page, args.port) as server:
        address = f'http://{demo_lib.ADDRESS}:{server.server_port}/'
        try:
            print(f'{address}  (Ctrl-C stops it)', flush=True)
            if not args.no_open:
                webbrowser.open(address)
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def _port(text: str) -> int:
    port = arguments.count(text)
    if port > 65535:
        raise argparse.ArgumentTypeError(f'{text!r} is more than 65535')
    return port
