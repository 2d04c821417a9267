"""Faces near and far, turned, tilted, small and cut: found once each; cloth, cats and stars are not."""

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from fvae_jax.data import align, detect

ASTRONAUT = skimage.data.astronaut()
EYES = np.array([[203.5, 102.0], [246.5, 104.5]])  # by hand
HEAD = Image.fromarray(ASTRONAUT).crop((110, 20, 334, 244))  # its face is 88 px wide


def group(heads, size=(2000, 1500)):
    """A gray picture with heads, (side, left, top) px each."""
    picture = Image.new('RGB', size, (150, 160, 170))
    for side, left, top in heads:
        picture.paste(HEAD.resize((side, side), Image.Resampling.LANCZOS), (left, top))
    return np.asarray(picture)


def test_small_faces_beside_a_near_one():
    far = [(240, 30 + 330 * n, 125) for n in range(6)]
    found = align.detect_faces(group([*far, (750, 625, 700)]))
    assert len(found) == 7
    assert found[0] is align.main_face(found) and found[0].width > 2.5 * found[1].width
    lefts = sorted(face.box[0] for face in found[1:])
    np.testing.assert_allclose(np.diff(lefts), 330, atol=12)


@pytest.mark.parametrize('turns', [1, 2, 3])
def test_photos_on_their_side_and_upside_down(turns):
    (upright,) = align.detect_faces(ASTRONAUT)
    (turned,) = align.detect_faces(np.rot90(ASTRONAUT, turns))
    x, y = upright.landmarks.T
    expected = {1: (y, 511 - x), 2: (511 - x, 511 - y), 3: (511 - y, x)}[turns]
    np.testing.assert_allclose(turned.landmarks, np.stack(expected, axis=1), atol=1)


@pytest.mark.parametrize('degrees', [45, 75])
def test_tilted_faces(degrees):
    matrix = cv2.getRotationMatrix2D((256, 256), degrees, 1)
    (face,) = align.detect_faces(cv2.warpAffine(ASTRONAUT, matrix, (512, 512)))
    np.testing.assert_allclose(align.eye_centers(face.landmarks), align.transform_points(matrix, EYES), atol=3)


@pytest.mark.parametrize('hidden, farthest', [(np.s_[:, 115:], 40), (np.s_[110:], 6)], ids=['eye', 'mouth'])
def test_faces_that_are_half_hidden(hidden, farthest):
    picture = np.array(HEAD)
    picture[hidden] = (60, 90, 160)
    (face,) = align.detect_faces(cv2.resize(picture, (448, 448)))
    left, right = 2 * (EYES - (110, 20) + 0.5) - 0.5
    found = align.eye_centers(face.landmarks)
    assert np.hypot(*(found[0] - left)) < 6  # of 86
    assert np.hypot(*(found[1] - right)) < farthest


def test_faces_of_24_px_and_faces_that_fill_the_photo():
    (small,) = align.detect_faces(group([(61, 300, 200)], (800, 600)))
    assert 18 < small.width < 30 < align.SMALL
    (tight,) = align.detect_faces(np.asarray(HEAD.crop((78, 78, 146, 140)).resize((680, 620))))
    np.testing.assert_allclose(align.eye_centers(tight.landmarks), 10 * (EYES - (188, 98) + 0.5) - 0.5, atol=60)


@pytest.mark.parametrize(
    'picture',
    [
        ASTRONAUT[300:500, :200],  # the patch of the mission
        skimage.data.chelsea(),
        skimage.data.coffee(),
        cv2.cvtColor(skimage.data.brick(), cv2.COLOR_GRAY2RGB),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((3, 2000, 3), np.uint8),
    ],
    ids=['patch', 'cat', 'coffee', 'brick', 'dot', 'line'],
)
def test_what_is_no_face(picture):
    assert align.detect_faces(picture) == []


def test_the_patch_is_dropped_where_it_is_large_too():
    photo = cv2.resize(ASTRONAUT, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert len(align.detect_faces(photo)) == 1


def test_the_detectors_eyes_are_taken_where_dlib_is_elsewhere(monkeypatch):
    seen = detect.search(ASTRONAUT)[0].points
    (sure,) = align.detect_faces(ASTRONAUT)
    assert np.abs(align.eye_centers(sure.landmarks) - EYES).max() < 2
    reading = align.read_landmarks
    monkeypatch.setattr(align, 'read_landmarks', lambda *arguments: reading(*arguments) + [30, 0])
    (lost,) = align.detect_faces(ASTRONAUT)
    assert np.abs(align.eye_centers(lost.landmarks) - EYES).max() < 5  # of 43
    assert np.abs(lost.landmarks[4] - seen[2]).max() < 1e-6


def test_opencv_says_nothing(capfd):
    detect._PER_THREAD.__dict__.clear()
    assert detect.search(ASTRONAUT)
    assert capfd.readouterr() == ('', '')
