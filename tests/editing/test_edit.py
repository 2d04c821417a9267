"""Whole photos: edits stay in the face, strength 0 changes nothing, files say how they were made."""

import cv2
import numpy as np
import pytest
import skimage.data
from editing import models
from PIL import Image

from fvae_jax.data import align
from fvae_jax.editing import editor as editor_lib, portrait, still
from fvae_jax.errors import InputError
from fvae_jax.photo.read import read_photo

ASTRONAUT = skimage.data.astronaut()


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle())


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
    """Photos of one and of two faces; the second of the two is the larger one."""
    folder = tmp_path_factory.mktemp('photos')
    large = cv2.resize(ASTRONAUT, None, fx=1.25, fy=1.25, interpolation=cv2.INTER_CUBIC)
    pair = np.concatenate([ASTRONAUT, large[:512, :512]], axis=1)
    named = {'one': ASTRONAUT, 'two': pair, 'none': np.full((200, 300, 3), 90, np.uint8)}
    for name, pixels in named.items():
        Image.fromarray(pixels).save(folder / f'{name}.png')
    return {name: folder / f'{name}.png' for name in named}


@pytest.fixture(scope='module')
def photo(editor, paths):
    return editor.open(paths['one'])


def test_only_the_region_of_the_face_changes(photo):
    edited = photo.edit(smile=1.0)
    y0, y1, x0, x1 = edited.box
    changed = (edited.photo.pixels != ASTRONAUT).any(axis=-1)
    assert changed[y0:y1, x0:x1].mean() > 0.3
    changed[y0:y1, x0:x1] = False
    assert not changed.any()
    np.testing.assert_array_equal(photo.photo.pixels, ASTRONAUT)


def test_the_edit_is_that_of_the_model(editor, photo):
    face = photo.encoded(1)
    latent = editor.edited_latent(face, {'smile': 0.7, 'surprise': 0.2})
    displacement = editor.displacement(face, latent)
    box, field = portrait.photo_displacement(displacement, photo.matrix(1), ASTRONAUT.shape)
    edited = photo.edit(smile=0.7, surprise=0.2)
    assert edited.box == box and field.any()
    np.testing.assert_array_equal(edited.field, field)


@pytest.mark.parametrize(
    'edit', [{}, {'smile': 0.0}, {'smile': 1.0, 'strength': 0.0}], ids=['nothing', 'smile=0', 'strength=0']
)
def test_strength_zero_is_the_photo(photo, edit):
    np.testing.assert_array_equal(photo.edit(**edit).photo.pixels, ASTRONAUT)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_strength_zero_of_twelve_megapixels_in_a_file(editor, tmp_path, dtype):
    pixels = cv2.resize(ASTRONAUT[:384], (4000, 3000), interpolation=cv2.INTER_CUBIC).astype(dtype)
    if dtype == np.uint16:
        pixels = pixels * 257 ^ np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint16)
    cv2.imwrite(str(tmp_path / 'in.png'), pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    editor.open(tmp_path / 'in.png').edit(smile=0.0).save(tmp_path / 'out.png')
    result = cv2.imread(str(tmp_path / 'out.png'), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, pixels)


def test_sixteen_bits_are_edited_as_eight(editor, photo, tmp_path):
    deep = ASTRONAUT.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / 'deep.png'), deep[..., ::-1])
    edited = editor.open(tmp_path / 'deep.png').edit(smile=5.0).photo.pixels
    assert edited.dtype == np.uint16
    assert np.unique(edited % 257).size > 100  # resampled values lie between those of 8 bits
    difference = edited / 257 - photo.edit(smile=5.0).photo.pixels
    assert np.abs(difference).max() < 1.25  # 0.5 by rounding, the rest by the finer crop, at the sharpest edges
    assert np.quantile(np.abs(difference), 0.999) < 0.75


def test_faces_are_numbered_by_size(editor, paths):
    two = editor.open(paths['two'])
    assert len(two.faces) == 2
    assert two.faces[0].box[0] > 512 > two.faces[1].box[2]  # the larger one is on the right
    assert two.numbers('all') == (1, 2) and two.numbers(2) == (2,)
    left, right = two.edit(face=2, smile=1.0), two.edit(face=1, smile=1.0)
    both = two.edit(face='all', smile=1.0).photo.pixels
    assert left.box[3] <= 512 <= right.box[2]
    np.testing.assert_array_equal(both[:, :512], left.photo.pixels[:, :512])
    np.testing.assert_array_equal(both[:, 512:], right.photo.pixels[:, 512:])
    np.testing.assert_array_equal(left.photo.pixels[:, 512:], two.photo.pixels[:, 512:])
    main = align.main_face(two.faces)
    assert two.faces[two.numbers(None)[0] - 1] is main
    with pytest.raises(InputError, match='has 2 faces and no face 3'):
        two.edit(face=3, smile=1.0)


def test_where_faces_overlap_their_displacements_add(editor, photo):
    again = still.EditablePhoto(editor, photo.photo, [*photo.faces, *photo.faces])
    once, twice = photo.edit(smile=1.0), again.edit(face='all', smile=1.0)
    np.testing.assert_array_equal(twice.field, 2 * once.field)


def test_a_face_is_encoded_once(editor, paths, monkeypatch):
    calls = []
    encode = editor.encode
    monkeypatch.setattr(editor, 'encode', lambda crop, **options: calls.append(1) or encode(crop, **options))
    two = editor.open(paths['two'])
    assert not calls
    for strength in (0.5, 1.0):
        two.edit(face=2, smile=strength)
    assert len(calls) == 1
    two.edit(face='all', smile=1.0)
    assert len(calls) == 2


def test_like_an_example(editor, photo, paths):
    pair, alone = editor.example(paths['two'], paths['one']), editor.example(paths['two'])
    assert pair.name == 'two.png'
    z = photo.latent_of()
    np.testing.assert_array_equal(pair.direction(z + 1), pair.expression - z)
    np.testing.assert_array_equal(alone.direction(z + 1), alone.expression - (z + 1))
    # Of the photo's own class, source and example are one: nothing moves.
    assert not photo.edit(like=editor.example(paths['one'])).field.any()
    moved = photo.edit(like=pair, strength=0.5)
    expected = editor.displacement(photo.encoded(1), z + np.float32(0.5) * (pair.expression - z))
    _, field = portrait.photo_displacement(expected, photo.matrix(1), ASTRONAUT.shape)
    np.testing.assert_allclose(moved.field, field, atol=1e-4)
    assert field.any() and moved.provenance['Edit'] == 'like two.png 0.5 (face 1)'


def with_names(*names):
    """A model whose expressions have other names."""
    bundle = models.random_bundle()
    table = dict(zip(('smile', 'surprise'), names))
    renamed = [{table.get(name, name): value for name, value in part.items()} for part in bundle.statistics[:3]]
    return editor_lib.Editor(bundle._replace(statistics=type(bundle.statistics)(*renamed)))


@pytest.mark.parametrize(
    'names', [('face', 'strength'), ('like', 'source'), ('pixels_only', 'anchor'), ('self', 'steps')]
)
def test_an_expression_may_have_any_name(photo, names):
    renamed = still.EditablePhoto(with_names(*names), photo.photo, photo.faces)
    expected = photo.edit({'smile': 2.0, 'surprise': -1.0})
    found = renamed.edit(dict(zip(names, (2.0, -1.0))))
    assert expected.field.any() and str(found.edit) == f'{names[0]} 2, {names[1]} -1'
    np.testing.assert_array_equal(found.field, expected.field)
    back = renamed.edit({'neutral': 1.0}, source=names[0])
    np.testing.assert_array_equal(back.field, photo.edit({'neutral': 1.0}, source='smile').field)
    last = list(renamed.sequence(2, {names[0]: 1.0}, strength=2.0))[-1]
    np.testing.assert_array_equal(last.field, photo.edit(smile=2.0).field)


def test_mapping_and_keywords_add_up(photo):
    np.testing.assert_array_equal(
        photo.edit({'smile': 1.0}, surprise=0.5).field, photo.edit(smile=1.0, surprise=0.5).field
    )


def test_without_an_anchor_the_flow_is_the_model_s_own(editor, photo):
    for strength in (0.0, 1.0):
        edited = photo.edit(smile=strength, anchor=False)
        latent = editor.edited_latent(photo.encoded(1), {'smile': strength})
        displacement = editor.displacement(photo.encoded(1), latent, anchor=False)
        _, field = portrait.photo_displacement(displacement, photo.matrix(1), ASTRONAUT.shape)
        np.testing.assert_array_equal(edited.field, field)
        assert field.any() and edited.provenance['Edit'] == f'smile {strength:.0f}, not anchored (face 1)'


def test_a_sequence_goes_from_the_photo_to_the_edit(photo):
    steps = photo.sequence(4, smile=1.5, strength=2.0)
    shown = [str(edited.edit) for edited in steps]
    assert shown == ['smile 0', 'smile 0.75', 'smile 1.5', 'smile 2.25', 'smile 3']
    assert len(steps) == 5
    fields = [edited.field for edited in steps]
    assert not fields[0].any()
    np.testing.assert_array_equal(fields[-1], photo.edit(smile=3.0).field)
    with pytest.raises(InputError, match='0 steps'):
        photo.sequence(0, smile=1.0)


def test_the_file_says_how_it_was_made(photo, tmp_path):
    edited = photo.edit(source='smile', neutral=1.0)
    edited.save(tmp_path / 'noted.png')
    edited.save(tmp_path / 'plain.png', metadata=False)
    packet = read_photo(tmp_path / 'noted.png').carried.xmp.decode()
    name = photo.model.bundle.config.name
    assert f'"Model: {name}; Edit: smile to neutral 1 (face 1)"' in packet
    assert 'softwareAgent="fvae_jax ' in packet and 'compositeWithTrainedAlgorithmicMedia' in packet
    with Image.open(tmp_path / 'plain.png') as plain:
        assert not plain.text
    written = read_photo(tmp_path / 'plain.png').pixels
    np.testing.assert_array_equal(written, edited.photo.pixels)


def test_pictures_of_flow_and_mask(editor, photo):
    moved, unmoved = photo.edit(smile=10.0), photo.edit(smile=0.0)

    def colorful(picture):
        return np.ptp(picture[34:, :768].astype(int), axis=-1).max()

    assert colorful(moved.flow_picture()) > 100 and colorful(unmoved.flow_picture()) == 0
    assert colorful(moved.flow_picture(max_magnitude=1e6)) <= 1
    mask = moved.mask_picture()
    assert mask.dtype == np.uint8 and colorful(mask) > 20
    bare = editor_lib.Editor(models.random_bundle(mask=False))
    with pytest.raises(InputError, match='no confidence mask'):
        still.EditablePhoto(bare, photo.photo, list(photo.faces)).edit(smile=1.0).mask_picture()


@pytest.mark.parametrize(
    'asked, words',
    [
        (('smile', 1), r"edit\('smile', 1\): give strengths by expression, as edit\(\{'smile': 1.0\}\)"),
        (('smile',), r"edit\('smile'\): give strengths by expression"),
        (({'smile': 1.0}, {'surprise': 1.0}), 'give strengths by expression'),
    ],
)
def test_strengths_are_a_mapping(photo, asked, words):
    with pytest.raises(InputError, match=words):
        photo.edit(*asked)
    with pytest.raises(InputError, match='the strength of smile is given twice'):
        photo.edit({'smile': 1.0}, smile=2.0)


@pytest.mark.parametrize(
    'edit, words',
    [
        (
            {'smirk': 1.0},
            r"unknown expression 'smirk' \(did you mean smile\?\); this model has neutral, smile, surprise",
        ),
        ({'smile': 1.0, 'source': 'joy'}, "unknown expression 'joy'"),
        ({'smile': float('nan')}, 'strength of smile is nan'),
        ({'smile': 1.0, 'strength': float('inf')}, 'strength is inf'),
        ({'smile': 1.0, 'face': 2}, 'has 1 face and no face 2'),
        ({'face': 1.0}, "face is 1.0; give its number, 'all', or the strength of an expression as a mapping"),
    ],
)
def test_what_cannot_be_asked_for(photo, edit, words):
    with pytest.raises(InputError, match=words):
        photo.edit(**edit)


def test_a_photo_without_a_face(editor, paths):
    with pytest.raises(InputError, match=r"none\.png' shows no face"):
        editor.open(paths['none'])
