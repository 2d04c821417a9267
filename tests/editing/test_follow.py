"""Faces of films are followed where they go, keep their numbers, and come and go softly."""

import cv2
import films
import numpy as np
import pytest

from fvae_jax.data import align
from fvae_jax.editing import follow
from fvae_jax.editing.stream import ahead, windows
from fvae_jax.photo.frame import Picture

SIZE = (320, 240)
MIDDLE = (322, 360)  # of the composite face


class Item:
    def __init__(self, rgb):
        self.frame = Picture(rgb)


def settled(frames):
    return list(follow.settle(follow.follow(map(Item, frames))))


def moved(count, **options):
    """Motions of the composite face, which has 47 px between its eyes."""
    return films.motion(count, SIZE, None, MIDDLE, 0.4, **options)


@pytest.fixture(scope='module')
def landmarks():
    """Those of the composite face itself."""
    (face,) = align.detect_faces(films.composite())
    return face.landmarks


def test_a_face_is_followed_to_a_hundredth_of_the_distance_between_its_eyes(landmarks):
    matrices = moved(45)
    raw = list(follow.follow(map(Item, films.carried(films.composite(), matrices, SIZE, noise=3))))
    smooth = list(follow.settle(raw))
    errors, tremble = {}, {}
    for kind, found in (('raw', raw), ('smooth', smooth)):
        assert [sorted(here.faces) for here in found] == [[1]] * 45 and {here.shot for here in found} == {0}
        truth = [align.transform_points(matrix, landmarks) for matrix in matrices]
        eyes = [np.hypot(*np.subtract(*align.eye_centers(points))) for points in truth]
        off = [(align.eye_centers(here.faces[1]) - align.eye_centers(t)) / e for here, t, e in zip(found, truth, eyes)]
        errors[kind] = np.hypot(*np.moveaxis(off, -1, 0)).mean()
        tremble[kind] = np.abs(np.diff(off, n=2, axis=0)).mean()
    assert errors['smooth'] < 0.01 and errors['smooth'] < errors['raw'] * 1.05
    assert tremble['smooth'] < 0.35 * tremble['raw']
    assert all(here.presence == {1: 1.0} and here.main == 1 for here in smooth)


def test_a_face_that_leaves_fades_and_comes_back_under_its_number():
    matrices = moved(70, turn=0, zoom=(1, 1), shift=0)
    matrices[:, 0, 2] += 260 * np.clip(1.6 - np.abs(np.arange(70) - 34) / 12, 0, 1)
    found = settled(films.carried(films.composite(), matrices, SIZE))
    presence = np.array([here.presence.get(1, 0.0) for here in found])
    assert {number for here in found for number in here.faces} == {1} and {here.shot for here in found} == {0}
    gone = np.flatnonzero(presence == 0)
    assert presence[0] == 1 and presence[-1] == 1 and 20 < gone.mean() < 48 and 10 < len(gone) < 45
    assert np.abs(np.diff(presence)).max() < 0.3  # never at once
    assert ((presence > 0) & (presence < 1)).sum() >= 8


def test_cuts_begin_shots_and_numbers_stay():
    """Two people, then one of them alone elsewhere, then the other."""
    one, two = films.composite(), films.astronaut()[10:250, 115:331]
    canvas = np.full((240, 400, 3), 90, np.uint8)

    def shot(count, *placed):
        for n in range(count):
            frame = canvas.copy()
            for photo, x in placed:
                small = cv2.resize(photo, (180, 200), interpolation=cv2.INTER_AREA)
                frame[20:220, x + n : x + n + 180] = small
            yield frame

    found = settled([*shot(12, (one, 0), (two, 200)), *shot(12, (two, 10)), *shot(12, (one, 190))])
    assert [here.shot for here in found] == [0] * 12 + [1] * 12 + [2] * 12
    left, right = (min(found[0].faces, key=lambda n, s=s: s * found[0].faces[n][0, 0]) for s in (1, -1))
    assert {left, right} == {1, 2}
    assert all(sorted(here.faces) == [1, 2] for here in found[:12])
    assert all(list(here.faces) == [right] and here.main == right for here in found[12:24])
    assert all(list(here.faces) == [left] and here.main == left for here in found[24:])
    # Nothing fades at a cut, and nobody is smoothed across it.
    assert all(share == 1 for here in found for share in here.presence.values())
    eyes = [align.eye_centers(here.faces[right])[0, 0] for here in found[12:24]]
    np.testing.assert_allclose(np.diff(eyes), 1, atol=0.5)


def test_windows_look_ahead_and_back():
    seen = list(windows(iter(range(7)), 2))
    assert [item for item, _ in seen] == list(range(7))
    for n, around in seen:
        assert around == [(other, other - n) for other in range(max(n - 2, 0), min(n + 3, 7))]
    taken = []
    stream = windows((taken.append(n) or n for n in range(100)), 3)
    next(stream)
    assert taken == [0, 1, 2, 3]  # no farther than it must
    assert list(windows(iter([]), 2)) == []


def test_working_ahead():
    taken, closed = [], []

    def numbers(last=None):
        try:
            for n in range(100):
                taken.append(n)
                if n == last:
                    raise ValueError('no more')
                yield n
        finally:
            closed.append(True)

    assert list(ahead(numbers(), 3)) == list(range(100)) and closed == [True]
    taken.clear()
    stream = ahead(numbers(), 3)
    assert [next(stream), next(stream)] == [0, 1]
    stream.close()
    assert len(taken) < 10 and closed == [True, True]  # the thread has ended
    with pytest.raises(ValueError, match='no more'):
        list(ahead(numbers(5), 3))
