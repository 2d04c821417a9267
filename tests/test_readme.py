"""The examples of README.md, WORKSPACE.md and docs/: Python runs, the program understands every command."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import films
import forked
import pytest
import skimage.data
from PIL import Image

from configs import synthetic
from fvae_jax import cli, config as config_lib
from fvae_jax.errors import InputError

ROOT = pathlib.Path(__file__).parents[1]
TEXTS = [
    path.read_text() for path in (ROOT / 'README.md', ROOT / 'WORKSPACE.md', *sorted((ROOT / 'docs').glob('*.md')))
]

# What a command may say of files that are not there; anything else it refuses is a mistake of the text.
_ABSENT = re.compile(
    r'holds no run|does not exist|cannot be read|no such file|no model file|model.safetensors is missing|not found',
    re.IGNORECASE,
)
# Commands that stay until they are stopped.
_SERVERS = ('demo',)
_CHECK_FLAGS = (
    'import sys; from fvae_jax import config, main; from fvae_jax import runtime; main.app.define_help_flags(); '
    'runtime.exit_on_error(lambda: (main._parse(sys.argv), config.validate(main._CONFIG.value)))'
)


def _blocks(text):
    """Blocks of code, fenced or indented by four spaces after an empty line."""
    for match in re.finditer(r'(?ms)^```\w*\n(.*?)^```$|(?<=\n\n)((?: {4}[^\n]*\n)(?:(?: {4}[^\n]*)?\n)*)', text):
        yield match[1] if match[1] is not None else re.sub(r'(?m)^ {4}', '', match[2])


def _python(text):
    return [block for block in _blocks(text) if re.match(r'(import|from) \w', block)]


def _commands(text):
    """Commands of the blocks of code, without comments and shell variables before them."""
    for block in _blocks(text):
        for line in block.splitlines():
            line = re.sub(r'^(\w+=\S+ )+', '', re.sub(r'\s+#.*', '', line))
            if line.startswith(('fvae ', 'python -m ')):
                yield line


def _mentions(text):
    """Commands within the text, some of them without their arguments."""
    for found in re.findall(r'`([^`]+)`', re.sub(r'(?ms)^```.*?^```$', '', text)):
        command = re.sub(r'^(\w+=\S+ )+', '', ' '.join(found.split()))
        if command.startswith(('fvae ', 'python -m ')):
            yield command


def _unique(find):
    found = dict.fromkeys(command for text in TEXTS for command in find(text))
    return [command for command in found if not re.search(r'[…|\[]', command)]  # no command as it stands


@pytest.fixture(scope='module')
def fork(tmp_path_factory):
    with forked.parent(tmp_path_factory.mktemp('said'), 'fvae_jax.main') as run:
        yield run


def _complaint(command, fork):
    """Why a command is refused, or ''; files that are absent are no reason."""
    program, *words = shlex.split(command)
    if program == 'fvae':
        if words and words[0] in _SERVERS:
            words = [words[0], '--help']
        try:
            cli.main(words)
        except InputError as error:
            return '' if _ABSENT.search(str(error)) else str(error)
        except SystemExit as end:  # --help
            assert not end.code
        return ''
    module, arguments = words[1], words[2:]
    if module.partition('.')[0] in ('fuzz', 'faults', 'benchmarks'):
        arguments = ['--help']  # they take minutes
    if module == 'fvae_jax.main' and '--help' not in arguments:
        found = fork(_CHECK_FLAGS, ['-c', *arguments], cwd=os.getcwd())
    else:
        found = subprocess.run(
            [sys.executable, '-m', module, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}'},
        )
    error = found.stderr.strip()
    return (
        ''
        if found.returncode == 0 or (_ABSENT.search(error) and 'Traceback' not in error)
        else error or str(found.returncode)
    )


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    """Photos and films under the names of the README."""
    folder = tmp_path_factory.mktemp('pictures')
    for name in ('me', 'me_laughing', 'a', 'b', 'calm', 'laughing'):
        Image.fromarray(skimage.data.astronaut()).save(folder / f'{name}.jpg')
    for name in ('clip.mp4', 'clip.mov'):
        films.write(folder / name, [skimage.data.astronaut()[:300, 80:400]] * 8, fps=2)
    return folder


@pytest.fixture
def folder(pictures, tmp_path, monkeypatch):
    """Where the examples run: with pictures, and a run that was just begun."""
    shutil.copytree(pictures, tmp_path, dirs_exist_ok=True)
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    (tmp_path / 'runs' / 'mine').mkdir(parents=True)
    (tmp_path / 'runs' / 'mine' / 'config.json').write_text(config_lib.to_json(synthetic.get_config('tiny')))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_runs(folder):
    blocks = [block for text in TEXTS for block in _python(text)]
    assert blocks
    model = folder / 'RUN' / 'model.safetensors'
    for block in blocks:
        exec(compile(block.replace('frames=30', 'frames=3'), 'README.md', 'exec'), {})
    assert not model.exists()  # examples that need one are comments
    for made in ('smiling.png', 'happier.mp4', 'morph.mp4'):
        assert (folder / made).is_file()


# What a newcomer types first, and what it makes.
_FIRST = {
    'fvae edit me.jpg --smile 1 --out smiling.png': 'smiling.png',
    'fvae edit clip.mp4 --smile 1 --out happier.mp4': 'happier.mp4',
    'fvae interpolate me.jpg me_laughing.jpg --out morph.mp4': 'morph.mp4',
}


def test_the_first_commands_are_there():
    assert {*_FIRST, 'fvae info'} <= set(_unique(_commands))


@pytest.mark.parametrize('command', _unique(_commands))
def test_commands_of_the_blocks(folder, fork, command):
    assert _complaint(command, fork) == ''
    if command in _FIRST:
        assert (folder / _FIRST[command]).stat().st_size > 10_000


@pytest.mark.parametrize('command', [command for command in _unique(_mentions) if command not in _unique(_commands)])
def test_commands_within_the_text(folder, fork, command):
    complaint = _complaint(command, fork)
    assert not complaint or re.search(r'required|no command', complaint), complaint


@pytest.mark.parametrize(
    'command',
    [
        'fvae edti me.jpg',
        'fvae edit me.jpg --smirk 1 --out x.png',
        'fvae edit me.jpg --smile 1',
        'fvae doctor',
        'fvae report --fast runs/mine',
        'python -m fvae_jax.main --config=configs/synthetic.py:huge',
        'python -m fvae_jax.main --config=configs/photos.py --config.data.rot=x',
        'python -m fvae_jax.main',
        'fvae figure7 me.jpg --smirk 1 --out x.png',
        'python -m fvae_jax.nothing',
    ],
)
def test_a_mistake_is_found(folder, fork, command):
    assert _complaint(command, fork)


def test_blocks_are_found():
    text = (
        'One:\n\n    fvae info  # what\n\n    A=1 fvae edit x\n\nTwo `fvae\nedit`:\n\n```python\nimport a\n\nb\n```\n'
    )
    assert list(_commands(text)) == ['fvae info', 'fvae edit x']
    assert list(_mentions(text)) == ['fvae edit']
    assert _python(text) == ['import a\n\nb\n']
