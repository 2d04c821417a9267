"""Lips of films meet where a smile holds them apart and an edit wants that, and stay free where they speak."""

import cv2
import films
import numpy as np
import pytest
import skimage.data

import fvae_jax
from fvae_jax.data import align
from fvae_jax.editing import contour, lips, mouth, portrait, retouch, seam as seam_lib
from fvae_jax.editing.model import Change
from fvae_jax.ops.frame import WIDE
from fvae_jax.photo.frame import Planes

SIZE = 128
REACH = 5


def shares(openings):
    """How far lips of these openings are brought together, frame by frame."""
    known = [lips.Lips(opening, None) if opening else None for opening in openings]
    hold = lips.Hold()
    return np.array([hold.share(known[max(n - REACH, 0) : n + REACH + 1]) for n in range(len(known))])


def test_a_smile_that_holds_is_closed_from_its_first_frame():
    noise = np.random.default_rng(0).normal(0, 0.03, 60)
    assert (shares(0.09 * (1 + noise)) == 1).all()


def test_who_speaks_is_left_alone_also_between_words():
    speech = 0.04 + 0.04 * np.cos(np.arange(60) / 2)
    words = np.concatenate([speech, np.full(12, 0.05), speech])
    assert (shares(np.maximum(words, 0)) == 0).all()
    assert (shares(np.where(np.arange(60) % 9 < 5, 0.06, 0)) == 0).all()


def test_lips_let_go_before_a_smile_speaks_and_meet_slowly_after():
    openings = np.full(160, 0.08)
    openings[60:80] = 0.05 + 0.05 * np.cos(np.arange(20))
    share = shares(openings)
    assert share[50] == 1 and (share[62:100] == 0).all() and share[-1] == 1
    assert np.diff(share).min() >= -0.21 and np.diff(share).max() <= 0.051


def ellipse(half_height, side=SIZE):
    """An opening, (side, side) in [0, 1]; the height is px of a crop of `SIZE`."""
    y, x = np.indices((side, side)) / (side / SIZE)
    far = np.hypot((x - 63.5) / 18, (y - 92) / half_height)
    return np.clip((1 - far) * half_height * side / SIZE + 0.5, 0, 1).astype(np.float32)


@pytest.fixture(scope='module')
def face():
    """Skin with an open mouth full of teeth, (512, 512, 3) uint8."""
    around, teeth = ellipse(11, 512)[..., None], ellipse(6, 512)[..., None]
    colors = [np.array(color, np.float32) for color in ((205, 165, 145), (180, 90, 95), (225, 225, 215))]
    image = (1 - around) * colors[0] + around * colors[1]
    noise = np.random.default_rng(0).normal(0, 3, image.shape)
    return np.uint8(np.clip((1 - teeth) * image + teeth * colors[2] + noise, 0, 255))


def edges(face):
    return contour.of(None, None, ellipse(6), face, WIDE)


def held(face, left):
    """The lips of a mouth of which an edit leaves so much open."""
    still = np.zeros((SIZE, SIZE, 2), np.float32)
    return lips.of(ellipse(6), left * ellipse(6), still, lambda: edges(face), 512, WIDE)


def test_only_an_edit_that_closes_a_mouth_looks_for_its_lips(face):
    assert held(face, 0.0).seam is not None
    assert lips.of(ellipse(6), ellipse(6), None, lambda: pytest.fail('looked'), 512, WIDE).seam is None


def test_equal_seams_close_as_one_does_and_where_nothing_is_done_counts(face):
    one = held(face, 0.0)
    still = np.zeros((SIZE, SIZE, 2), np.float32)
    openings = mouth.Openings(ellipse(6), 0 * ellipse(6), still, 0.0)
    seam = seam_lib.find(openings, edges(face), 512, still, WIDE)
    y, x = np.indices((SIZE, SIZE), np.float32)
    alone = np.stack(seam.pull(x, y, y))
    thirds = np.full(3, 1 / 3)
    together = np.stack(lips.Hold().seam([one] * 3, thirds).pull(x, y, y))
    assert np.abs(alone).max() > 3
    np.testing.assert_allclose(together, alone, atol=0.1)
    nothing = lips.Lips(one.opening, None)
    assert lips.Hold().seam([one, nothing, nothing], thirds).up.max() == pytest.approx(one.seam.up.max() / 3)
    assert lips.Hold().seam([nothing] * 3, thirds) is None and lips.Hold().seam([one, None, None], thirds) is None


def test_lines_of_a_held_mouth_are_steadier_than_what_is_found(face):
    one, rng, hold = held(face, 0.0), np.random.default_rng(0), lips.Hold()
    found = [one._replace(seam=one.seam._replace(upper=one.seam.upper + rng.normal())) for _ in range(60)]
    rows = [hold.seam([frame], np.ones(1)).upper[0] for frame in found]
    assert np.std(rows[20:]) < 0.4 * np.std([frame.seam.upper[0] for frame in found])


def test_where_lips_meet_there_is_the_color_of_lips(face):
    """Chroma is stored at half the resolution, where a pixel lies across both edges."""
    planes = cv2.cvtColor(face, cv2.COLOR_RGB2YUV_I420)
    chroma = planes[512:].reshape(2, 256, 256)
    frame = Planes(np.ascontiguousarray(planes[:512]), np.ascontiguousarray(chroma))
    matrix = portrait.scale_transform(np.eye(2, 3), SIZE / 512)
    still = Change(np.zeros((SIZE, SIZE, 2), np.float32), None, None)
    teeth = frame.chroma[1] < 140  # no red
    assert teeth[150:220, 96:160].sum() > 500
    for shift in (0, 1):  # a line between two rows of chroma, and one through a row
        moved = matrix.copy()
        moved[1, 2] += shift * SIZE / 512
        seam = lips.Hold().seam([held(face, 0.0)], np.ones(1))
        seam = seam._replace(**{name: getattr(seam, name) + shift * SIZE / 512 for name in ('upper', 'lower')})
        closed = retouch.carried_out(frame, still, matrix, seam=seam)
        assert (closed.chroma[1] < 140)[150:220, 110:146].sum() < 20


def _teeth(frame, matrix):
    """How many px of a crop of 512 show teeth: they are pale."""
    crop = align.align_crop(frame, portrait.scale_transform(matrix, 4), 512)[310:440, 180:330]
    light, red, yellow = np.moveaxis(cv2.cvtColor(crop, cv2.COLOR_RGB2LAB).astype(int), -1, 0)
    return np.count_nonzero((light > 190) & (red < 133) & (yellow < 142))


@pytest.mark.slow
def test_a_toothy_smile_ends_with_closed_lips_in_every_frame_and_holds_still(tmp_path):
    editor, photo = fvae_jax.load(), skimage.data.astronaut()
    matrices = films.motion(45, (640, 360), None, (225, 130), 1.5)
    path = films.write(tmp_path / 'film.mp4', films.carried(photo, matrices, (640, 360), noise=1))
    film = editor.open_film(path)
    frames, edited = list(film), list(film.edit(neutral=1.0))
    (found,) = align.detect_faces(photo)
    to_crop = align.crop_transform(found.landmarks, editor.size, editor.frame)
    views = [to_crop[:, :2] @ align.invert(matrix)[:, :2] for matrix in matrices]
    shifts = [align.transform_points(to_crop, align.invert(matrix)[:, 2]) for matrix in matrices]
    views = [np.column_stack(view) for view in zip(views, shifts)]
    before, after = ([_teeth(*pair) for pair in zip(shown, views)] for shown in (frames, edited))
    assert min(before) > 200 and max(after) < 0.05 * min(before), (before, after)
    part = (140, 175, 205, 255)  # of the photo: the mouth
    own, of_edit = (films.unrest(shown, matrices, part, 1.5).mean() for shown in (frames, edited))
    print(f'mouth: film {own:.3f}, edit {of_edit:.3f} ({of_edit / own:.2f})')
    assert of_edit < 1.15 * own
    flickering = [frames[n] if n % 5 == 0 else frame for n, frame in enumerate(edited)]  # the control
    assert films.unrest(flickering, matrices, part, 1.5).mean() > 1.15 * own
