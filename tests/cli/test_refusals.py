"""One clear line for whatever cannot be used, help that fits the screen, and exit statuses."""

import subprocess
import sys

import pytest
from cli.commands import ROOT, edit, fails

from fvae_jax import bundle as bundle_lib

BAD_COMMANDS = {
    '': 'no command; use fvae edit',
    'fly': "unknown command 'fly'",
    'edit @me.png --smile 1 --out out.png --model': 'argument --model: its value is missing',
    'edit @me.png --smile --out out.png': 'argument --smile: its value is missing; see fvae edit --help',
    'edit @me.png --smile 1 --out out.png --model @none.safetensors': 'no model file',
    'edit @me.png --smile 1 --out out.png --model @newer.safetensors': 'is of model version 2',
    'edit @me.png --smile 1 --out out.png --model @me.png': 'is not a model file',
    'info @newer.safetensors': 'is of model version 2',
    edit('--smile nan --out out.png'): "'nan' is not a finite number",
    edit('--smile 1 --strength inf --out out.png'): "'inf' is not a finite number",
    edit('--smirk 1 --out out.png'): 'this model has --neutral, --smile, --surprise',
    edit('--to smirk --out out.png'): 'this model has neutral, smile, surprise',
    edit('--out out.png'): 'nothing to show; give one of --neutral, --smile, --surprise',
    edit('--smile 1'): '--out --out-dir',
    edit('--smile 1 --steps 0 --out out.gif'): "'0' is not a whole number from 1",
    edit('--smile 1 --face none --out out.png'): "'none' is not a whole number from 1",
    edit('--smile 1 --face 2 --out out.png'): 'has 1 face and no face 2',
    'edit @two.png --model @model.safetensors --smile 1 --face 3 --out out.png': 'has 2 faces and no face 3',
    edit('--like @me.png @me.jpg @two.png --out out.png'): '--like takes one or two photos',
    edit('--smile 1 --out out.bmp'): 'has no known suffix',
    edit('--smile 1 --out nowhere/out.png'): 'does not exist',
    edit('--smile 1 --out @text.jpg/out.png'): 'is not a folder',
    edit('--smile 1 --out-dir @text.jpg'): 'is not a folder',
    edit('--smile 1 --out-dir @text.jpg/out'): 'is not a folder',
    edit('--smile 1 --out @me.png'): 'is the photo itself',
    edit('--smile 1 --out @me.jpg'): 'exists',
    edit('@me.jpg --smile 1 --out out.png'): 'use --out-dir DIR',
    'edit @me.png --smile 1 --out out.png --model @bare.safetensors --show-mask': '--mode=mask',
    'interpolate @me.png @me.jpg --model @bare.safetensors --out o.mp4': '--mode=mask',
    'interpolate @me.png @me.jpg --model @model.safetensors --out o.avi': 'has no known suffix',
    'interpolate @me.png @suit.png --model @model.safetensors --out o.gif': 'shows no face',
    'interpolate @me.png --model @model.safetensors --out o.gif': 'A B',
}


@pytest.mark.parametrize('line, words', BAD_COMMANDS.items(), ids=BAD_COMMANDS)
def test_bad_commands(run, tmp_path, line, words):
    fails(run, tmp_path, line, words)


@pytest.mark.parametrize(
    'line', ['edit @me.png --smile 1 --out out.png', 'interpolate @me.png @me.jpg --out o.mp4', 'info']
)
def test_an_installation_without_the_built_in_model(run, tmp_path, monkeypatch, line):
    monkeypatch.setattr(bundle_lib, 'BUILT_IN', tmp_path / 'faces.safetensors')
    fails(run, tmp_path, line, 'no built-in model; reinstall, or give --model')


@pytest.mark.parametrize(
    'line',
    [
        '--help',
        'edit --help',
        'edit --help --model @model.safetensors',
        'interpolate -h',
        'info --help',
        'export --help',
    ],
)
def test_help_fits_one_screen_and_has_an_example(run, capsys, line):
    if line == '--help':
        run(line)
    else:
        with pytest.raises(SystemExit) as done:
            run(line)
        assert done.value.code == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert len(lines) <= 52 and max(map(len, lines)) <= 100
    assert 'example' in text.split('\n\n')[-1] and lines[-1].startswith('  fvae ')
    assert ('--EXPRESSION' in text) == line.startswith('edit')


def test_help_lists_the_expressions_of_the_model(run, capsys):
    def listed(line):
        with pytest.raises(SystemExit):
            run(f'edit --help {line}')
        words = ' '.join(capsys.readouterr().out.split())
        return words.partition('This model has ')[2].partition('.')[0].split(', ')

    assert listed('--model @model.safetensors') == ['--neutral', '--smile', '--surprise']
    expressions = bundle_lib.load().statistics.counts
    assert listed('') == [f'--{name.replace("_", "-")}' for name in sorted(expressions)]


def test_exit_statuses_of_the_command(process, tmp_path):
    common = f'--smile 1 --model @model.safetensors --out-dir {tmp_path}/out'
    bad = process(f'edit @text.jpg {common}')
    assert bad.returncode == 2 and bad.stdout == ''
    assert bad.stderr.startswith('error: photo ') and bad.stderr.count('\n') == 1
    some = process(f'edit @me.jpg @cut.jpg {common}')
    assert some.returncode == 1 and 'Traceback' not in some.stderr
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['me.jpg']


def test_arguments_are_checked_before_jax_is_imported(things):
    code = (
        'import sys; from fvae_jax import cli\n'
        'try: cli.main(sys.argv[1:])\n'
        'except ValueError as error: print(error)\n'
        'print("jax" in sys.modules)'
    )
    line = ['edit', things / 'me.png', '--smile', '1', '--model', things / 'model.safetensors']
    for rest, words in ((['--out', things / 'me.jpg'], 'exists'), (['--out', 'x.bmp'], 'suffix')):
        found = subprocess.run(
            [sys.executable, '-c', code, *map(str, line + rest)], cwd=ROOT, text=True, capture_output=True, check=True
        )
        assert words in found.stdout and found.stdout.endswith('False\n')
