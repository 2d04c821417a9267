"""Teeth from exemplars: placed by the eyes and the upper lip, lit like the face, and only where a mouth opens."""

import numpy as np
import pytest
import skimage.data
from editing import models

from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align, lips
from fvae_jax.editing import content, editor as editor_lib, exemplar, portrait, still
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import TIGHT
from fvae_jax.photo.photo import Photo

SIZE = 64
DISTANCE = TIGHT.eye_distance * SIZE
PHOTO = Photo(skimage.data.astronaut())


def opening(width, height, top=44.0, middle=31.5):
    """An opening of a crop, px."""
    x = middle + width / 2 * np.cos(np.linspace(0, 2 * np.pi, 60))
    y = top + height / 2 * (1 + np.sin(np.linspace(0, 2 * np.pi, 60)))
    return lips.inside(np.stack([x, y], -1), SIZE)


GRAY = np.zeros((SIZE, SIZE, 3), np.float32)  # of light 0.5


def test_the_middles_of_the_upper_lips_meet_and_the_scale_is_that_of_the_eyes():
    alpha = opening(16, 8, top=44.0, middle=30.0)
    placed = exemplar.place(exemplar.Donor(models.mouths(), 0, 1.0), GRAY, alpha, TIGHT)
    scale = 80 / DISTANCE
    np.testing.assert_allclose(placed.teeth.matrix[:, :2], scale * np.eye(2), rtol=1e-6)
    # 0.02 eye distances under the lip; the contour is known to a fraction of a pixel.
    np.testing.assert_allclose(placed.teeth.matrix @ [30, 44, 1], [50, 20 + 0.02 * 80], atol=0.6 * scale)
    enlarged = exemplar.place(exemplar.Donor(models.mouths(), 0, 1.14), GRAY, alpha, TIGHT)
    np.testing.assert_allclose(enlarged.teeth.matrix[0, 0], scale / 1.14)


def test_teeth_belong_to_the_skull():
    """A lip that rises less than in the exemplars' expression covers them, one that rises farther takes them along."""
    smiling = opening(16, 8, top=44.0, middle=30.0)
    donor = exemplar.choose(models.mouths(), GRAY, smiling, TIGHT)
    np.testing.assert_allclose(donor.lip, [30, 44], atol=0.6)
    at = lambda alpha: exemplar.place(donor, GRAY, alpha, TIGHT).teeth.matrix
    np.testing.assert_array_equal(at(opening(8, 14, top=46.0, middle=31.0)), at(smiling))
    raised = at(opening(16, 8, top=41.0, middle=31.0))
    np.testing.assert_allclose((raised - at(smiling))[:, 2], [0, 3 * raised[0, 0]], atol=0.3 * raised[0, 0])


def test_nothing_is_placed_where_nothing_opens():
    for alpha in (np.zeros((SIZE, SIZE)), 0.4 * opening(16, 8), opening(2, 1)):
        assert exemplar.place(exemplar.Donor(models.mouths(), 0, 1.0), GRAY, np.float32(alpha), TIGHT) is None


def test_the_one_that_covers_the_opening_is_chosen_and_of_two_the_one_lit_alike():
    wide = opening(0.9 * DISTANCE, 5)
    assert exemplar.choose(models.mouths(widths=(0.5, 1.0)), GRAY, wide, TIGHT).number == 1
    assert exemplar.choose(models.mouths(widths=(1.0, 0.5)), GRAY, wide, TIGHT).number == 0
    alike = models.mouths(widths=(1.0, 1.0), light=(0.2, 0.5))
    assert exemplar.choose(alike, GRAY, wide, TIGHT).number == 1
    assert exemplar.choose(alike, GRAY - 0.6, wide, TIGHT).number == 0
    # Corners of the mouth may be dark, and so may be what is above the lower lip.
    assert exemplar.choose(models.mouths(widths=(0.92, 1.0)), GRAY, wide, TIGHT).number == 0
    # Teeth that are too narrow are enlarged, where nobody else's are wide enough.
    assert exemplar.choose(models.mouths(widths=(0.7, 0.3)), GRAY, wide, TIGHT).zoom == 1.16
    own = models.mouths(widths=(0.7,), light=(0.5,))
    assert exemplar.choose(own, GRAY, wide, TIGHT).zoom == 1  # one's own are as large as they are


def test_teeth_are_darker_towards_the_corners_of_the_mouth():
    alpha = opening(20, 10)
    shading = exemplar.place(exemplar.Donor(models.mouths(), 0, 1.0), GRAY, alpha, TIGHT).shading[50]
    assert (
        shading[31] > 0.97
        and 0.7 < shading[40] / shading[31] < 0.95
        and shading[40] == pytest.approx(shading[23], abs=5e-3)
    )
    assert (np.diff(shading[32:41]) <= 1e-6).all()


def test_the_upper_lip_shades_the_teeth_of_a_mouth_that_opens_wide_and_of_no_smile():
    shaded = lambda alpha: exemplar.place(exemplar.Donor(models.mouths(), 0, 1.0), GRAY, alpha, TIGHT).shading[:, 31]
    wide, smile = shaded(opening(20, 12)), shaded(opening(20, 0.13 * DISTANCE))
    assert wide[46] < 0.85 * wide[52] and (np.diff(wide[45:52]) >= 0).all()
    assert smile[45] > 0.8


def test_what_a_network_paints_in_a_mouth_is_the_dark_around_teeth():
    color = exemplar.beyond(np.full((SIZE, SIZE, 3), 0.4, np.float32), TIGHT)
    eyes, mouth = round(SIZE * TIGHT.eye_y), round(SIZE * (TIGHT.eye_y + 0.9 * TIGHT.eye_distance))
    np.testing.assert_allclose(color[: eyes + 3], 0.4, atol=1e-6)
    light = (color[mouth, 32] + 1) / 1.4
    np.testing.assert_allclose(light, [0.40, 0.30, 0.28], atol=1e-6)


def test_teeth_follow_the_light_of_the_face_a_little():
    donor, alpha = exemplar.Donor(models.mouths(), 0, 1.0), opening(16, 8)
    alike = exemplar.place(donor, GRAY, alpha, TIGHT).teeth.gain
    darker = exemplar.place(donor, GRAY - 0.4, alpha, TIGHT).teeth.gain
    lighter = exemplar.place(donor, GRAY + 0.8, alpha, TIGHT).teeth.gain
    darkest = exemplar.place(donor, GRAY - 0.9, alpha, TIGHT).teeth.gain
    np.testing.assert_allclose(alike, 1, atol=1e-6)
    np.testing.assert_allclose(darker, 0.6**0.35, rtol=1e-5)
    np.testing.assert_allclose(lighter, 1.8**0.35, rtol=1e-5)
    np.testing.assert_allclose(darkest, 0.75, rtol=1e-5)  # bounded: teeth are light in dark faces too
    reddish = exemplar.place(donor, GRAY + np.float32([0.3, 0, -0.3]), alpha, TIGHT).teeth.gain
    assert 1.15 > reddish[0] > reddish[1] > reddish[2] > 0.8


@pytest.mark.parametrize('side', [64, 100, 512])
def test_it_is_laid_over_painted_colors_at_any_resolution(side):
    """Inside the exemplar's lips its colors, outside the painted ones; lips shade it near the edge."""
    alpha = opening(0.8 * DISTANCE, 7)
    placed = exemplar.place(exemplar.Donor(models.mouths(), 0, 1.0), GRAY, alpha, TIGHT)
    crop = np.full((side, side, 3), -0.2, np.float32)
    made = content.lay_on_crop(crop, content.Content(alpha, np.full_like(GRAY, -0.9), placed), texture=False)
    where = np.float32([31.5, 47.5]) * side / SIZE
    column, row = np.rint(where).astype(int)
    teeth = made[row - side // 64 : row + side // 64 + 1, column - side // 16 : column + side // 16].mean((0, 1))
    assert 0.2 < teeth[0] < 0.9 and teeth[0] > teeth[2]
    np.testing.assert_array_equal(made[: side // 2], crop[: side // 2])
    short = exemplar.place(exemplar.Donor(models.mouths(widths=(0.3,), light=(0.5,)), 0, 1.0), GRAY, alpha, TIGHT)
    made = content.lay_on_crop(crop, content.Content(alpha, np.full_like(GRAY, -0.9), short), texture=False)
    assert made[row, column + round(0.3 * DISTANCE * side / SIZE)].mean() < -0.8  # past its corner


def test_fine_teeth_do_not_shimmer_in_a_small_photo():
    """Stripes of one pixel in two, four times reduced, are gray."""
    shown = models.mouths()
    shown.pixels[0, :, ::2, :3] = 0
    placed = exemplar.place(exemplar.Donor(shown, 0, 1.0), GRAY, opening(16, 8), TIGHT)
    row = placed.over(GRAY - 1, np.eye(2, 3), np.ones((SIZE, SIZE), np.float32))[47, 26:38]
    assert np.ptp(row.mean(1)) < 0.25 and placed.teeth.matrix[0, 0] > 3.5


def test_a_cavity_is_stretched_to_a_wide_opening_and_teeth_lie_over_it():
    cavity = np.zeros((40, 60, 4), np.uint8)
    cavity[5:35, 10:50] = (120, 20, 20, 255)
    shown = models.mouths()._replace(cavity=cavity, cavity_light=np.float32([0.5] * 3))
    donor = exemplar.Donor(shown, 0, 1.0)
    assert exemplar.place(donor, GRAY, opening(0.7 * DISTANCE, 0.1 * DISTANCE), TIGHT).cavity is None
    wide = opening(0.6 * DISTANCE, 0.5 * DISTANCE, top=40.0, middle=31.5)
    placed = exemplar.place(donor, GRAY, wide, TIGHT)
    assert placed.cavity.share == 1
    # The middle of the opening shows that of the cavity, its edges about those of the cavity.
    np.testing.assert_allclose(placed.cavity.matrix @ [31.5, 40 + 0.25 * DISTANCE, 1], [29.5, 19.5], atol=0.3)
    np.testing.assert_allclose(
        placed.cavity.matrix @ [31.5 + 0.3 * DISTANCE, 40 + 0.25 * DISTANCE, 1], [29.5 + 23, 19.5], atol=2.5
    )
    made = placed.over(GRAY, np.eye(2, 3), placed.shading)
    low = np.rint([31.5, 40 + 0.4 * DISTANCE]).astype(int)
    np.testing.assert_allclose(made[low[1], low[0]], [204 / 127.5 - 1, 34 / 127.5 - 1, 34 / 127.5 - 1], atol=0.02)
    assert made[43, 33, 2] > 0.1  # a tooth, in the shadow of the upper lip
    less = exemplar.place(donor, GRAY, opening(0.6 * DISTANCE, 0.18 * DISTANCE), TIGHT).cavity
    assert 0.2 < less.share < 0.8


def test_a_lower_lip_reaches_up_to_the_teeth_of_a_smile_and_not_of_a_cry():
    smile, cry = opening(0.8 * DISTANCE, 0.4 * DISTANCE), opening(0.8 * DISTANCE, 0.9 * DISTANCE)  # teeth: 0.3 high
    donor = exemplar.Donor(models.mouths(), 0, 1.0)
    for alpha, lower in ((smile, True), (cry, False)):
        placed = exemplar.place(donor, GRAY, alpha, TIGHT)
        fitted, shaded = exemplar.fitted(alpha, placed, TIGHT)
        rows = [np.flatnonzero(values[:, SIZE // 2] > 0.5)[-1] for values in (alpha, fitted)]
        shown = np.flatnonzero(exemplar._shown(placed, SIZE)[:, SIZE // 2] > 0.5)[-1]
        assert rows[1] == (pytest.approx(shown + 0.03 * DISTANCE, abs=1) if lower else rows[0])
        assert np.all(fitted <= alpha) and (lower or np.array_equal(fitted, alpha))
        assert (shaded.shading == placed.shading).all() != lower and shaded.teeth is placed.teeth


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle(content=True)._replace(exemplars=models.mouths()))


def test_edits_show_them_and_strength_0_is_the_photo(editor):
    opened = still.EditablePhoto(editor, PHOTO, align.detect_faces(PHOTO.pixels))
    face = opened.encoded(1)
    assert face.donor is not None
    plain = editor_lib.Editor(editor.bundle._replace(exemplars=None))
    without = still.EditablePhoto(plain, PHOTO, opened.faces)
    assert without.encoded(1).donor is None
    np.testing.assert_array_equal(opened.edit(smile=0.0).photo.pixels, PHOTO.pixels)
    latent = editor.edited_latent(face, {'smile': 3.0})
    change = editor.change(face, latent)
    assert change.content.exemplar is not None and editor.change(face, latent, anchor=False).content.exemplar is None
    made, painted = (one.edit(smile=3.0).photo.pixels for one in (opened, without))
    assert (made != painted).any()
    # The donor is the face's, not the edit's.
    weaker = editor.change(face, editor.edited_latent(face, {'smile': 2.5})).content.exemplar
    np.testing.assert_array_equal(weaker.teeth.pixels, change.content.exemplar.teeth.pixels)


def test_a_model_file_holds_them(editor, tmp_path):
    path = tmp_path / 'model.safetensors'
    shown = editor.bundle.exemplars
    whole = shown._replace(cavity=shown.pixels[1], cavity_light=shown.light[1])
    bundle_lib.save(path, editor.bundle._replace(exemplars=whole), half=True)
    read = bundle_lib.load(path).exemplars
    for name, value in whole._asdict().items():
        np.testing.assert_array_equal(getattr(read, name), value)
        assert np.asarray(getattr(read, name)).dtype == np.asarray(value).dtype
    bundle_lib.save(path, editor.bundle._replace(exemplars=None))
    assert bundle_lib.load(path).exemplars is None
    for broken in (
        {'pixels': shown.pixels[..., :3]},
        {'lip': shown.lip[:1]},
        {'light': shown.light + np.float32(np.nan)},
        {'eye_distance': 0.0},
        {'expression': 'no/name'},
        {'cavity': shown.pixels[0]},
        {'cavity': shown.pixels[0, ..., :3], 'cavity_light': shown.light[0]},
    ):
        bundle_lib.save(path, editor.bundle._replace(exemplars=shown._replace(**broken)))
        with pytest.raises(InputError, match='damaged'):
            bundle_lib.load(path)


def test_a_part_of_a_photo_maps_to_the_same_crop():
    matrix = np.array([[0.5, 0.1, 3.0], [-0.1, 0.5, -2.0]])
    np.testing.assert_allclose(portrait.crop_matrix(matrix, (20, 30)) @ [1, 2, 1], matrix @ [21, 32, 1])
