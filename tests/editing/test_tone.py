"""New content takes the tone and the color space of a photo: gray stays gray, sepia sepia, Display P3 is not sRGB."""

import io

import numpy as np
import pytest
import skimage.data
from editing import models
from PIL import Image, ImageCms

from fvae_jax.data import align
from fvae_jax.editing import editor as editor_lib, morph, still, tone
from fvae_jax.editing.records import Content
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import WIDE
from fvae_jax.photo import color
from fvae_jax.photo.photo import Photo
from fvae_jax.photo.read import read_photo

ASTRONAUT = skimage.data.astronaut()
FACES = align.detect_faces(ASTRONAUT)
GRAY = np.asarray(Image.fromarray(ASTRONAUT).convert('L'))
# Inks and papers: what the darkest and the lightest become.
PRINTS = {'sepia': ((40, 22, 8), (255, 240, 205)), 'cyanotype': ((10, 30, 70), (225, 240, 250))}


def printed(dark, light):
    share = GRAY[..., None] / 255
    return np.rint((1 - share) * dark + share * light).astype(np.uint8)


def as_jpeg(pixels, quality):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, 'JPEG', quality=quality)
    return np.asarray(Image.open(stream))


def display_p3():
    """A profile with the primaries of Display P3, made of Pillow's sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes())
    primaries = {
        b'rXYZ': (0.51512, 0.24120, -0.00105),
        b'gXYZ': (0.29198, 0.69225, 0.04189),
        b'bXYZ': (0.15710, 0.06657, 0.78407),
    }
    for number in range(int.from_bytes(profile[128:132], 'big')):
        entry = 132 + 12 * number
        name, at = bytes(profile[entry : entry + 4]), int.from_bytes(profile[entry + 4 : entry + 8], 'big')
        if name in primaries:
            values = [round(value * 65536) for value in primaries[name]]
            profile[at + 8 : at + 20] = b''.join(value.to_bytes(4, 'big', signed=True) for value in values)
    return bytes(profile)


P3 = display_p3()


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle(content=True))


def opened(editor, pixels, **options):
    return still.EditablePhoto(editor, Photo(pixels, **options), FACES)


def crop_of(pixels):
    return align.align_crop(pixels, align.crop_transform(FACES[0].landmarks, 128, WIDE), 128)


@pytest.mark.parametrize('dtype, factor', [(np.uint8, 1), (np.uint16, 257)])
def test_gray_photos_stay_gray(editor, dtype, factor):
    pixels = GRAY.astype(dtype) * dtype(factor)
    photo = editor.open(pixels)
    edited = photo.edit(smile=2.0, surprise=1.0)
    assert edited._layers and any(layer.alpha.any() for layer in edited._layers)
    array = edited.to_array()
    assert array.dtype == dtype and array.shape == GRAY.shape and (array != pixels).any()
    assert edited.to_image().mode == 'L'
    for suffix in ('.jpg', '.png', '.tif'):
        back = read_photo(edited.encode(suffix))
        assert back.was_gray and back.pixels.dtype == (np.uint8 if suffix == '.jpg' else dtype)
    # Stored as RGB, it stays without color all the same.
    again = still.EditablePhoto(editor, Photo(np.repeat(pixels[..., None], 3, axis=2)), photo.faces)
    stored = again.edit(smile=2.0, surprise=1.0).photo.pixels
    np.testing.assert_array_equal(stored, np.repeat(array[..., None], 3, axis=2))


@pytest.mark.parametrize('print_', PRINTS)
@pytest.mark.parametrize('quality', [None, 80])
def test_toned_photos_keep_their_tone(editor, print_, quality):
    pixels = printed(*PRINTS[print_])
    pixels = pixels if quality is None else as_jpeg(pixels, quality)
    edited = opened(editor, pixels).edit(smile=2.0, surprise=1.0)
    [layer] = edited._layers
    new = image_ops.to_uint8(layer.color).astype(int)
    dark, light = (np.array(end) for end in PRINTS[print_])
    luma = new @ [0.299, 0.587, 0.114]
    ends = [end @ [0.299, 0.587, 0.114] for end in (dark, light)]
    inside = (luma > ends[0] + 10) & (luma < ends[1] - 10)
    share = ((luma - ends[0]) / (ends[1] - ends[0]))[inside][:, None]
    expected = (1 - share) * dark + share * light
    assert inside.any() and np.abs(new[inside] - expected).mean() < 5


def test_photos_in_color_have_no_tone():
    assert tone.of(crop_of(ASTRONAUT)) is None
    assert tone.of(crop_of(ASTRONAUT.astype(np.uint16) * 257)) is None
    for name in PRINTS:
        found = [
            tone.of(crop_of(printed(*PRINTS[name]).astype(dtype) * dtype(f)))
            for dtype, f in ((np.uint8, 1), (np.uint16, 257))
        ]
        assert all(one.share == 1 for one in found)
        mixed = tone.between(*found, 0.5)
        colors = np.float32([[[-0.5, -0.5, -0.5], [0.3, 0.3, 0.3]]])
        np.testing.assert_allclose(mixed.follow(colors), found[0].follow(colors), atol=0.01)
    assert tone.between(found[0], None, 0.5) is None
    assert (tone.of(crop_of(np.repeat(GRAY[..., None], 3, axis=2))).follow(colors)[..., 0] == colors[..., 0]).all()


def test_profiles_are_converted_there_and_back():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    for profile in (None, srgb, b'no profile', P3[:200], P3[:16] + b'GRAY' + P3[20:]):
        assert color.to_srgb(ASTRONAUT, profile) is ASTRONAUT
    converted = color.to_srgb(ASTRONAUT, P3)
    own, other = (ImageCms.ImageCmsProfile(io.BytesIO(profile)) for profile in (P3, srgb))
    judge = ImageCms.profileToProfile(Image.fromarray(ASTRONAUT), own, other, renderingIntent=1)
    assert np.abs(converted.astype(int) - np.asarray(judge)).max() <= 1
    assert np.abs(converted.astype(int) - ASTRONAUT).max() > 20
    assert np.abs(color.to_srgb(ASTRONAUT.astype(np.uint16) * 257, P3).astype(int) - converted).max() <= 1
    skin = ASTRONAUT[100:140, 200:240]
    back = color.from_srgb(image_ops.to_float(color.to_srgb(skin, P3)), P3)
    # What no sRGB color is, deep reds and dark browns, does not come back as it was.
    assert np.abs(image_ops.to_uint8(back).astype(int) - skin).mean() < 0.5


def test_a_photo_in_display_p3_is_edited_as_what_it_shows(editor):
    """The same picture in two spaces: networks see the same, and new content looks the same."""
    wide = image_ops.to_uint8(color.from_srgb(image_ops.to_float(ASTRONAUT), P3))
    plain, other = (opened(editor, pixels, icc_profile=profile) for pixels, profile in ((ASTRONAUT, None), (wide, P3)))
    assert np.abs(plain.encoded(1).crop - other.encoded(1).crop).max() < 0.05
    edits = [photo.edit(smile=1.0, surprise=1.0) for photo in (plain, other)]
    colors = [edited._layers[0].color for edited in edits]
    assert np.abs(colors[0] - colors[1]).max() > 0.05  # other numbers
    shown = color.to_srgb(image_ops.to_uint8(colors[1]), P3)
    assert np.abs(shown.astype(int) - image_ops.to_uint8(colors[0])).mean() < 3  # the same colors
    close = [edited.close_up().astype(int) for edited in edits]  # for filmstrips, which have no profile
    assert np.abs(close[0] - close[1]).mean() < 1.5
    assert edits[1].to_image().info['icc_profile'] == P3


def test_films_and_frames_are_srgb(tmp_path):
    editor = editor_lib.Editor(models.random_bundle())
    wide = image_ops.to_uint8(color.from_srgb(image_ops.to_float(ASTRONAUT), P3))
    photos = [opened(editor, ASTRONAUT), opened(editor, wide, icc_profile=P3)]
    for first, second in (photos, photos[::-1]):
        made = morph.Morph(first, second, frames=3)
        for t in (0.0, 1.0):
            assert np.abs(made.frame(t).astype(int) - ASTRONAUT).mean() < 1.5
    photos[1].sequence(1, smile=0.0).save(tmp_path / 'film.gif')
    with Image.open(tmp_path / 'film.gif') as film:
        frame = np.asarray(film.convert('RGB')).astype(int)
    assert np.abs(frame - ASTRONAUT).mean() < np.abs(frame - wide).mean()


def test_frames_between_gray_photos_are_gray(editor, monkeypatch):
    made = morph.Morph(editor.open(GRAY), editor.open(np.ascontiguousarray(GRAY[:, ::-1])), frames=3, crop=True)
    between, size = editor.between, editor.size
    red = Content(np.full((size, size), 1, np.float32), np.full((size, size, 3), (0.5, -0.5, -0.5), np.float32))
    monkeypatch.setattr(editor, 'between', lambda *args: between(*args)._replace(content=red))
    assert np.ptp(made.frame(0.5).astype(int), axis=-1).max() == 0
    monkeypatch.setattr(made, '_tones', (None, None))
    assert np.ptp(made.frame(0.5).astype(int), axis=-1).max() > 100
