"""What people type, and where they run it: slips, odd names, terminals, caches and signals."""

import configparser
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from cli.commands import ASTRONAUT, ROOT, edit, fails, read, start
from PIL import Image

from fvae_jax import cli
from fvae_jax.cli import completion


@pytest.mark.parametrize(
    'line, words',
    [
        (edit('--smile 1 --output o.png'), 'unknown expression or option --output (did you mean --out?); this model'),
        (edit('--smle 1 --out o.png'), 'unknown expression or option --smle (did you mean --smile?); this model has'),
        (edit('--happy 1 --out o.png'), 'unknown expression or option --happy; this model has'),
        (edit('--to smlie --out o.png'), "unknown expression 'smlie' (did you mean smile?); this model has"),
        ('interpolate @me.png @me.jpg --frame 3 --out o', 'unknown argument --frame (did you mean --frames?)'),
        ('edti @me.png', "unknown command 'edti' (did you mean edit?); use fvae edit"),
        (edit('-o o.png --smile 1 --out o.png'), 'unknown argument -o; for a file of this name put -- before it'),
        (edit('--smile 1e9 --out o.png'), 'strength of smile is 1e+09; give at most 50: 1 is as most people show it'),
        (edit('--neutral 1e300 --out o.png'), 'strength of neutral is 1e+300; give at most 50'),
        (edit('--smile 2 --strength 60 --out o.png'), 'strength is 60; give at most 50'),
        (edit('--smile 2 --strength 26 --out o.png'), 'strength of smile is 52; give at most 50'),
    ],
)
def test_slips(run, tmp_path, line, words):
    fails(run, tmp_path, line, words)


def test_names_that_begin_with_a_dash(run, tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / '-dash.png')
    run('edit --smile 1 --model @model.safetensors --out out.png -- -dash.png')
    assert read(tmp_path / 'out.png').shape == ASTRONAUT.shape
    run('info -- -dash.png')


def test_a_folder_is_the_photos_in_it(run, tmp_path):
    album = tmp_path / 'album'
    album.mkdir()
    for name in ('b.png', 'a.jpg', '.hidden.png'):
        Image.fromarray(ASTRONAUT).save(album / name)
    (album / 'notes.txt').write_text('two photos')
    (album / 'more.png').mkdir()
    run('edit album --smile 1 --model @model.safetensors --out-dir out')
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['a.jpg', 'b.png']
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match="folder 'empty' holds no photos"):
        run('edit empty --smile 1 --model @model.safetensors --out-dir more')


def test_a_terminal_that_knows_ascii_only(things, tmp_path):
    Image.fromarray(ASTRONAUT).save(tmp_path / 'Zoë.png')
    process = start('info', 'Zoë.png', cwd=tmp_path, PYTHONIOENCODING='ascii')
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert rb'Zo\xeb.png' in output


def test_a_cache_that_cannot_be_written_is_no_matter(things, tmp_path):
    line = ['edit', things / 'me.png', '--smile', '1', '--model', things / 'model.safetensors', '--out', 'out.png']
    environment = {'FVAE_CACHE': '/proc/no', 'JAX_COMPILATION_CACHE_DIR': ''}
    process = start(*line, cwd=tmp_path, **environment)
    output, errors = process.communicate(timeout=300)
    assert (process.returncode, output, errors) == (0, b'', b'')
    assert (read(tmp_path / 'out.png') != np.asarray(ASTRONAUT)).any()


@pytest.mark.parametrize(
    'number, status', [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_signal_in_the_middle_of_a_film_leaves_nothing(things, tmp_path, number, status):
    photos = [things / 'me.png', things / 'me.jpg', '--model', things / 'model.safetensors']
    process = start('interpolate', *photos, '--frames', '3000', '--out', 'morph.mp4', cwd=tmp_path)
    while not list(tmp_path.glob('.morph*')) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode == status and errors.strip().startswith('error: ') and 'Traceback' not in errors
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_a_photo_is_read(things, tmp_path):
    """A thread reads it; what is given to standard input does not end."""
    line = ['edit', '-', '--smile', '1', '--model', things / 'model.safetensors', '--out', 'out.png']
    process = start(*line, cwd=tmp_path, stdin=subprocess.PIPE)
    process.stdin.write((things / 'me.png').read_bytes().ljust(1_000_000, b'\0'))  # more than a pipe holds: it is read
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=120)[1].decode()
    assert (process.returncode, errors.strip()) == (130, 'error: interrupted')
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_other_photos_is_told_first(run, tmp_path):
    for option in ('--like', '--teeth'):
        line = edit(f'--smile 1 {option} @text.jpg --out out.png').replace('@me.png', '@suit.png')
        fails(run, tmp_path, line, 'text.jpg', 'not of a known format')


@pytest.mark.parametrize('module', ['fvae_jax.cli', 'fvae_jax.runtime', 'ml_collections'])
@pytest.mark.parametrize('entry', ['command', 'module'])
def test_ctrl_c_while_the_program_starts(tmp_path, entry, module):
    """It comes just when a module is imported."""
    (tmp_path / 'sitecustomize.py').write_text(
        'import os, signal, sys\n'
        'class Finder:\n'
        '    def find_spec(name, path=None, target=None):\n'
        f'        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n'
        'sys.meta_path.insert(0, Finder)\n'
    )
    settings = configparser.ConfigParser()
    settings.read(ROOT / 'setup.cfg')
    place, _, name = settings['options.entry_points']['console_scripts'].partition('=')[2].strip().partition(':')
    begun = {'command': ['-c', f'from {place} import {name}; {name}()'], 'module': ['-m', 'fvae_jax']}[entry]
    process = subprocess.Popen(
        [sys.executable, *begun, 'edit', 'me.jpg'],
        env=os.environ | {'PYTHONPATH': f'{tmp_path}:{ROOT}'},
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    errors = process.communicate(timeout=120)[1].decode().strip()
    assert (process.returncode, errors) in (
        (-signal.SIGINT, ''),
        (130, 'error: interrupted'),
    )  # a shell says 130 of both


@pytest.mark.parametrize(
    'line, wanted, unwanted',
    [
        ('fvae ed', {'edit '}, {'export'}),
        ('fvae ', {'edit', 'interpolate', 'completion', '--version'}, set()),
        ('fvae study ', {'build', 'score'}, {'edit'}),
        ('fvae study build --s', {'--seed '}, {'--strength'}),
        ('fvae edit me.jpg --s', {'--smile', '--surprise', '--strength', '--steps'}, {'--out', 'edit'}),
        ('fvae interpolate a.jpg b.jpg --fr', {'--frames '}, set()),
        ('fvae completion z', {'zsh '}, {'bash'}),
        ('fvae edit ', {'me.jpg', 'album/'}, {'edit'}),
    ],
)
def test_the_shell_completes(tmp_path, line, wanted, unwanted):
    (tmp_path / 'me.jpg').touch()
    (tmp_path / 'album').mkdir()
    asked = {'_ARGCOMPLETE': '1', '_ARGCOMPLETE_SHELL': 'bash', 'COMP_LINE': line, 'COMP_POINT': str(len(line))}
    asked |= {'COMP_TYPE': '9', '_ARGCOMPLETE_IFS': '\n', '_ARGCOMPLETE_STDOUT_FILENAME': str(tmp_path / 'answer')}
    process = start(cwd=tmp_path, **asked)
    assert process.communicate(timeout=60) == (b'', b'')
    words = set((tmp_path / 'answer').read_text().split('\n'))
    assert wanted <= words and not unwanted & {word.strip() for word in words}, words


@pytest.mark.parametrize('shell', completion.SHELLS)
def test_what_shells_are_told(capsys, shell):
    cli.main(['completion', shell])
    told = capsys.readouterr().out
    assert '_ARGCOMPLETE' in told and 'fvae' in told
    if shutil.which(shell):
        subprocess.run([shell, '-n' if shell != 'fish' else '--no-execute'], input=told, text=True, check=True)


def test_other_shells_are_refused(run, tmp_path):
    fails(run, tmp_path, 'completion csh', "unknown shell 'csh'; use fvae completion bash, zsh, fish")
