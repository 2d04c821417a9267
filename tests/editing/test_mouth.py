"""Open mouths: lips that meet again show no teeth, and another opening starts from closed lips."""

import functools

import cv2
import numpy as np
import pytest
import skimage.data
from editing import models

import fvae_jax
from fvae_jax.data import align
from fvae_jax.editing import editor as editor_lib, exemplar, mouth, opening, portrait, seam as seam_lib, still
from fvae_jax.ops.frame import WIDE
from fvae_jax.photo.photo import Photo

SIZE = 128
MIDDLE = np.array([63.5, 92.0])


def ellipse(half_width, half_height, side=SIZE, middle=MIDDLE):
    """An opening, (side, side) in [0, 1], given in px of a crop of `SIZE`."""
    y, x = np.indices((side, side)) / (side / SIZE)
    far = np.hypot((x - middle[0]) / half_width, (y - middle[1]) / half_height)
    return np.clip((1 - far) * half_height * side / SIZE + 0.5, 0, 1).astype(np.float32)


def lines(half_width, half_height):
    """The edges of such an opening in a crop of 512 px."""
    seen = opening.outline(ellipse(half_width, half_height, 512))
    return opening.Opening(*seen)


def narrowing(share):
    """A displacement that makes what is near the line of the lips `share` less high."""
    y, x = np.indices((SIZE, SIZE), np.float32)
    near = np.exp(-(((y - MIDDLE[1]) / 14) ** 2) - ((x - MIDDLE[0]) / 24) ** 2)
    return np.stack([0 * y, near * (y - MIDDLE[1]) * (1 / (1 - share) - 1)], -1).astype(np.float32)


def openings(wanted, reopened=0.0):
    return mouth.Openings(ellipse(16, 6), wanted, np.zeros((SIZE, SIZE, 2), np.float32), reopened)


@pytest.mark.parametrize('degrees, scale', [(0, 1.0), (25, 3.0)])
@pytest.mark.parametrize('left', [0.0, 0.4])
def test_nothing_outside_of_the_wanted_opening_shows_the_inside_of_the_mouth(degrees, scale, left):
    wanted = ellipse(16, 6 * left) if left else np.zeros((SIZE, SIZE), np.float32)
    displacement, fine = narrowing(0.4), lines(16, 6)
    to_photo = cv2.getRotationMatrix2D((63.5, 63.5), degrees, scale)
    to_photo[:, 2] += 150 * scale
    matrix, shape = align.invert(to_photo), (round(420 * scale), round(420 * scale), 3)
    box, field = portrait.photo_displacement(displacement, matrix, shape)
    line = seam_lib.find(openings(wanted), fine, 512, displacement, WIDE)
    closed = seam_lib.close(box, field, line, matrix)

    carry = lambda values: portrait.photo_map(values, matrix, shape)[1]
    inside, may_show = carry(ellipse(16, 6)), carry(wanted)
    y, x = np.indices(inside.shape, np.float32)
    shows = lambda moves: cv2.remap(inside, x + moves[..., 0], y + moves[..., 1], cv2.INTER_LINEAR) > 0.6
    wrong = lambda moves: np.count_nonzero(shows(moves) & (may_show < 0.4)) / np.count_nonzero(inside > 0.5)
    assert wrong(field) > 0.1 and wrong(closed) < 0.01
    # What may show does, and nothing moves that is far away.
    kept = may_show > 0.95
    np.testing.assert_array_equal(closed[kept], field[kept])
    away = carry(ellipse(60, 40)) == 0
    assert away.any()
    np.testing.assert_array_equal(closed[away], field[away])


@pytest.mark.parametrize('degrees, scale', [(0, 1.0), (25, 3.0)])
def test_lips_that_meet_are_dark_where_they_touch_and_nowhere_else(degrees, scale):
    displacement, fine = narrowing(0.4), lines(16, 6)
    to_photo = cv2.getRotationMatrix2D((63.5, 63.5), degrees, scale)
    to_photo[:, 2] += 150 * scale
    matrix, shape = align.invert(to_photo), (round(420 * scale), round(420 * scale), 3)
    box, _ = portrait.photo_displacement(displacement, matrix, shape)

    def seam(left):
        wanted = ellipse(16, 6 * left) if left else np.zeros((SIZE, SIZE), np.float32)
        return seam_lib.find(openings(wanted), fine, 512, displacement, WIDE)

    crease = lambda line: seam_lib.drawn(line.crease, box, line, matrix)
    shut = crease(seam(0.0))
    at = lambda x, y: tuple(np.rint(align.transform_points(to_photo, (x, y)))[::-1].astype(int) - (box[0], box[2]))
    x, y = MIDDLE
    narrowed = 6 * 0.6  # by the flow; it is mostly the lower lip that comes the rest of the way
    assert y - narrowed < seam(0.0).upper.min() < y - 0.4 * narrowed
    y = seam(0.0).upper.min()
    assert -0.51 < shut[at(x, y)] < -0.25 and (shut <= 0).all()  # its line is as narrow as a px
    for place in ((x, y + 3), (x, y - 3), (x - 22, y), (x + 22, y), (x, 40)):
        assert shut[at(*place)] > -0.02
    # Half open they touch in the corners at most.
    assert crease(seam(0.5))[at(*MIDDLE)] == 0


@pytest.mark.parametrize('rotation', [0, 20])
def test_the_line_on_which_lips_meet_has_no_stairs(rotation):
    """Pixels of both sides are mixed by how much of them is on the other one."""
    to_photo = cv2.getRotationMatrix2D((63.5, 63.5), rotation, 2.0)
    to_photo[:, 2] += 100
    matrix = align.invert(to_photo)
    line = seam_lib.find(openings(np.zeros((SIZE, SIZE), np.float32)), lines(16, 6), 512, narrowing(0.4), WIDE)
    box = (0, 330, 0, 330)
    share = seam_lib.drawn(functools.partial(line.beyond, pixel=portrait.scale_of(matrix)), box, line, matrix)
    assert 0.3 < share.max() <= 0.5 and -0.5 <= share.min() < -0.3
    y, x = np.indices((330, 330), np.float32)
    at = align.transform_points(matrix, np.stack([x, y], -1))
    row = line._lines(at[..., 0])[0]
    above = at[..., 1] < row
    pixels = np.where(above[..., None], 200, 100).astype(np.uint8).repeat(3, -1)
    drawn = portrait.mixed(Photo(pixels), box, share).pixels[..., 0].astype(float)
    seen = share != 0
    # Seen from any column, the line lies where it is, not at the next whole pixel.
    columns = np.flatnonzero(seen.any(0))[4:-4]
    height = lambda values: ((values[:, columns] - 100) / 100).sum(0)
    wobble = lambda values: np.abs(np.diff(height(values), 2)).mean()
    assert len(columns) > 20 and wobble(drawn) < 0.5 * wobble(pixels[..., 0].astype(float))
    np.testing.assert_array_equal(drawn[~seen], pixels[..., 0][~seen])


def test_a_mouth_that_stays_as_it_is_is_left_alone():
    still, own = np.zeros((SIZE, SIZE, 2), np.float32), ellipse(16, 6)
    assert seam_lib.find(openings(own), lines(16, 6.5), 512, still, WIDE) is None
    assert mouth.another(own, own, still, WIDE) == 0


def test_an_opening_elsewhere_or_much_higher_is_another_one():
    still, own = np.zeros((SIZE, SIZE, 2), np.float32), ellipse(16, 6)
    assert mouth.another(own, ellipse(16, 14), still, WIDE) == 1
    assert mouth.another(own, ellipse(8, 8, middle=MIDDLE + [0, 9]), still, WIDE) == 1
    assert mouth.another(own, ellipse(14, 4), still, WIDE) == 0  # less of the same
    assert mouth.another(own, ellipse(23, 9.5), still, WIDE) == 0  # a wider smile shows more of the same teeth
    assert mouth.another(own, ellipse(1, 1, middle=MIDDLE + [0, 20]), still, WIDE) == 0  # too little to be an opening


def test_closing_and_opening_are_two_warps_in_one():
    image = np.ascontiguousarray(skimage.data.astronaut()[:256, 100:356]).astype(np.float32)
    y, x = np.indices((256, 256), np.float32)
    closing = np.stack([3 * np.sin(y / 30), 2 * np.cos(x / 25)], -1)
    opening = np.stack([2 * np.cos(y / 22), 4 * np.sin(x / 35)], -1)
    warp = lambda pixels, field: cv2.remap(pixels, x + field[..., 0], y + field[..., 1], cv2.INTER_CUBIC)
    both = warp(warp(image, closing), opening)[8:-8, 8:-8]
    once = warp(image, mouth.reopen(closing, opening))[8:-8, 8:-8]
    assert np.abs(once - both).mean() < 1.0 < np.abs(once - image[8:-8, 8:-8]).mean()


@pytest.fixture(scope='module')
def smiling():
    pixels = skimage.data.astronaut()
    return still.EditablePhoto(fvae_jax.load(), Photo(pixels), align.detect_faces(pixels))


def teeth(photo, pixels):
    """How many pixels of the mouth of a photo's face are pale."""
    crop = align.align_crop(pixels, portrait.scale_transform(photo.matrix(1), 4), 512)[310:440, 180:330]
    light, red, yellow = np.moveaxis(cv2.cvtColor(crop, cv2.COLOR_RGB2LAB).astype(int), -1, 0)
    return np.count_nonzero((light > 190) & (red < 133) & (yellow < 142))


def test_a_toothy_smile_ends_with_lips_that_touch(smiling):
    before = teeth(smiling, smiling.photo.pixels)
    counts = [teeth(smiling, smiling.edit(neutral=strength).photo.pixels) for strength in (0.67, 1.0)]
    assert before > 500 and before > 2 * counts[0] and counts[1] < 0.05 * before


def test_a_toothy_smile_that_grows_shows_more_of_its_teeth(smiling):
    """Some places of its corners close; the rest of the lips may not follow them."""
    counts = [teeth(smiling, smiling.edit(smile=strength).photo.pixels) for strength in (0.0, 0.4, 0.8, 1.2)]
    assert counts == sorted(counts) and counts[-1] > 1.2 * counts[0]


def test_lips_follow_a_wanted_opening_where_only_some_of_it_would_show_more():
    """An opening that the flow makes too low at one end only is closed at that end, and open elsewhere."""
    wanted = ellipse(16, 6)
    wanted[:, : round(MIDDLE[0]) - 6] = 0
    line = seam_lib.find(openings(wanted), lines(16, 6), 512, np.zeros((SIZE, SIZE, 2), np.float32), WIDE)
    columns = (np.arange(len(line.upper)) + line.columns[0] + 0.5) / line.unit - 0.5
    upper, lower = (np.interp(MIDDLE[0] + 5, columns, rows) for rows in (line.upper, line.lower))
    assert abs(upper - (MIDDLE[1] - 5.7)) < 0.7 and abs(lower - (MIDDLE[1] + 5.7)) < 0.7


def test_an_open_mouth_is_the_photo_at_strength_0(smiling):
    assert smiling.encoded(1).mouth is not None
    np.testing.assert_array_equal(smiling.edit(scream=0.0, neutral=0.0).photo.pixels, smiling.photo.pixels)


def test_a_model_without_content_looks_at_no_mouth():
    model = editor_lib.Editor(models.random_bundle())
    face = model.encode(np.zeros((64, 64, 3), np.uint8))
    assert model.with_mouth(face) is face


def test_teeth_of_another_photo_are_cut_once_for_all_strengths(smiling, monkeypatch):
    teeth = still.EditablePhoto(smiling.model, smiling.photo, smiling.faces)
    smiling.encoded(1)  # which looks for teeth of its own
    made, cut = [], exemplar.cut
    monkeypatch.setattr(exemplar, 'cut', lambda *args: made.append(cut(*args)) or made[-1])
    steps = list(smiling.sequence(2, surprise=1.0, teeth=teeth))
    assert len(made) == 1
    assert all(step.edit.teeth is teeth.teeth() for step in steps)


def test_the_mouth_of_a_photo_of_16_bits_is_cropped_before_it_gets_8(smiling, monkeypatch):
    pixels = smiling.photo.pixels.astype(np.uint16) * 257
    deep = still.EditablePhoto(smiling.model, Photo(pixels), smiling.faces)
    sizes, eight_bit = [], Photo.eight_bit
    monkeypatch.setattr(Photo, 'eight_bit', lambda photo: sizes.append(photo.size) or eight_bit(photo))
    teeth, wanted = deep.teeth(), smiling.teeth()
    assert sizes and deep.photo.size not in sizes
    # The same teeth but for what was rounded before.
    difference = np.abs(teeth.pixels.astype(int) - wanted.pixels)
    assert np.median(difference[wanted.pixels > 0]) <= 1 and difference.mean() < 1


def test_a_mouth_that_nearly_closes_closes():
    own = ellipse(16, 6)
    for share, left in ((0.2, 0.0), (0.4, 0.5), (0.6, 1.0), (1.5, 1.0)):
        wanted = np.float32(share) * own
        np.testing.assert_allclose(mouth.closed(own, wanted), left * wanted, atol=1e-6)
