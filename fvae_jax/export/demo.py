"""The page, made once and kept in the cache, served to this computer alone."""

import errno
import functools
import hashlib
import http.server
import pathlib
import socketserver
import sys
from typing import Any

import fvae_jax
from fvae_jax import bundle as bundle_lib, cache
from fvae_jax.data import detect
from fvae_jax.errors import InputError
from fvae_jax.export import folder as folder_lib

ADDRESS = '127.0.0.1'
_PAGE = pathlib.Path(__file__).with_name('page')


def folder(model: pathlib.Path | None) -> tuple[pathlib.Path, cache.Hold]:
    """Returns the page of a model file, or of the built-in one, and what keeps it in the cache; makes a new one.

    Raises:
      InputError: The file is missing or no model, what exports it is not installed, or the cache cannot be written.
    """
    path = model or bundle_lib.built_in()
    bundle = bundle_lib.load(path)
    pages = cache.folder() / 'demo'
    made = pages / _key(path)
    if not made.is_dir():
        folder_lib.check_installed('web', 'fvae demo')
        try:
            pages.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the page cannot be kept in '{pages}' ({error.strerror}); name another folder by FVAE_CACHE=DIR, or "
                'make a page anywhere with fvae export --to web --out DIR'
            ) from error
        print('making the page …', flush=True)
        folder_lib.write(bundle, 'web', made, with_card=model is None)
    held = cache.Hold(made)
    cache.trim(pages.iterdir(), cache.limit() // 10)
    return made, held


def listen(page: pathlib.Path, port: int = 0) -> http.server.ThreadingHTTPServer:
    """Opens a server for a folder on this computer's own address; raises `InputError` if a port cannot be had.

    Port 0 is any free one.
    """
    try:
        return _Server((ADDRESS, port), functools.partial(_Files, directory=page))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = 'is in use' if error.errno == errno.EADDRINUSE else 'is not for everybody'
        raise InputError(f'--port {port} {why}; give another one, or none for a free one') from error


class _Server(http.server.ThreadingHTTPServer):
    """A server that asks nobody for its name, and does not mind when a browser goes away in the middle of a file."""

    def server_bind(self) -> None:
        # That of HTTPServer looks up a name for the address, which may go to a name server.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Files(http.server.SimpleHTTPRequestHandler):
    """Files with the types that browsers insist on, whatever this computer's registry says; silent."""

    extensions_map = {
        '.html': 'text/html; charset=utf-8',
        '.css': 'text/css; charset=utf-8',
        '.js': 'text/javascript; charset=utf-8',
        '.json': 'application/json',
        '.txt': 'text/plain; charset=utf-8',
        '.md': 'text/plain; charset=utf-8',
        '.jpg': 'image/jpeg',
        **dict.fromkeys(('.onnx', '.bin', '.gz', ''), 'application/octet-stream'),
    }

    def end_headers(self) -> None:
        # After an upgrade the address may be the same.
        self.send_header('Cache-Control', 'no-cache')
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _key(model: pathlib.Path) -> str:
    """Changes with the model, the version and the page."""
    digest = hashlib.sha256(fvae_jax.__version__.encode())
    files = sorted(path for path in _PAGE.rglob('*') if path.is_file() and '__pycache__' not in path.parts)
    for path in (model, detect.MODEL, *files):
        digest.update(f'\n{path.name}\n'.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
