"""From photo to photo: exact ends, the printed formula, films of any kind."""

import cv2
import numpy as np
import pytest
import skimage.data
from editing import models
from PIL import Image

from fvae_jax.editing import editor as editor_lib, latent, morph, portrait
from fvae_jax.errors import InputError
from fvae_jax.ops import image as image_ops

ASTRONAUT = skimage.data.astronaut()
OTHER = cv2.warpAffine(
    ASTRONAUT, np.float64([[1.1, 0.1, -20], [-0.1, 1.1, 10]]), (512, 512), borderMode=cv2.BORDER_REPLICATE
)


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle())


@pytest.fixture(scope='module')
def pair(editor, tmp_path_factory):
    folder = tmp_path_factory.mktemp('pair')
    Image.fromarray(ASTRONAUT).save(folder / 'a.png')
    Image.fromarray(255 - (255 - OTHER) // 2).save(folder / 'b.png')  # in another light
    return [editor.open(folder / name) for name in ('a.png', 'b.png')]


def native(photo, size, side=None):
    return morph.native_crop(photo.photo.pixels, photo.matrix(1), size, side)[0]


def test_the_ends_are_the_crops_bit_for_bit(editor, pair):
    first, *_, last = morph.Morph(*pair, frames=4, crop=True)
    source = native(pair[0], editor.size)
    np.testing.assert_array_equal(first, image_ops.to_uint8(source))
    target = native(pair[1], editor.size, len(source))
    np.testing.assert_array_equal(last, image_ops.to_uint8(target))
    assert (first != last).mean() > 0.5


@pytest.mark.parametrize('blend', ['softmax', 'paper'])
def test_other_blends_do_not_have_exact_ends(editor, pair, blend):
    first = next(iter(morph.Morph(*pair, frames=2, blend=blend, crop=True)))
    assert (first != image_ops.to_uint8(native(pair[0], editor.size))).mean() > 0.5


@pytest.mark.parametrize('anchor', [True, False])
@pytest.mark.parametrize('blend', latent.BLENDS)
def test_frames_follow_algorithm_2(editor, pair, blend, anchor):
    t = 0.3
    faces = [photo.encoded(1) for photo in pair]
    z = np.asarray(latent.interpolate(faces[0].latent, faces[1].latent, t))
    w1, w2 = latent.blend_weights(*(editor.mask_logits(face, z) for face in faces), t, blend)
    crops = [native(pair[0], editor.size)]
    side = len(crops[0])
    crops.append(native(pair[1], editor.size, side))
    warps = []
    for crop, face in zip(crops, faces):
        field = portrait.enlarge(editor.displacement(face, z, anchor), side)
        field *= np.float32(side / editor.size)
        warps.append(np.clip(portrait.warp_region(crop, (0, side, 0, side), field), -1, 1))
    share, rest = (np.clip(portrait.enlarge(np.asarray(w)[..., None], side), 0, 1) for w in (w1, w2))
    # The printed weights do not sum to one: there is no mixture, only the printed sum.
    mean = share * warps[0] + rest * warps[1]
    expected = mean if blend == 'paper' else morph.mix(warps[1], warps[0], share)
    frame = morph.Morph(*pair, blend=blend, crop=True, anchor=anchor).frame(t)
    difference = frame.astype(int) - image_ops.to_uint8(expected)
    assert np.abs(difference).max() <= 1


def test_on_the_background_of_the_first(pair):
    frames = list(morph.Morph(*pair, frames=3))
    y0, y1, x0, x1 = pair[0].edit(smile=1.0).box
    for frame in frames:
        outside = frame.copy()
        outside[y0:y1, x0:x1] = ASTRONAUT[y0:y1, x0:x1]
        np.testing.assert_array_equal(outside, ASTRONAUT)
    assert np.abs(frames[0].astype(int) - ASTRONAUT).mean() < 0.5
    assert np.abs(frames[2].astype(int) - ASTRONAUT)[y0:y1, x0:x1].mean() > 10


def test_frames_are_made_one_at_a_time(editor, pair, monkeypatch):
    made = []
    result = morph.Morph(*pair, frames=1000, crop=True)
    monkeypatch.setattr(result, 'frame', lambda t: made.append(t) or np.zeros((8, 8, 3), np.uint8))
    frames = iter(result)
    next(frames), next(frames)
    assert made == [0, 1 / 999]


def test_a_folder_of_frames(editor, pair, tmp_path):
    paths = [photo.photo.source for photo in pair]
    result = editor.interpolate(*paths, frames=3, crop=True)
    result.save(tmp_path / 'frames')
    names = sorted(path.name for path in (tmp_path / 'frames').iterdir())
    assert names == ['0000.png', '0001.png', '0002.png']
    with Image.open(tmp_path / 'frames' / '0002.png') as last:
        np.testing.assert_array_equal(np.asarray(last), image_ops.to_uint8(result.crops[1]))


def test_what_cannot_be_interpolated(editor, pair):
    with pytest.raises(InputError, match='1 frames; give at least 2'):
        editor.interpolate('a.png', 'b.png', frames=1)
    with pytest.raises(InputError, match="unknown blend 'mean'; it is one of logit, softmax, paper"):
        editor.interpolate('a.png', 'b.png', blend='mean')
    bare = editor_lib.Editor(models.random_bundle(mask=False))
    with pytest.raises(InputError, match='no confidence mask, which interpolation needs'):
        bare.interpolate('a.png', 'b.png')
