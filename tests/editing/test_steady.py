"""An edit of a film holds still where the face does, and goes on speaking where it speaks: with the built-in model."""

import cv2
import films
import numpy as np
import pytest

import fvae_jax
from fvae_jax.data import align
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.editing import lips, steady, still
from fvae_jax.editing.model import Change, Content, EncodedFace
from fvae_jax.photo.photo import Photo

FACE = (190, 580, 170, 470)  # of the composite face, px
MOUTH = (430, 530, 250, 390)


@pytest.fixture(scope='module')
def editor():
    return fvae_jax.load()


def speaker(strengths, size=256):
    """A drawn face that opens its mouth by so much, (size, size, 3) uint8 each."""
    face = DrawnFace(0, 3, size)
    pictures = {s: face.image('surprise' if s else 'neutral', s) for s in sorted(set(strengths))}
    return [pictures[s] for s in strengths]


def frame_by_frame(editor, frames, **strengths):
    """As if every frame were a photo."""
    for frame in frames:
        yield still.EditablePhoto(editor, Photo(frame), align.detect_faces(frame)).edit(**strengths).photo.pixels


def test_what_is_inside_of_a_mouth_is_not_covered(editor):
    closed, open_ = (np.ascontiguousarray(picture) for picture in speaker([0.0, 0.75]))
    encoded = []
    for picture in (closed, open_):
        (found,) = align.detect_faces(picture)
        matrix = align.crop_transform(found.landmarks, editor.size, editor.frame)
        encoded.append(editor.encode(align.align_crop(picture, matrix, editor.size)))
    lips_closed = lips.closed(editor, encoded[0])
    assert lips.is_more_closed(editor, encoded[0], encoded[1])
    assert not lips.is_more_closed(editor, encoded[1], encoded[0])
    assert not lips.is_more_closed(editor, encoded[0], lips_closed)
    own = [lips.inside(editor, face, lips_closed) for face in encoded]
    assert (own[0] > 0.5).sum() < 20 and (own[1] > 0.5).sum() > 40
    rows, columns = np.nonzero(own[1] > 0.5)  # below the nose, in the middle
    assert 0.6 < rows.mean() / editor.size < 0.85 and 0.45 < columns.mean() / editor.size < 0.55
    kept = []
    for face, inside in zip(encoded, own):
        change = editor.change(face, editor.edited_latent(face, {'smile': 1.0}))
        kept.append(lips.uncovered(change, inside).content.alpha.sum() / change.content.alpha.sum())
    assert kept[0] > 0.9 and kept[1] < 0.1


class OneLight:
    """Stands for no model: `steady` asks one for the frame of an exemplar only."""

    frame = None


def planned(latents, levels):
    for latent, level in zip(latents, levels):
        face = EncodedFace(None, np.full((4, 4, 2), latent, np.float32), None, None, None)
        field = np.full((8, 8, 2), level, np.float32)
        change = Change(field, Content(field[..., 0], np.zeros((8, 8, 3), np.float32)), field[..., 0])
        yield steady.Planned(None, 0, {1: steady.Changed(np.eye(2, 3), face, change)})


def test_noise_is_averaged_and_what_differs_is_not():
    noise = np.random.default_rng(0).normal(size=40)
    levels = [
        here.changes[1].change.displacement[0, 0, 0] for here in steady.steady(OneLight, planned(0 * noise, noise))
    ]
    assert np.std(levels) < 0.5 * np.std(noise)
    step = np.repeat([0.0, 1.0], 20)
    levels = [here.changes[1].change.content.alpha[0, 0] for here in steady.steady(OneLight, planned(5 * step, step))]
    np.testing.assert_allclose(levels, step, atol=1e-3)
    # Of another shot nothing counts.
    shots = [here._replace(shot=n // 20) for n, here in enumerate(planned(0 * step, step))]
    levels = [here.changes[1].change.shading[0, 0] for here in steady.steady(OneLight, shots)]
    np.testing.assert_allclose(levels, step, atol=1e-6)


@pytest.mark.slow
def test_an_edit_is_as_steady_as_the_film(editor, tmp_path):
    """A still face under known motion, brought back: at most 1.15 times the unrest of the film itself."""
    size, count = (640, 360), 60
    matrices = films.motion(count, size, None, (322, 360), 0.5)
    path = films.write(tmp_path / 'film.mp4', films.carried(films.composite(), matrices, size, noise=1))
    film = editor.open_film(path)
    frames = list(film)
    film.edit(smile=1.0).save(tmp_path / 'edited.mp4')
    results = {
        'film': frames,
        'edit': list(film.edit(smile=1.0)),
        'edit, encoded': list(editor.open_film(tmp_path / 'edited.mp4')),
        'frame by frame': list(frame_by_frame(editor, frames, smile=1.0)),
    }
    for part in (FACE, MOUTH):
        unrest = {name: films.unrest(shown, matrices, part, 0.5).mean() for name, shown in results.items()}
        print({name: round(float(value), 3) for name, value in unrest.items()})
        assert unrest['edit'] < 1.15 * unrest['film'] and unrest['edit, encoded'] < 1.15 * unrest['film']
        trembling = [np.roll(frame, n % 2, axis=1) for n, frame in enumerate(results['edit'])]  # the control
        assert films.unrest(trembling, matrices, part, 0.5).mean() > 1.15 * unrest['film']


@pytest.mark.slow
def test_who_speaks_goes_on_speaking(editor):
    """The height of the opening goes up and down with that of the film, where its own lips are parted."""
    seconds = np.arange(45) / 25
    opening = [float(round(s * 12) / 12) for s in 0.5 - 0.5 * np.cos(2 * np.pi * seconds / 0.9)]
    matrices = films.motion(45, (320, 320), None, (128, 128), 1.15, turn=4, zoom=(0.97, 1.05), shift=0.015)
    frames = list(films.carried(speaker(opening), matrices, (320, 320), noise=2))
    edited = list(editor.edit_frames(frames, smile=1.0))
    strips = [films.brought_back(shown, matrices, (150, 225, 118, 138)).mean(axis=2) for shown in (frames, edited)]
    dark = [(strip.max(axis=-1) < 80).sum(axis=1) for strip in strips]  # rows of the cavity, by frame
    assert dark[0].max() > 10 and np.corrcoef(dark[0], dark[1])[0, 1] > 0.9
    # And no invented teeth over the cavity where it is widest.
    widest = int(np.argmax(dark[0]))
    assert dark[1][widest] > 0.7 * dark[0][widest]
    # What closes a smile narrows a mouth that speaks, and does not shut it.
    calm = films.brought_back(editor.edit_frames(frames, neutral=1.0), matrices, (150, 225, 118, 138)).mean(axis=2)
    dark.append((calm.max(axis=-1) < 80).sum(axis=1))
    assert dark[2].max() > 0.4 * dark[0].max() and np.corrcoef(dark[0], dark[2])[0, 1] > 0.9


@pytest.mark.slow
def test_a_blink_stays_a_blink(editor):
    """Eyes that close within three frames close as far in the edit."""
    photo = films.composite().copy()
    closed = photo.copy()
    for x, y in ((263, 312), (379, 312)):  # skin is drawn over both eyes
        patch = cv2.resize(photo[y + 28 : y + 48, x - 34 : x + 34], (76, 34))
        closed[y - 17 : y + 17, x - 38 : x + 38] = patch
    matrices = films.motion(30, (640, 360), None, (322, 360), 0.5, turn=3, zoom=(0.97, 1.05), shift=0.01)
    frames = list(films.carried([closed if 14 <= n < 17 else photo for n in range(30)], matrices, (640, 360)))
    edited = list(editor.edit_frames(frames, smile=1.0))
    eyes = (295, 329, 225, 301)
    light = [films.brought_back(shown, matrices, eyes, 0.5).mean(axis=(1, 2, 3)) for shown in (frames, edited)]
    before, during = np.r_[0:12, 19:30], slice(14, 17)
    film, edit = (values[during].mean() - values[before].mean() for values in light)
    assert abs(film) > 10 and edit == pytest.approx(film, rel=0.25)
