"""What an edit does to frames of films is what it does to photos, in the form in which films store colors."""

import cv2
import films
import numpy as np
import pytest

import fvae_jax
from fvae_jax.editing import portrait, retouch
from fvae_jax.editing.model import Change
from fvae_jax.photo import footage
from fvae_jax.photo.frame import Colors, Picture, Planes
from fvae_jax.photo.photo import Photo

SIZE = 128
MATRIX = np.array([[0.5, 0.0, 0.0], [0.0, 0.5, -20.0]])


def planes(rgb, colors):
    """A frame with these pixels, half the chroma."""
    yuv = cv2.transform(rgb.astype(np.float32), colors.from_rgb()) + (0 if colors.full else 16, 128, 128)
    half = cv2.resize(yuv, (rgb.shape[1] // 2, rgb.shape[0] // 2), interpolation=cv2.INTER_AREA)
    chroma = np.moveaxis(half[..., 1:], -1, 0)
    return Planes(*(np.uint8(np.rint(values)) for values in (yuv[..., 0], chroma)), colors)


def fold():
    """Shading of a dark line on a cheek with light beside it, (SIZE, SIZE)."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    line = np.exp(-(((x - 40 - 0.2 * y) / 5) ** 2)) - 0.6 * np.exp(-(((x - 55 - 0.2 * y) / 6) ** 2))
    return -0.5 * line * np.exp(-(((y - 75) / 15) ** 2))


@pytest.mark.parametrize('colors', [Colors('bt709'), Colors('bt601', full=True)])
def test_skin_in_shadow_has_the_color_that_it_has_in_photos(colors):
    frame = planes(films.composite()[:400, :400], colors)
    change = Change(np.zeros((SIZE, SIZE, 2), np.float32), None, fold())
    box, r = portrait.photo_shading(change.shading, MATRIX, SIZE, frame.shape)
    photo = Photo(frame.pixels())
    want, gray = (portrait.shade_photo(photo, box, r, colored).pixels.astype(int) for colored in (True, False))
    shaded = np.zeros(frame.shape[:2], bool)
    shaded[box[0] : box[1], box[2] : box[3]] = np.abs(r) > 0.1
    off = lambda pixels: np.abs(pixels.astype(int) - want)[shaded].mean(axis=0)
    assert shaded.sum() > 1000 and off(gray)[0] > 2.5  # the control: as much as shading without color is off
    film = retouch.carried_out(frame, change, MATRIX)
    assert (off(film.pixels()) < 1.3).all(), off(film.pixels())  # chroma is coarse, and of whole numbers
    assert not off(retouch.carried_out(Picture(photo.pixels), change, MATRIX).rgb).any()
    far = cv2.dilate(np.uint8(np.abs(film.luma.astype(int) - frame.luma) > 0), np.ones((9, 9))) == 0
    np.testing.assert_array_equal(film.luma[far], frame.luma[far])
    np.testing.assert_array_equal(film.chroma[:, far[::2, ::2]], frame.chroma[:, far[::2, ::2]])


def test_a_gray_film_stays_gray(tmp_path):
    """Its folds and its new teeth too, be it a file or frames of another program."""
    size = (240, 180)
    matrices = films.motion(6, size, None, (322, 360), 0.36, turn=5, zoom=(0.95, 1.1), shift=0.02)
    frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in films.carried(films.composite(), matrices, size)]
    frames = [np.repeat(frame[..., None], 3, axis=2) for frame in frames]
    editor = fvae_jax.load()
    edited = np.stack(list(editor.edit_frames(frames, smile=1.0)))
    assert np.abs(edited - np.float32(frames)).max() > 50  # teeth
    assert np.ptp(edited, axis=-1).max() == 0
    film = editor.open_film(films.write(tmp_path / 'gray.mp4', frames))
    assert all((shown.frame.chroma == 128).all() for shown in footage.open_footage(film.footage.path).frames())
    for shown in film.edit(smile=1.0).shown():
        assert np.abs(shown.frame.chroma.astype(int) - 128).max() <= 1
