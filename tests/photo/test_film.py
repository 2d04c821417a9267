"""Films, animations and folders hold the frames that were given, or nothing at all."""

import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from skimage import data

from fvae_jax.errors import InputError
from fvae_jax.photo import film

ASTRONAUT = data.astronaut()[:101, 100:233]  # odd in both directions


def frames(count=6):
    """The astronaut, moving to the left."""
    return [np.roll(ASTRONAUT, -3 * number, axis=1) for number in range(count)]


def play(path, shape):
    """What ffmpeg says of a film, and its frames."""
    played = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), '-i', path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'],
        capture_output=True,
        check=True,
    )
    return played.stderr.decode(), np.frombuffer(played.stdout, np.uint8).reshape(-1, *shape, 3)


def test_films_have_every_frame_and_play_in_browsers(tmp_path):
    path = tmp_path / 'morph.mp4'
    film.write_animation(path, iter(frames()), fps=12)
    facts, frames_back = play(path, (102, 134))
    for fact in ('h264', 'yuv420p(tv, bt709', '134x102', '12 fps'):
        assert fact in facts, facts
    assert len(frames_back) == 6
    for got, want in zip(frames_back, frames()):
        assert np.abs(got[:101, :133].astype(int) - want).mean() < 5
    assert np.abs(frames_back[0][:101, :133].astype(int) - frames()[1]).mean() > 10  # the control
    contents = path.read_bytes()
    assert contents.index(b'moov') < contents.index(b'mdat')  # starts before all of it is there


def test_films_keep_their_colors(tmp_path):
    flat = np.broadcast_to(np.uint8([200, 40, 90]), (64, 64, 3))
    film.write_animation(tmp_path / 'flat.mp4', [flat] * 3, fps=10)
    _, frames_back = play(tmp_path / 'flat.mp4', (64, 64))
    assert np.abs(frames_back[1].astype(int) - flat).max() <= 4


@pytest.mark.parametrize('suffix', ['.gif', '.webp'])
def test_animations_have_every_frame_and_loop(tmp_path, suffix):
    film.write_animation(tmp_path / f'morph{suffix}', frames(), fps=10)
    with Image.open(tmp_path / f'morph{suffix}') as image:
        assert image.n_frames == 6 and image.size == (133, 101) and image.info['loop'] == 0
        for number, want in enumerate(frames()):
            image.seek(number)
            got = np.asarray(image.convert('RGB')).astype(int)
            assert np.abs(got - want).mean() < 10
            assert image.info['duration'] == 100


def test_folders_get_numbered_pictures(tmp_path):
    film.write_animation(tmp_path / 'steps', frames(3), fps=10)
    names = sorted(path.name for path in (tmp_path / 'steps').iterdir())
    assert names == ['0000.png', '0001.png', '0002.png']
    for name, want in zip(names, frames(3)):
        np.testing.assert_array_equal(cv2.imread(tmp_path / 'steps' / name)[..., ::-1], want)
    with pytest.raises(InputError, match='holds files'):
        film.write_animation(tmp_path / 'steps', frames(2), fps=10)
    film.write_animation(tmp_path / 'steps', frames(2)[::-1], fps=10, overwrite=True)
    replaced = cv2.imread(tmp_path / 'steps' / '0000.png')[..., ::-1]
    np.testing.assert_array_equal(replaced, frames(2)[1])


@pytest.mark.parametrize('name', ['broken.mp4', 'broken.gif', 'broken'])
def test_a_failure_on_the_way_leaves_nothing(tmp_path, name):
    def failing():
        yield from frames(3)
        raise RuntimeError('out of film')

    with pytest.raises(RuntimeError, match='out of film'):
        film.write_animation(tmp_path / name, failing(), fps=10)
    with pytest.raises(InputError, match='frame 2 has shape'):
        film.write_animation(tmp_path / name, [*frames(2), ASTRONAUT[:50]], fps=10)
    with pytest.raises(InputError, match='no frames'):
        film.write_animation(tmp_path / name, [], fps=10)
    assert not list(tmp_path.iterdir())


def test_what_ffmpeg_refuses_is_one_line(tmp_path):
    giant = np.zeros((2, 40000, 3), np.uint8)  # H.264 ends at 16384
    with pytest.raises(InputError, match='ffmpeg') as caught:
        film.write_animation(tmp_path / 'giant.mp4', [giant], fps=10)
    assert '\n' not in str(caught.value) and not list(tmp_path.iterdir())


def test_outputs_that_cannot_be_written(tmp_path):
    (tmp_path / 'there.gif').touch()
    for name, fps, given, word in [
        ('a.avi', 10, frames(1), '.gif, .mp4, .webp'),
        ('there.gif', 10, frames(1), 'exists'),
        ('missing/a.mp4', 10, frames(1), 'does not exist'),
        ('missing/steps', 10, frames(1), 'does not exist'),
        ('a.mp4', 0, frames(1), 'positive'),
        ('a.mp4', float('nan'), frames(1), 'positive'),
        ('a.mp4', 10, [ASTRONAUT.astype(float)], 'uint8'),
    ]:
        with pytest.raises(InputError, match=word):
            film.write_animation(tmp_path / name, given, fps)
    assert [path.name for path in tmp_path.iterdir()] == ['there.gif']


def test_filmstrips_show_every_frame():
    strip = film.filmstrip([ASTRONAUT] * 3, ['0', '0.5', '1'])
    height, width = ASTRONAUT.shape[:2]
    assert strip.dtype == np.uint8 and strip.shape[1] > 3 * width
    found = sum(
        (strip[row : row + height, column : column + width] == ASTRONAUT).all()
        for row in range(strip.shape[0] - height + 1)
        for column in range(strip.shape[1] - width + 1)
    )
    assert found == 3
    large = np.zeros((3000, 2000, 3), np.uint8)
    assert film.filmstrip([large], ['x']).shape[0] < 562
