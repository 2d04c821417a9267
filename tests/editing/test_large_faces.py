"""Faces of thousands of pixels: read in fewer of them, moved in threads, and edited as ever."""

import pathlib

import cv2
import numpy as np
import pytest
from PIL import Image

import fvae_jax
from fvae_jax.data import align
from fvae_jax.editing import face as face_lib, portrait
from fvae_jax.errors import InputError
from fvae_jax.photo.photo import Photo

COMPOSITE = pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg'


@pytest.fixture(scope='module')
def large():
    with Image.open(COMPOSITE) as image:
        return np.asarray(image.resize((5 * image.width // 2, 5 * image.height // 2), Image.Resampling.BICUBIC))


@pytest.fixture(scope='module')
def editor():
    return fvae_jax.load()


@pytest.fixture(scope='module')
def opened(editor, large):
    return editor.open(large)


def faces(opened, photo):
    """A face as it is read, and as one that is not large."""
    found = [face_lib.PhotoFace(opened.model, photo, opened.faces[0].landmarks) for _ in range(2)]
    assert found[0]._is_large
    return found


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_crops_of_a_large_face_are_those_of_all_its_pixels(opened, monkeypatch, dtype):
    factor = np.iinfo(dtype).max // 255
    read, directly = faces(opened, Photo(opened.photo.pixels.astype(dtype) * dtype(factor)))
    crops = [read._crop, read._fine_mouth, read._read(1024)]
    monkeypatch.setattr(face_lib.PhotoFace, '_is_large', False)
    expected = [directly._crop, directly._fine_mouth, directly._read(1024)]
    for crop, other, scale in zip(crops, expected, (factor, 1, factor)):
        assert crop.shape == other.shape and crop.dtype == other.dtype
        assert np.abs(crop.astype(float) - other).mean() < 0.5 * scale
        assert np.abs(crop.astype(float) - np.roll(other, 1, axis=1)).mean() > 1.0 * scale  # not half a pixel off


def test_an_edit_of_a_large_face_is_that_of_all_its_pixels(opened, monkeypatch):
    made = opened.edit(smile=1).photo.pixels
    monkeypatch.setattr(face_lib.PhotoFace, '_is_large', False)
    opened._known.clear()
    other = opened.edit(smile=1).photo.pixels
    opened._known.clear()
    assert (made != opened.photo.pixels).any(-1).mean() > 0.1
    assert np.abs(made.astype(int) - other).mean() < 0.1


def test_a_small_face_is_read_as_it_is(editor):
    assert not editor.open(COMPOSITE).face(1)._is_large


def test_eyes_of_a_large_photo_are_found_where_those_of_a_small_one_are(editor, opened):
    small = align.eye_centers(editor.open(COMPOSITE).faces[0].landmarks)
    found = (align.eye_centers(opened.faces[0].landmarks) + 0.5) / 2.5 - 0.5
    assert np.abs(found - small).max() < 0.01 * np.hypot(*(small[1] - small[0]))


@pytest.fixture
def threads():
    before = cv2.getNumThreads()
    yield cv2.setNumThreads
    cv2.setNumThreads(before)


def test_threads_change_nothing(large, threads):
    height, width = large.shape[:2]
    box = (100, height - 50, 30, width - 70)
    shape = box[1] - box[0], box[3] - box[2]
    field = cv2.resize(np.random.default_rng(0).normal(scale=20, size=(8, 6, 2)).astype(np.float32), shape[::-1])
    made = []
    for count in (1, 3):
        threads(count)
        moved = portrait.warp_region(large, box, field)
        made.append(portrait.shade_photo(Photo(moved), box, 0.01 * field[..., 0]).pixels)
    np.testing.assert_array_equal(*made)
    assert (made[0] != large).mean() > 0.5
    field[-1, -1] = np.nan
    with pytest.raises(InputError, match='NaN'):
        portrait.warp_region(large, box, field)
