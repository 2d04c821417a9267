"""`fvae interpolate` and `fvae info`."""

import re

import numpy as np
from cli.commands import ASTRONAUT, ROOT, play, read

from fvae_jax import bundle as bundle_lib


def test_the_built_in_model_interpolates(run, tmp_path):
    run('interpolate @me.png @me.jpg --frames 2 --out frames')
    first, last = (read(path) for path in sorted((tmp_path / 'frames').iterdir()))
    for frame in (first, last):
        assert frame.shape == ASTRONAUT.shape and np.abs(frame.astype(int) - ASTRONAUT).mean() < 2


def test_interpolation(run, tmp_path):
    frames = '--model @model.safetensors --frames 3'
    run(f'interpolate @me.png @me.jpg {frames} --crop --out crops')
    run(f'interpolate @me.png @me.jpg {frames} --out morph.mp4')
    assert len(list((tmp_path / 'crops').iterdir())) == 3
    assert len(play(tmp_path / 'morph.mp4')) == 3


def test_info_of_a_model(run, capsys):
    run('info @model.safetensors')
    words = capsys.readouterr().out
    for word in (
        'model.safetensors',
        '64x64',
        'neutral (5 images)',
        'smile (5 images)',
        '12 steps',
        'mask         yes',
        'licence      none',
    ):
        assert word in words
    run('info @bare.safetensors')
    words = capsys.readouterr().out
    assert 'mask         no' in words and 'built in' not in words


def test_info_of_the_built_in_model(run, capsys):
    run('info')
    words = capsys.readouterr().out
    assert f'built in, {bundle_lib.BUILT_IN}, ' in words and 'smile (' in words and 'not stated' not in words
    # The README tells of all runs, of which the file knows the last.
    readme = (ROOT / 'README.md').read_text()
    [last] = re.findall(r'(\d+) steps of 16 pairs', readme)
    assert f'{last} steps in its last run, on 345 people' in words


def test_info_of_a_photo(run, capsys):
    run('info @two.png')
    words = capsys.readouterr().out
    assert '1024x512 px, 8 bit, color' in words and 'faces        2' in words
    assert '--face 1' in words and '--face 2' in words and words.count('the main face') == 1
    run('info @suit.png')
    assert 'none found' in capsys.readouterr().out
