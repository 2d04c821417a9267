"""New content at the resolution of the photo: nothing where nothing is new, grain and edges of the photo elsewhere."""

import pathlib
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from editing import models
from PIL import Image
from scipy import ndimage, special
from skimage import data

from fvae_jax.data import align
from fvae_jax.editing import content, editor as editor_lib, still
from fvae_jax.photo.photo import Photo


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle(content=True))


@pytest.fixture(scope='module')
def photo(editor):
    pixels = data.astronaut()
    return still.EditablePhoto(editor, Photo(pixels), align.detect_faces(pixels))


class BuiltIn(NamedTuple):
    editor: editor_lib.Editor
    faces: dict


@pytest.fixture(scope='module')
def built_in():
    editor = editor_lib.load()
    average = pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg'
    photos = {'average': np.asarray(Image.open(average).convert('RGB')), 'astronaut': data.astronaut()}
    encoded = {
        name: still.EditablePhoto(editor, Photo(pixels), align.detect_faces(pixels)).encoded(1)
        for name, pixels in photos.items()
    }
    return BuiltIn(editor, encoded)


def test_strength_0_adds_nothing(editor, photo):
    face = photo.encoded(1)
    change = editor.change(face, face.latent)
    assert not change.displacement.any() and not change.content.alpha.any()
    np.testing.assert_array_equal(photo.edit(smile=0.0).photo.pixels, photo.photo.pixels)


def test_content_is_anchored(editor, photo):
    face = photo.encoded(1)
    latent = editor.edited_latent(face, {'surprise': 1.0})
    printed = editor.change(face, latent, anchor=False).content
    anchored = editor.change(face, latent).content
    own = special.expit(face.own.alpha_logit.astype(np.float64))
    far = own < 0.999
    np.testing.assert_allclose(
        anchored.alpha[far], 1 - np.minimum(1, (1 - printed.alpha[far]) / (1 - own[far])), atol=1e-3
    )
    # Where the photo's own alpha is larger, as in an open mouth that closes, nothing is added.
    assert far.mean() > 0.3 and np.all(anchored.alpha[printed.alpha < own - 1e-6] == 0) and anchored.alpha.max() > 0.01


def test_pixels_only_leaves_it_out(photo):
    whole, bare = photo.edit(surprise=1.0), photo.edit(surprise=1.0, pixels_only=True)
    np.testing.assert_array_equal(whole.field, bare.field)
    differs = np.any(whole.photo.pixels != bare.photo.pixels, axis=2)
    y0, y1, x0, x1 = whole.box
    assert differs.any() and not differs[:y0].any() and not differs[:, :x0].any() and not differs[:, x1:].any()
    assert whole.content_picture().shape[2] == 3


def test_interpolation_ends_with_the_photos_and_adds_what_neither_has(editor, photo):
    first, second = photo.encoded(1), editor.encode(photo.encoded(1).crop[:, ::-1])
    for t, weights in ((0.0, (1, 0)), (1.0, (0, 1))):
        frame = editor.between(first, second, t)
        assert not frame.displacements[int(t)].any() and not frame.content.alpha.any()
        assert np.all(frame.weights[0] == weights[0]) and np.all(frame.weights[1] == weights[1])
    middle = editor.between(first, second, 0.5)
    latent = (first.latent + second.latent) / 2
    alphas = [editor.change(face, latent).content.alpha for face in (first, second)]
    np.testing.assert_allclose(middle.content.alpha, np.minimum(*alphas), atol=1e-6)
    np.testing.assert_allclose(sum(middle.weights), 1, atol=1e-6)


def test_patches_that_are_nowhere_sure_are_taken_back():
    alpha = np.zeros((32, 32), np.float32)
    alpha[2:6, 2:6] = 0.4  # a veil
    alpha[10:16, 10:20], alpha[12, 12] = 0.4, 0.9  # a mouth, its corners doubtful
    mouth = np.where(np.arange(32)[:, None] < 8, 0, alpha)
    alpha[20:24, 2:6] = np.float32(0.6)
    kept = content.where_sure(alpha)
    assert kept[:7].max() < 1e-4
    np.testing.assert_allclose(kept[9:17], cv2.GaussianBlur(mouth, (0, 0), 0.6)[9:17], atol=1e-6)
    assert 0.25 < kept[21, 3] < 0.35
    # No jump as a patch becomes surer.
    sums = [content.where_sure(np.full((4, 4), a, np.float32)).sum() for a in np.linspace(0.3, 0.9, 121)]
    assert sums[0] == 0 and np.abs(np.diff(sums)).max() < 1


def test_an_edge_becomes_narrower_and_stays_where_it_is():
    ramp = np.tile(np.linspace(0, 1, 101, dtype=np.float32), (3, 1))
    steep = content.steepen(ramp)
    assert np.all(np.diff(steep[0]) >= -1e-6) and steep.min() == 0 and steep.max() == 1
    assert steep[0, 50] == pytest.approx(0.5, abs=0.02)
    inside = lambda alpha: ((alpha > 0.1) & (alpha < 0.9)).sum()
    assert inside(steep) < 0.8 * inside(ramp)
    assert np.all(content.steepen(np.full((4, 4), 0.1, np.float32)) == 0)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_pixels_without_content_keep_their_bits(dtype):
    pixels = data.astronaut().astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    alpha = np.zeros((80, 60), np.float32)
    alpha[20:50, 10:40] = 1
    layer = content.Layer((100, 180, 200, 260), alpha, np.full((80, 60, 3), -1, np.float32))
    laid = content.lay(Photo(pixels), layer).pixels
    same = np.all(laid == pixels, axis=2)
    assert same[:120].all() and same[150:].all() and same[:, :210].all() and same[:, 240:].all()
    assert laid[120:150, 210:240].max() < 0.15 * np.iinfo(dtype).max
    nothing = layer._replace(alpha=0 * alpha)
    assert content.lay(Photo(pixels), nothing).pixels is pixels


def test_the_grain_is_the_photo_s():
    rng = np.random.default_rng(0)
    alpha = np.zeros((120, 120), np.float32)
    alpha[50:70, 50:70] = 1
    smooth = cv2.GaussianBlur(rng.uniform(-0.5, 0.5, (120, 120, 3)).astype(np.float32), (0, 0), 12)
    noise = rng.normal(size=(120, 120, 1)).astype(np.float32)
    strengths = []
    for strength in (0.0, 0.01, 0.02):
        drawn = content.grain(smooth + strength * noise, alpha)
        strengths.append(float(drawn.std()))
        fine = strength * (noise[..., 0] - ndimage.gaussian_filter(noise[..., 0], 1.5))
        assert strengths[-1] == pytest.approx(fine.std(), rel=0.15, abs=2e-3)
    assert strengths[2] > 1.8 * strengths[1]
    # Structure beside grain, such as teeth, is no grain.
    striped = smooth + 0.01 * noise
    striped[40:60, ::2] += 0.5
    assert content.grain(striped, alpha).std() < 2.5 * 0.01
    np.testing.assert_array_equal(content.grain(smooth, alpha), content.grain(smooth, alpha))


@pytest.mark.parametrize('expression', ['neutral', 'surprise', 'brow_raise', 'squint', 'smile'])
def test_the_built_in_model_paints_no_eyes(built_in, expression):
    for name, face in built_in.faces.items():
        latent = built_in.editor.edited_latent(face, {expression: 2.0})
        alpha = content.steepen(content.where_sure(built_in.editor.change(face, latent).content.alpha))
        (_, left), (_, right) = built_in.editor.frame.eye_centers(built_in.editor.size)
        below = round((left + right) / 2 + 0.1 * built_in.editor.size)
        assert not alpha[:below].any(), name
        # Who smiles already shows more of the same teeth.
        opens = ('surprise', 'smile') if face.mouth is None else ('surprise',)
        assert alpha[below:].any() or expression not in opens
