"""Drawn faces: they are faces, they move as said, and the same seed draws the same set."""

import itertools

import cv2
import numpy as np
import pytest

from fvae_jax import config as config_lib
from fvae_jax.data import align, sets
from fvae_jax.data.drawn import expressions
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.data.drawn.paint import grid
from fvae_jax.data.drawn.traits import EYE_X, EYE_Y, MIDLINE, UNITS
from fvae_jax.ops.frame import TIGHT

MOVED = expressions.EXPRESSIONS[1:]


@pytest.fixture(scope='module')
def people():
    return [DrawnFace(seed=2, index=i, size=128) for i in range(6)]


@pytest.fixture(scope='module')
def examples():
    return list(sets.draw(3, 64, (0.5, 1.0)))


def _warp(image, displacement):
    x, y = np.meshgrid(*[np.arange(image.shape[0], dtype=np.float32)] * 2)
    positions = np.stack([x, y], -1) + np.float32(displacement)
    return cv2.remap(image, positions, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _psnr(a, b, where=slice(None)):
    return 10 * np.log10(255**2 / np.mean((np.float64(a) - b)[where] ** 2))


def test_examples_have_the_fields_of_a_set(examples):
    assert len(examples) == 3 * (1 + 5 * 2)
    names = [(e['identity'], e['expression'], e['strength']) for e in examples]
    assert len(set(names)) == len(names)
    assert len({e['file'] for e in examples}) == len(names)
    assert names[0] == ('synthetic_0000', 'neutral', 0.0)
    assert {e['expression'] for e in examples} == set(expressions.EXPRESSIONS)
    for example in examples:
        assert example['image'].shape == (64, 64, 3) and example['image'].dtype == np.uint8
        assert example['displacement'].shape == (64, 64, 2)
        assert example['displacement'].dtype == np.float16
        assert example['exposed'].shape == (64, 64) and example['exposed'].dtype == bool
        assert example['reference'].endswith('neutral_000') and example['origin'] == 'synthetic'


def test_the_same_people_in_the_same_pictures_however_many(examples):
    again = list(sets.draw(1, 64, (0.5, 1.0)))
    for first, second in zip(examples, again):
        assert first.keys() == second.keys()
        for key in first:
            assert np.array_equal(first[key], second[key]), key
    other = DrawnFace(seed=5, index=0, size=64).image('neutral', 0.0)
    assert not np.array_equal(other, examples[0]['image'])


def test_the_neutral_face_does_not_move(people):
    displacement, exposed = people[0].displacement('neutral', 0.0)
    assert not exposed.any() and not displacement.any()
    assert np.array_equal(people[0].image('neutral', 0.0), people[0].image('scream', 0.0))


def test_people_differ(people):
    images = [face.image('neutral', 0.0) for face in people]
    for a, b in itertools.combinations(images, 2):
        assert _psnr(a, b) < 20
    # while one person's expressions are alike
    assert _psnr(images[0], people[0].image('squint', 1.0)) > 23


@pytest.mark.parametrize('expression', MOVED)
@pytest.mark.parametrize('strength', [0.25, 0.5, 1.0])
def test_displacement_warps_the_neutral_picture_to_the_expression(people, expression, strength):
    face = people[1]
    neutral, moved = face.image('neutral', 0.0), face.image(expression, strength)
    displacement, exposed = face.displacement(expression, strength)
    shown = ~exposed
    warped = _psnr(_warp(neutral, displacement), moved, shown)
    assert warped > 37
    # Controls: no field, the field of another strength, and the field in another place.
    weaker, _ = face.displacement(expression, 0.6 * strength)
    for wrong in (np.zeros_like(weaker), weaker, np.roll(displacement, 8, 0)):
        assert warped > _psnr(_warp(neutral, wrong), moved, shown) + 2


@pytest.mark.parametrize('expression', MOVED)
def test_displacement_solves_the_closed_form(people, expression):
    """Q + s · D(q) = p at the q that p shows, for all skin."""
    face, strength = people[2], 0.75
    displacement, exposed = face.displacement(expression, strength)
    x, y = grid(face.size)
    q = np.stack([x, y], -1) + displacement * UNITS / face.size
    u, v = np.moveaxis(q, -1, 0)
    skin = ~exposed & (face.traits.eye_opening(u, v) < -0.3)
    upper = skin & (v < face.traits.lip_line(u) - 0.3)
    lower = skin & (v > face.traits.lip_line(u) + 0.3)
    for sheet, where in (('upper', upper), ('lower', lower)):
        assert where.sum() > 3000
        moved = face.motion.forward(expression, sheet, u, v)
        p = np.stack([x, y], -1)
        assert np.abs(q + strength * moved - p)[where].max() < 0.05
        if sheet == 'upper':  # control: another strength
            assert np.abs(q + 0.8 * moved - p)[where].max() > 0.1


def test_expressions_move_what_their_names_say():
    """Sizes of the motion at 128 px, for 20 people."""
    for index in range(20):
        face = DrawnFace(seed=2, index=index, size=16)
        t = face.traits

        def move(expression, x, y, sheet='upper', motion=face.motion):
            return motion.forward(expression, sheet, np.float32([64 + x]), np.float32([y]))[0]

        for side in (-1, 1):
            corner = side * t.mouth_width, t.lip_line(np.float32(64 + side * t.mouth_width))
            out, down = move('smile', *corner) * (side, 1)
            assert 4 <= np.hypot(out, down) <= 9 and out > 2 and down < -3
            assert -6.5 <= move('surprise', side * 18, t.brow_y)[1] <= -3
            assert move('squint', side * 12, t.brow_y)[1] > 1
            assert move('disgust', side * 9, t.nose_base - 4)[1] < -1.5
        assert move('scream', 0, t.chin_y, 'lower')[1] > 8
        middle = 0, float(t.lip_line(np.float32(64)))
        opening = move('scream', *middle, 'lower')[1] - move('scream', *middle)[1]
        assert opening > 12
        assert not move('squint', *middle, 'lower')[1] - move('squint', *middle)[1]


def test_only_opened_mouths_and_eyes_are_exposed(people):
    for face in people:
        squint, smile, surprise, scream = (
            face.displacement(e, 1.0)[1] for e in ('squint', 'smile', 'surprise', 'scream')
        )
        assert squint.sum() < 10  # lids only close
        assert 30 < smile.sum() < scream.sum()
        rows, columns = np.nonzero(scream[72:])
        assert columns.min() >= 0.30 * 128 and columns.max() <= 0.70 * 128 and rows.max() < 48
        assert surprise[:70].sum() > 5  # the upper lids rise
        half = face.displacement('scream', 0.5)[1]
        assert 0 < half.sum() < scream.sum() and (half & scream).sum() > 0.6 * half.sum()


def test_exposed_pixels_are_where_the_picture_cannot_be_warped(people):
    face = people[3]
    neutral, scream = face.image('neutral', 0.0), face.image('scream', 1.0)
    displacement, exposed = face.displacement('scream', 1.0)
    off = np.abs(_warp(neutral, displacement).astype(float) - scream).mean(-1)
    assert off[exposed].mean() > 15 * off[~exposed].mean()
    shuffled = np.roll(exposed, 30, 0)
    assert off[shuffled].mean() < 5 * off[~shuffled].mean()


def test_eyes_are_where_alignment_puts_them(people):
    for face in people:
        x, y = grid(128)
        inside = face.traits.eye_opening(x, y) > 0
        for half, (eye_x, eye_y) in zip((np.s_[:, :64], np.s_[:, 64:]), TIGHT.eye_centers(128)):
            rows, columns = np.nonzero(inside[half])
            middle = (columns.min() + columns.max()) / 2 + half[1].indices(128)[0], (rows.min() + rows.max()) / 2
            np.testing.assert_allclose(middle, (eye_x, eye_y), atol=1.5)


def test_sizes_show_the_same_person():
    small, large = (DrawnFace(seed=2, index=7, size=s).image('surprise', 1.0) for s in (64, 128))
    halved = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
    assert _psnr(small, halved) > 30


def test_skin_has_texture_that_survives_128_px(people):
    cheeks = (slice(78, 88), slice(36, 46))
    for face in people:
        gray = cv2.cvtColor(face.image('neutral', 0.0), cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine = (gray - cv2.GaussianBlur(gray, (0, 0), 2))[cheeks]
        assert fine.std() / gray[cheeks].mean() > 0.008


def _five_points(face):
    """Corners of the eyes and bottom of the nose as drawn, in dlib's order, px."""
    t = face.traits
    eye = np.array([(EYE_X + t.eye_width, EYE_Y - t.eye_tilt), (EYE_X - t.eye_width, EYE_Y + t.eye_tilt)])
    points = np.concatenate([eye, eye * (-1, 1), [(0.0, t.nose_base)]]) + (MIDLINE, 0.0)
    return points * (face.size / UNITS) - 0.5


def test_a_face_detector_finds_them():
    import dlib

    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(align.model_file('shape_predictor_5_face_landmarks'))
    found, off = 0, []
    for index in range(4):
        face = DrawnFace(seed=0, index=index, size=256)
        image = face.image('neutral', 0.0)
        boxes, scores, _ = detector.run(image, 0, 0.0)
        found += len(boxes) == 1
        for box in boxes[:1]:
            shape = predictor(image, box)
            points = np.array([(shape.part(i).x, shape.part(i).y) for i in range(5)])
            off.append(np.abs(points - _five_points(face)).mean())
        assert not detector.run(image[::-1].copy(), 0, 0.0)[0]  # control: upside down
    assert found == 4
    assert np.mean(off) < 6  # of 256 px, in dlib's order of the points


def test_the_built_set_is_what_is_drawn(tmp_path):
    settings = config_lib.default_config().data
    settings.update(image_size=16, cache=str(tmp_path), identities=2)
    faces = sets.open_set(settings)
    examples = list(sets.draw(2, 16, settings.strengths))
    assert [record.file for record in faces.records] == [example['file'] for example in examples]
    for stored, example in zip((faces[i] for i in range(len(faces))), examples):
        for key in ('image', 'displacement', 'exposed', 'identity', 'expression'):
            assert np.array_equal(stored[key], example[key]), key
