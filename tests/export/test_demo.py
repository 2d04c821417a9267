"""`fvae demo`: made once, served to this computer, and stopped without a trace."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from export import variants

from fvae_jax import bundle as bundle_lib, cli
from fvae_jax.errors import InputError
from fvae_jax.export import demo

ROOT = pathlib.Path(__file__).parents[2]
TYPES = {
    '': 'text/html',
    'style.css': 'text/css',
    'app/main.js': 'text/javascript',
    'vendor/ort.js': 'text/javascript',
    'vendor/ort.wasm.gz': 'application/octet-stream',
    'model/model.json': 'application/json',
    'model/decode.onnx': 'application/octet-stream',
    'vendor/LICENSE-yunet.txt': 'text/plain',
    'page.json': 'application/json',
}


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp('demo') / 'model.safetensors'
    bundle_lib.save(path, variants.bundle('no mask'))
    return path


def start(*arguments, cache):
    return subprocess.Popen(
        [sys.executable, '-m', 'fvae_jax', 'demo', *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, 'FVAE_CACHE': str(cache)},
        # A shell's jobs in the background, the tests among them, are told to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_the_page_is_served_until_it_is_interrupted(model, tmp_path, monkeypatch):
    made = None
    monkeypatch.setenv('FVAE_CACHE_GB', '1e-9')  # too little for any page but the one that is served
    old = tmp_path / 'demo' / 'old'
    old.mkdir(parents=True)
    (old / 'index.html').write_text('old')
    os.utime(old, (0, 0))
    for run in range(2):
        process = start(model, '--no-open', cache=tmp_path)
        lines = [process.stdout.readline()]
        if run == 0:
            assert lines == ['making the page …\n']
            lines.append(process.stdout.readline())
        address = re.fullmatch(r'(http://127\.0\.0\.1:\d+/)  \(Ctrl-C stops it\)\n', lines[-1])[1]
        for path, kind in TYPES.items():
            with urllib.request.urlopen(address + path) as response:
                assert response.headers.get_content_type() == kind and len(response.read()) > 100, path
        with pytest.raises(urllib.error.HTTPError, match='404'):
            urllib.request.urlopen(address + '../setup.cfg')
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0 and errors == ''
        (folder,) = (tmp_path / 'demo').iterdir()  # the second run made nothing
        stamp = folder.stat().st_ctime_ns
        assert made in (None, stamp)
        made = stamp


def test_a_port_that_is_taken(tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f'--port {port} is in use; give another one'):
            demo.listen(tmp_path, port)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--port', '70000'], "'70000' is more than 65535"),
        (['--port', 'x'], 'whole number'),
        (['missing.safetensors', '--no-open'], 'missing.safetensors'),
        (['--host', 'x'], 'unknown argument --host'),
    ],
)
def test_what_it_refuses(arguments, message):
    with pytest.raises(InputError, match=message) as error:
        cli.main(['demo', *arguments])
    assert '\n' not in str(error.value)


def test_another_model_has_another_page(model):
    assert demo._key(model) != demo._key(bundle_lib.BUILT_IN)


def test_what_is_missing_is_told_before_the_work(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('FVAE_CACHE', str(tmp_path))
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(InputError, match=r"^fvae demo needs onnx .*: pip install 'fvae-jax\[export\]' "):
        demo.folder(model)
    assert capsys.readouterr().out == '' and list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written(model, monkeypatch):
    monkeypatch.setenv('FVAE_CACHE', '/dev/null/no')
    with pytest.raises(InputError, match=r"^the page cannot be kept in '/dev/null/no/demo' .*FVAE_CACHE=DIR"):
        demo.folder(model)
