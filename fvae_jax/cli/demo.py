"""`fvae demo`: the page, in the browser of this computer."""

import argparse
import signal
import webbrowser
from collections.abc import Sequence

from fvae_jax.cli import arguments
from fvae_jax.export import demo as demo_lib


def run(argv: Sequence[str]) -> None:
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
