"""No command asks the network for anything, nor writes where nobody told it to."""

import itertools
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from fvae_jax import cli

OFFLINE = pathlib.Path(__file__).parent / 'offline'
PACKAGES = pathlib.Path(__file__).parents[2]
# Commands one after the other, in one process: importing JAX takes longer than most of them.
DRIVER = 'import json, sys; from fvae_jax import cli\nfor line in json.loads(sys.argv[1]): cli.main(line.split())'

pytestmark = pytest.mark.skipif(
    sys.platform != 'linux' or platform.machine() not in ('x86_64', 'aarch64'), reason='the guard is for Linux'
)


@pytest.fixture
def guarded(tmp_path):
    """Starts Python without a network, in a folder of its own, with an empty home and an empty temporary folder."""
    for name in ('home', 'temporary', 'here'):
        (tmp_path / name).mkdir()
    paths = os.pathsep.join([str(OFFLINE), str(PACKAGES), os.environ.get('PYTHONPATH', '')])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(('XDG_', 'MPL', 'ORT_'))}
    environment |= {
        'PYTHONPATH': paths,
        'HOME': str(tmp_path / 'home'),
        'TMPDIR': str(tmp_path / 'temporary'),
        'FVAE_CACHE': str(tmp_path / 'cache'),
    }

    def start(*arguments, **more):
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tmp_path / 'here',
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell's jobs in the background, the tests among them, are told to ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    return start


def left_elsewhere(tmp_path):
    return [path for name in ('home', 'temporary') for path in (tmp_path / name).rglob('*')]


def finish(process):
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, f'{process.returncode}: {errors}'
    return output


@pytest.mark.parametrize(
    'attempt, more',
    [
        ('import socket; socket.getaddrinfo("example.org", 80)', {}),
        ('import socket; socket.socket(socket.AF_INET6)', {}),
        ('import ctypes; ctypes.CDLL(None).socket(2, 1, 0)', {}),
        ('import os, sys; sys.exit(os.spawnl(0, sys.executable, "-", "-c", "import socket as s; s.socket()"))', {}),
        ('import socket; socket.socket().connect(("127.0.0.1", 9))', {'FVAE_MAY_LISTEN': '1'}),
    ],
)
def test_the_guard_ends_whoever_tries(guarded, attempt, more):
    process = guarded('-c', attempt, **more)
    process.communicate(timeout=60)
    assert abs(process.returncode) % 256 in (signal.SIGSYS, 256 - signal.SIGSYS)


def test_photo_commands(guarded, things, tmp_path):
    """Those that take photos and models, and every export."""
    for name in ('me.png', 'me.jpg', 'model.safetensors'):
        shutil.copy(things / name, tmp_path / 'here')
    lines = [
        'edit me.png --smile 1 --model model.safetensors --out edited.jpg --show-flow --show-mask',
        'edit me.png --smile 1 --model model.safetensors --steps 1 --out steps.mp4',
        'interpolate me.png me.jpg --model model.safetensors --frames 2 --out morph.mp4',
        'info',
        'info me.png',
        'completion bash',
        'figure7 me.png --smile 1 --model model.safetensors --side 128 --out figure7.png',
        'export model.safetensors --to onnx --out onnx',
        'export model.safetensors --to stablehlo --out stablehlo',
        'export model.safetensors --to web --out page',
    ]
    finish(guarded('-c', DRIVER, json.dumps(lines)))
    assert (tmp_path / 'here' / 'page' / 'index.html').exists()
    assert left_elsewhere(tmp_path) == []


def test_the_demo_listens_and_asks_nobody(guarded, things, tmp_path):
    process = guarded('-m', 'fvae_jax', 'demo', f'{things}/model.safetensors', '--no-open', FVAE_MAY_LISTEN='1')
    patience = threading.Timer(120, process.kill)
    patience.start()
    address = next((line for line in process.stdout if line.startswith('http://127.0.0.1:')), None)
    patience.cancel()
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    assert address and process.returncode == 0, errors
    assert left_elsewhere(tmp_path) == []


@pytest.mark.slow
def test_training_and_the_commands_for_runs(guarded, tmp_path):
    config = PACKAGES / 'configs' / 'synthetic.py'
    finish(guarded('-m', 'fvae_jax.main', f'--config={config}:tiny', '--workdir=run'))
    here = tmp_path / 'here'
    parts = json.loads((here / 'run' / 'people.json').read_text())
    names = [*parts['train'], *parts['validation'], *parts['test']]
    (here / 'people.csv').write_text('\n'.join(['identity,age,gender,ethnicity', *(f'{name},,,' for name in names)]))
    lines = [
        'doctor run',
        'report run',
        'card run --people people.csv --out card.md',
        'study build run --out study --per-method 2',
    ]
    finish(guarded('-c', DRIVER, json.dumps(lines)))
    key = json.loads((here / 'study' / 'key.json').read_text())
    answers = dict(zip(key['images'], itertools.cycle(('real', 'fake'))))
    sent_back = {'study': key['study'], 'participant': '0' * 16, 'finished': '2026-01-01T00:00:00+00:00'}
    (here / 'answers.json').write_text(json.dumps(sent_back | {'answers': answers}))
    assert 'FVAE' in finish(guarded('-m', 'fvae_jax', 'study', 'score', 'answers.json', '--key', 'study/key.json'))
    assert (here / 'run' / 'report' / 'index.html').exists() and (here / 'card.md').exists()
    assert left_elsewhere(tmp_path) == []


def test_no_command_is_forgotten():
    source = pathlib.Path(__file__).read_text()
    assert [name for name in cli.COMMANDS if not re.search(f"'{name}[' ]", source)] == []
