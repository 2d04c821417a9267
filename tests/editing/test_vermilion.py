"""Lips that meet get what lips at rest have and they lack: of those that suit them, and nothing elsewhere."""

import cv2
import numpy as np
import pytest
import skimage.data
from editing.test_mouth import MIDDLE, SIZE, lines, narrowing, openings

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align
from fvae_jax.editing import editor as editor_lib, portrait, seam as seam_lib, still, vermilion
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import WIDE
from fvae_jax.photo.photo import Photo

DISTANCE = WIDE.eye_distance * SIZE


def lips(depth, height=0.08):
    """A map of red lips around the line on which they meet, r of red, green and blue at their darkest."""
    across, down = np.meshgrid(vermilion.ACROSS, vermilion.DOWN)
    shape = np.exp(-((across / 0.7) ** 4) - (down / height) ** 4)
    return np.float32(shape[..., None] * np.array(depth))


def at_rest(depth):
    return vermilion.Resting(lips(depth), lips([1.0]), lips(depth))


def drawn(pixels, light, line, matrix):
    """A photo with a mouth like a map where its lips meet."""
    x, y = np.moveaxis(align.transform_points(matrix, np.moveaxis(np.indices(pixels.shape[:2])[::-1], 0, -1)), -1, 0)
    column = np.interp(x, vermilion.columns(*line.corners), np.arange(len(vermilion.ACROSS)), -9, -9)
    row = np.interp((y - line.middle(x)) / DISTANCE, vermilion.DOWN, np.arange(len(vermilion.DOWN)), -9, -9)
    light = cv2.remap(light, np.float32(column), np.float32(row), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.rint(pixels * np.exp(light)).astype(pixels.dtype)


def skin(side, dtype=np.uint8):
    """Skin in a light that falls off to the right and down, (side, side, 3)."""
    y, x = np.indices((side, side), np.float32) / side
    light = np.exp(-0.4 * x - 0.2 * y)[..., None] * np.array([0.75, 0.55, 0.45])
    return np.rint(light * np.iinfo(dtype).max).astype(dtype)


def seam(left=0.0):
    wanted = openings(np.zeros((SIZE, SIZE), np.float32)).own * left
    return seam_lib.find(openings(wanted), lines(16, 6), 512, narrowing(0.4), WIDE)


def similarity(degrees, scale):
    """The transform of a photo, (420·scale) px a side, into the crop."""
    to_photo = cv2.getRotationMatrix2D((63.5, 63.5), degrees, scale)
    to_photo[:, 2] += 150 * scale
    return align.invert(to_photo), round(420 * scale)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_mouth_is_seen_beside_its_skin_in_any_light(dtype):
    want = lips([-0.15, -0.5, -0.35])
    at = vermilion.places(200, 320, np.full(len(vermilion.ACROSS), 300.0), 133.0)
    steps = 168 / (len(vermilion.ACROSS) - 1), 133 * 0.55 / (len(vermilion.DOWN) - 1)
    columns, rows = (np.float32((np.arange(512) - at[..., axis].min()) / step) for axis, step in enumerate(steps))
    drawn = cv2.remap(want, *np.meshgrid(columns, rows), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    pixels = np.rint(skin(512, dtype) * np.exp(drawn)).astype(dtype)
    found = vermilion.seen(pixels, at, 133.0)
    blurred = cv2.GaussianBlur(want, (0, 0), 0.02 * 133 / steps[0], sigmaY=0.02 * 133 / steps[1])
    np.testing.assert_allclose(found, blurred, atol=0.03)  # what is added to light takes a little off dark places
    assert np.abs(vermilion.seen(skin(512, dtype), at, 133.0)).max() < 0.01


@pytest.mark.parametrize('degrees, scale', [(0, 1.0), (25, 3.0)])
def test_what_is_missing_is_added_where_lips_are_and_not_twice(degrees, scale):
    matrix, side = similarity(degrees, scale)
    rest, line, box = at_rest([-0.1, -0.3, -0.2]), seam(), (0, side, 0, side)
    photo = Photo(skin(side))
    r = vermilion.missing(photo.pixels, box, line, matrix, rest, DISTANCE)
    at = np.rint(align.transform_points(align.invert(matrix), [(MIDDLE[0], line.middle(MIDDLE[:1])[0])]))[0].astype(int)
    np.testing.assert_allclose(r[at[1], at[0]], [-0.1, -0.3, -0.2], atol=0.03)
    y, x = np.mgrid[:side, :side]
    in_crop = align.transform_points(matrix, np.stack([x, y], -1))
    half = (line.corners[1] - line.corners[0]) / 2
    far = np.abs(in_crop[..., 0] - MIDDLE[0]) > 1.35 * half
    far |= np.abs(in_crop[..., 1] - MIDDLE[1]) > 0.35 * DISTANCE
    assert not r[far].any()
    again = vermilion.missing(portrait.shade_photo(photo, box, r).pixels, box, line, matrix, rest, DISTANCE)
    assert np.abs(again).max() < 0.25 * np.abs(r).max()


def test_beards_and_lipstick_stay():
    """What is darker than lips at rest is hardly made lighter."""
    matrix, side = similarity(0, 2.0)
    dark = skin(side)
    x, y = np.rint(align.transform_points(align.invert(matrix), [MIDDLE]))[0].astype(int)
    dark[y - 12 : y + 12, x - 40 : x + 40] //= 3
    r = vermilion.missing(dark, (0, side, 0, side), seam(), matrix, at_rest([-0.1, -0.3, -0.2]), DISTANCE)
    assert r[y, x].max() < 0.03


def test_lips_that_do_not_meet_get_nothing():
    matrix, side = similarity(0, 2.0)
    half_open = seam(0.5)
    assert half_open.met() == 0 and seam().met() > 0.9
    r = vermilion.missing(skin(side), (0, side, 0, side), half_open, matrix, at_rest([-0.1, -0.3, -0.2]), DISTANCE)
    assert not r.any()


def test_lips_that_suit_a_mouth_are_chosen_and_keep_most_of_its_color():
    """By their height, since what is painted has the color of paint."""
    heights, depth = (0.03, 0.08, 0.13), np.array([-0.1, -0.4, -0.3])
    known = [np.concatenate([lips(depth, h) / vermilion.STEP, lips([vermilion.WHOLE], h)], -1) for h in heights]
    known = bundle_lib.Lips(None, None, np.int8(np.rint(known)))
    matrix, side = similarity(0, 2.0)
    paint = np.array([0.05, -0.3, -0.2])
    for height, share in zip(heights, (0.5, 0.6, 0.6)):  # the paint fades out with the lips, as drawn here
        face = drawn(skin(side), lips(depth + paint, height), seam(), matrix)
        found = vermilion.chosen(known, face, seam(), matrix, DISTANCE)
        np.testing.assert_allclose(found.share, lips([1.0], height), atol=0.02)
        added = (found.light - lips(depth, height))[66, 140]
        np.testing.assert_allclose(added, share * vermilion._KEPT * paint, atol=0.03)
    np.testing.assert_allclose(found.around, found.around[:, ::-1], atol=1e-6)


@pytest.fixture(scope='module')
def editors():
    """The built-in model with and without lips at rest."""
    known = bundle_lib.load()
    return fvae_jax.load(), editor_lib.Editor(known._replace(lips=known.lips._replace(resting=None)))


def test_a_smile_that_goes_leaves_redder_lips_in_color_and_gray_ones_in_gray(editors):
    """And only near the mouth, and only if more than pixels may be moved."""
    pixels = skimage.data.astronaut()
    photos = [still.EditablePhoto(editor, Photo(pixels), align.detect_faces(pixels)) for editor in editors]
    edits = [photo.edit(neutral=1.0) for photo in photos]
    reddened, plain = (edit.photo.pixels.astype(int) for edit in edits)
    changed = (reddened != plain).any(-1)
    in_crop = align.transform_points(photos[0].matrix(1), np.argwhere(changed)[:, ::-1])
    assert changed.sum() > 100 and (np.abs(in_crop - [63.5, 88]) < [32, 26]).all()
    redness = lambda values: (values[..., 0] - values[..., 1])[changed].mean()
    assert redness(reddened) > redness(plain) + 1
    moved = [photo.edit(neutral=1.0, pixels_only=True).photo.pixels for photo in photos]
    np.testing.assert_array_equal(*moved)
    gray = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, -1)
    edited = still.EditablePhoto(editors[0], Photo(gray), align.detect_faces(pixels)).edit(neutral=1.0).photo.pixels
    assert (edited == edited[..., :1]).all()


def test_lips_at_rest_of_another_shape_are_refused():
    known = bundle_lib.load()
    with pytest.raises(InputError, match='another copy of the model file'):
        editor_lib.Editor(known._replace(lips=known.lips._replace(resting=np.zeros((2, 3, 4, 4), np.int8))))
