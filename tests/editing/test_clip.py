"""Films are edited as they come: what is asked for is done over time, and what is not keeps its bits."""

import cv2
import films
import numpy as np
import pytest
from editing import models

import fvae_jax
from fvae_jax.editing.editor import Editor
from fvae_jax.errors import InputError
from fvae_jax.photo import footage

SIZE = (240, 180)


@pytest.fixture(scope='module')
def editor():
    return Editor(models.random_bundle(content=True, shading=True))


@pytest.fixture(scope='module')
def matrices():
    return films.motion(24, SIZE, None, (322, 360), 0.36, turn=5, zoom=(0.95, 1.1), shift=0.02)


@pytest.fixture(scope='module')
def film(editor, matrices, tmp_path_factory):
    """A face that moves a little, 24 frames."""
    path = tmp_path_factory.mktemp('film') / 'face.mp4'
    return editor.open_film(films.write(path, films.carried(films.composite(), matrices, SIZE, noise=2)))


@pytest.fixture(scope='module')
def smiling(film):
    """Its frames with a strong smile."""
    return list(film.edit(smile=2.0))


def changes(film, edited):
    """The mean change of each frame."""
    return np.array([np.abs(a.astype(int) - b).mean() for a, b in zip(film, edited, strict=True)])


def test_strength_0_is_the_film_bit_for_bit(film, tmp_path):
    edited = film.edit(smile=0.0)
    for shown, own in zip(edited.shown(), film.footage.frames(), strict=True):
        np.testing.assert_array_equal(shown.frame.luma, own.frame.luma)
        np.testing.assert_array_equal(shown.frame.chroma, own.frame.chroma)
        assert (shown.time, shown.duration) == (own.time, own.duration)
    edited.save(tmp_path / 'same.mp4', crf=0)
    copy = footage.open_footage(tmp_path / 'same.mp4')
    for shown, own in zip(copy.frames(), film.footage.frames(), strict=True):
        np.testing.assert_array_equal(shown.frame.luma, own.frame.luma)


def test_an_edit_changes_the_face_and_nothing_else(film, smiling):
    difference = np.abs(np.stack(smiling).astype(int) - np.stack(list(film))).max(axis=(0, 3))
    assert difference[100:140, 90:150].mean() > 5
    assert not difference[:, :12].any() and not difference[:, -12:].any()
    assert changes(film, smiling).min() > 0.5


def test_strength_over_time(film, smiling):
    """A function of seconds, a list by frame, a factor of both, and the ramp's ends."""
    constant = changes(film, smiling)
    late = changes(film, film.edit({'smile': lambda seconds: 2.0 * (seconds >= 0.4)}))
    assert not late[:8].any() and late[16:] == pytest.approx(constant[16:], rel=0.05)
    listed = changes(film, film.edit(smile=[2.0] * 10 + [0.0]))
    assert not listed[16:].any() and listed[:4] == pytest.approx(constant[:4], rel=0.05)
    rising = changes(film, film.edit(smile=2.0, strength=lambda seconds: min(seconds / 0.8, 1)))
    assert not rising[0] and (np.diff(rising[:20]) > -0.03).all() and rising[-1] == pytest.approx(constant[-1], rel=0.1)


def test_frames_of_other_programs(editor, film, smiling):
    frames = list(film)
    edited = list(editor.edit_frames(iter(frames), smile=2.0))
    assert len(edited) == len(frames) and edited[0].dtype == np.uint8
    # The same but for the rounding of colors.
    assert np.abs(np.stack(edited).astype(int) - np.stack(smiling)).mean() < 1
    for own, same in zip(frames, editor.edit_frames(frames, smile=2.0, strength=0.0), strict=True):
        np.testing.assert_array_equal(same, own)
    taken = []
    stream = editor.edit_frames((taken.append(n) or frames[n] for n in range(24)), smile=2.0)
    next(stream)
    assert len(taken) < 20  # it comes as it goes


def test_teeth_of_another_photo(film):
    editor = fvae_jax.load()
    own = editor.open(films.astronaut())
    frames = list(film)[:8]
    shown = [np.stack(list(editor.edit_frames(frames, smile=1.0, teeth=teeth))) for teeth in (None, own)]
    assert (shown[0] != shown[1]).any()


def test_a_face_that_is_lost_fades_to_the_films_own_pixels(editor, matrices):
    frames = list(films.carried(films.composite(), matrices, SIZE)) * 2
    for n in range(16, 32):  # something gray comes before the face
        frames[n] = frames[n].copy()
        cv2.rectangle(frames[n], (85, 55), (160, 120), (120, 110, 100), -1)
    change = changes(frames, editor.edit_frames(frames, smile=2.0))
    assert not change[16:32].any() and change[:6].min() > 0.5 and change[-3:].min() > 0.5
    assert change[10] > change[13] > change[14] > change[15] and change[15] < 0.2 * change[5], change


def test_what_cannot_be_done_is_one_line(editor, film):
    blank = [np.full((90, 120, 3), 99, np.uint8)] * 5
    for work, words in [
        (lambda: list(editor.edit_frames(blank, smile=1.0)), 'no face that can be found'),
        (lambda: list(film.edit(smile=1.0, face=3)), 'no face 3'),
        (lambda: list(film.edit(smirk=1.0)), 'unknown expression'),
        (lambda: list(film.edit(smile=np.nan)), 'finite'),
        (lambda: film.edit({'smile': 1.0}, smile=1.0), 'given twice'),
        (lambda: film.edit(smile=[]), 'empty list'),
        (lambda: film.edit('smile'), 'by expression'),
        (lambda: film.edit(smile='1'), 'give a number'),
        (lambda: film.edit(smile=1.0, face={'smile': 1}), 'give its number'),
        (lambda: list(editor.edit_frames([*blank, blank[0][:50]], smile=1.0)), 'frame 5 has shape'),
        (lambda: list(editor.edit_frames([], smile=1.0)), 'there are no frames'),
        (lambda: list(film.edit(smile=1.0, start=5.0)), 'shows no frame in this part'),
        (lambda: film.edit(smile=1.0).save('nowhere/out.mp4'), 'does not exist'),
        (lambda: film.edit(smile=1.0).save('out.avi'), 'suffix'),
        (lambda: film.edit(smile=1.0).save('out.mp4', crf=60), 'crf is 60'),
    ]:
        with pytest.raises(InputError, match=words) as caught:
            work()
        assert '\n' not in str(caught.value)
