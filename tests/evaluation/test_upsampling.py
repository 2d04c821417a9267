"""Figure 7: detail survives the enlarged flow, and only that."""

import cv2
import numpy as np
import pytest
import skimage.data
from editing import models
from PIL import Image

from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align
from fvae_jax.editing import morph, portrait
from fvae_jax.errors import InputError
from fvae_jax.evaluation import upsampling
from fvae_jax.ops import image as image_ops

ASTRONAUT = skimage.data.astronaut()
SIZE = 128


def smile():
    """Corners of the mouth outwards and up, as a displacement of the model's crop."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    field = np.zeros((SIZE, SIZE, 2), np.float32)
    for side in (-1, 1):
        near = np.exp(-((x - 63.5 - side * 17) ** 2 + (y - 93) ** 2) / (2 * 9**2))
        field += 4 * near[..., None] * np.float32([-side, 0.7])
    return field


@pytest.fixture(scope='module')
def pictures():
    (face,) = align.detect_faces(ASTRONAUT)
    matrix = align.crop_transform(face.landmarks, SIZE)
    source, _ = morph.native_crop(ASTRONAUT, matrix, SIZE, upsampling.SIDE)
    crop = image_ops.to_float(align.align_crop(ASTRONAUT, matrix, SIZE))
    # The face has 130 px in this photo: grain stands in for the skin of a larger one.
    grain = np.random.default_rng(0).normal(scale=0.05, size=(512, 512, 1)).astype(np.float32)
    return upsampling.upsample(np.clip(source + grain, -1, 1), crop, smile())


def test_the_flow_keeps_the_detail_and_the_output_does_not(pictures):
    pixels_keep, flow_keeps = pictures.sharpness()
    low, high = upsampling.FLOW_KEEPS
    assert low <= flow_keeps <= high
    assert pixels_keep < upsampling.PIXELS_KEEP_LESS_THAN


def test_one_bilinear_pass_would_not_keep_it(pictures):
    field = portrait.enlarge(pictures.displacement, 512) * np.float32(4)
    y, x = np.mgrid[:512, :512].astype(np.float32)
    blurry = cv2.remap(pictures.source, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR)
    ratio = upsampling.face_sharpness(blurry) / upsampling.face_sharpness(pictures.source)
    assert ratio < upsampling.FLOW_KEEPS[0]


def test_both_show_the_same_edit(pictures):
    small = [
        cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)
        for picture in (pictures.by_pixels, pictures.by_flow, pictures.source)
    ]
    same, change = (np.abs(small[0] - other).mean() for other in small[1:])
    mouth = np.s_[40:54, 20:44]
    assert same < 0.01
    assert np.abs(small[1] - small[2])[mouth].mean() > 5 * np.abs(small[1] - small[0])[mouth].mean()


def test_without_displacement_the_source_stays(pictures):
    crop = np.ascontiguousarray(pictures.source[::4, ::4])
    still = upsampling.upsample(pictures.source, crop, np.zeros((SIZE, SIZE, 2)))
    np.testing.assert_array_equal(still.by_flow, pictures.source)
    assert still.sharpness()[1] == 1


def test_sharpening_would_be_seen(pictures):
    blurred = cv2.GaussianBlur(pictures.source, (0, 0), 1.5)
    sharpened = np.clip(2 * pictures.source - blurred, -1, 1)
    ratio = upsampling.face_sharpness(sharpened) / upsampling.face_sharpness(pictures.source)
    assert ratio > upsampling.FLOW_KEEPS[1]


def test_the_command(tmp_path, capsys):
    bundle_lib.save(tmp_path / 'model.safetensors', models.random_bundle())
    Image.fromarray(ASTRONAUT).save(tmp_path / 'me.png')
    line = [
        str(tmp_path / 'me.png'),
        '--model',
        str(tmp_path / 'model.safetensors'),
        '--smile',
        '1',
        '--out',
        str(tmp_path / 'figure7.png'),
    ]
    upsampling.main(line)
    with Image.open(tmp_path / 'figure7.png') as figure:
        assert min(figure.size) > 2 * upsampling.SIDE
    assert 'enlarging the flow keeps' in capsys.readouterr().out
    with pytest.raises(InputError, match='exists'):
        upsampling.main(line)
    with pytest.raises(InputError, match='arguments are required: --out'):
        upsampling.main(line[:1])
