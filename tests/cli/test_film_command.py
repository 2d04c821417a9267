"""`fvae edit` with films: beside photos, in parts, over time, stopped, and refused."""

import signal
import time

import films
import numpy as np
import pytest
from cli.commands import fails, start

from fvae_jax.photo import footage

SIZE = (240, 180)


@pytest.fixture(scope='module')
def clip(things):
    """A film of 24 frames, 25 a second, of a face that moves a little, and one that shows none."""
    matrices = films.motion(24, SIZE, None, (322, 360), 0.36, turn=5, zoom=(0.95, 1.1), shift=0.02)
    films.write(things / 'clip.mp4', films.carried(films.composite(), matrices, SIZE))
    films.write(things / 'wall.mp4', [np.full((90, 120, 3), 99, np.uint8)] * 5)
    return list(frames(things / 'clip.mp4'))


def frames(path):
    return (shown.frame.pixels() for shown in footage.open_footage(path).frames())


def changes(clip, path):
    """The mean change of the face in each frame."""
    return np.array([np.abs(a.astype(int) - b)[60:150, 80:160].mean() for a, b in zip(clip, frames(path), strict=True)])


def test_a_ramp(run, clip, tmp_path):
    line = 'edit @clip.mp4 --model @model.safetensors --smile 8 --crf 8'
    assert run(f'{line} --out constant.mp4') == 0
    run(f'{line} --ramp 0:0,0.8s:1 --out ramp.mp4')
    constant, ramp = changes(clip, tmp_path / 'constant.mp4'), changes(clip, tmp_path / 'ramp.mp4')
    assert constant.min() > 2 and ramp[0] < 1 and ramp[-1] == pytest.approx(constant[-1], rel=0.1)
    assert ramp[0] < ramp[8] < ramp[16]


def test_photos_and_films_and_a_bad_one(run, clip, tmp_path, capsys):
    line = 'edit @me.png @clip.mp4 @film.gif @text.jpg --model @model.safetensors --smile 2 --out-dir out'
    assert run(line) == 1
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['clip.mp4', 'film.mp4', 'me.png']
    lines = capsys.readouterr().err.splitlines()
    assert any('colors of the form' in line and 'film.gif' in line for line in lines)
    assert lines[-1] == '1 of 4 files left out'


def test_a_part(run, clip, tmp_path):
    run('edit @clip.mp4 --model @model.safetensors --smile 2 --start 0.2 --end 0:00:00.6 --out part.mp4')
    assert len(list(frames(tmp_path / 'part.mp4'))) == 10


def test_the_file_says_how_it_was_made(run, clip, tmp_path):
    for options, said in (('', True), ('--no-metadata', False)):
        run(f'edit @clip.mp4 --model @model.safetensors --smile 2 --out out.mp4 --overwrite {options}')
        assert (b'compositeWithTrainedAlgorithmicMedia' in (tmp_path / 'out.mp4').read_bytes()) == said


def test_what_is_said_of_films_where_photos_are_meant(run, clip, tmp_path):
    for command, words in (
        ('info @clip.mp4', 'is a film, and fvae info describes photos'),
        (
            'edit @me.png --model @model.safetensors --smile 1 --out out.mp4',
            '--steps K makes a film of it; if it is animated, save it as a GIF or MP4 first',
        ),
    ):
        fails(run, tmp_path, command, words)


REFUSED = {
    '@wall.mp4 --out out.mp4': 'shows no face',
    '@clip.mp4 --out out.png': 'is none; name the output .mp4, .mov or .mkv',
    '@clip.mp4 --out @clip.mp4': 'is the photo itself',
    '@clip.mp4 --steps 3 --out out.mp4': '--steps is for photos',
    '@me.png --ramp 0:0,1:1 --out out.png': '--ramp is for films',
    '@clip.mp4 --ramp 0:0,x:1 --out out.mp4': "'0:0,x:1' is not a ramp",
    '@clip.mp4 --ramp 1:0,0:1 --out out.mp4': 'is not a ramp',
    '@clip.mp4 --start soon --out out.mp4': "'soon' is not a time",
    '@clip.mp4 --start 1:00 --out out.mp4': 'ends after 0.96 s',
    '@clip.mp4 --start 2 --end 1 --out out.mp4': 'the part is empty',
    '@clip.mp4 --crf 99 --out out.mp4': 'whole number from 0 to 51',
    '@clip.mp4 --face 4 --out out.mp4': 'shows no face 4',
    '@none.mp4 --out out.mp4': 'does not exist',
}


@pytest.mark.parametrize('line, words', REFUSED.items(), ids=REFUSED)
def test_what_is_refused(run, clip, tmp_path, line, words):
    fails(run, tmp_path, f'edit --model @model.safetensors --smile 1 {line}', words)


def test_ctrl_c_leaves_nothing(things, clip, tmp_path):
    """While frames are written: the half film goes, and so do the programs that read and wrote."""
    matrices = films.motion(600, SIZE, None, (322, 360), 0.36, turn=5, zoom=(0.95, 1.1), shift=0.02)
    films.write(things / 'long.mp4', films.carried(films.composite(), matrices, SIZE))
    command = ['edit', things / 'long.mp4', '--model', things / 'model.safetensors', '--smile', '1', '--out', 'out.mp4']
    process = start(*command, cwd=tmp_path)
    while not list(tmp_path.iterdir()) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    words = process.communicate()[1].decode()
    assert process.returncode == 130 and words.strip().endswith('error: interrupted'), words
    assert not list(tmp_path.iterdir())
