"""Figure 7: detail survives the enlarged flow, and only that; printed and as photos are edited."""

import re

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from fvae_jax import cli
from fvae_jax.data import align
from fvae_jax.editing import morph
from fvae_jax.errors import InputError
from fvae_jax.evaluation.report import figure7
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import TIGHT

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
def source():
    """The larger crop."""
    (face,) = align.detect_faces(ASTRONAUT)
    return morph.native_crop(ASTRONAUT, align.crop_transform(face.landmarks, SIZE, TIGHT), SIZE, figure7.SIDE)[0]


@pytest.fixture(scope='module')
def pictures(source):
    (face,) = align.detect_faces(ASTRONAUT)
    matrix = align.crop_transform(face.landmarks, SIZE, TIGHT)
    crop = image_ops.to_float(align.align_crop(ASTRONAUT, matrix, SIZE))
    return figure7.upsample(source, crop, smile())


def test_the_printed_flow_keeps_the_detail_and_the_output_does_not(source, pictures):
    pixels_keep, flow_keeps = figure7.sharpness(source, pictures, TIGHT)['printed']
    low, high = figure7.FLOW_KEEPS
    assert low <= flow_keeps <= high
    assert pixels_keep < figure7.PIXELS_KEEP_LESS_THAN


def test_the_printed_form_is_bilinear_throughout():
    """Against OpenCV, on noise: half-pixel centers, the border repeated."""
    source = np.random.default_rng(0).uniform(-1, 1, (512, 512, 3)).astype(np.float32)
    crop = cv2.resize(source, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    made = figure7.upsample(source, crop, smile())

    def remapped(image, field, kernel):
        y, x = np.mgrid[: len(image), : len(image)].astype(np.float32)
        return cv2.remap(image, x + field[..., 0], y + field[..., 1], kernel, borderMode=cv2.BORDER_REPLICATE)

    def off(image, kernel):
        return np.abs(image - np.clip(kernel, -1, 1))[200:420, 80:430].mean()

    fields = [
        cv2.resize(smile(), (512, 512), interpolation=kernel) * 4 for kernel in (cv2.INTER_LINEAR, cv2.INTER_CUBIC)
    ]
    by_flow = [
        off(made['printed'][1], remapped(source, field, kernel))
        for field, kernel in (
            (fields[0], cv2.INTER_LINEAR),
            (fields[0], cv2.INTER_CUBIC),
            (fields[1], cv2.INTER_LINEAR),
        )
    ]
    small = {kernel: remapped(crop, smile(), kernel) for kernel in (cv2.INTER_LINEAR, cv2.INTER_CUBIC)}
    by_pixels = [
        off(made['printed'][0], cv2.resize(small[first], (512, 512), interpolation=second))
        for first, second in (
            (cv2.INTER_LINEAR, cv2.INTER_LINEAR),
            (cv2.INTER_LINEAR, cv2.INTER_CUBIC),
            (cv2.INTER_CUBIC, cv2.INTER_LINEAR),
        )
    ]
    # OpenCV rounds positions to 1/32 px, which is the rest.
    for right, *wrong in (by_flow, by_pixels):
        assert 2 * right < min(wrong), (right, wrong)


def test_ours_is_as_sharp_as_the_photo(source, pictures):
    (printed_pixels, printed_flow), (pixels, flow) = figure7.sharpness(source, pictures, TIGHT).values()
    low, high = figure7.FLOW_KEEPS
    assert low <= flow <= high and flow > printed_flow and pixels > printed_pixels


@pytest.mark.parametrize('kind', ['printed', 'ours'])
def test_both_show_the_same_edit(source, pictures, kind):
    small = [cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA) for picture in (*pictures[kind], source)]
    same, change = (np.abs(small[0] - other).mean() for other in small[1:])
    mouth = np.s_[40:54, 20:44]
    assert same < 0.01
    assert np.abs(small[1] - small[2])[mouth].mean() > 5 * np.abs(small[1] - small[0])[mouth].mean()


def test_without_displacement_the_source_stays(source):
    crop = np.ascontiguousarray(source[::4, ::4])
    still = figure7.upsample(source, crop, np.zeros((SIZE, SIZE, 2)))
    for _, by_flow in still.values():
        np.testing.assert_array_equal(by_flow, source)
    assert [flow for _, flow in figure7.sharpness(source, still, TIGHT).values()] == [1, 1]


def test_blur_and_sharpening_would_be_seen(source):
    blurred = cv2.GaussianBlur(source, (0, 0), 1.5)
    sharpened = np.clip(2 * source - blurred, -1, 1)
    soft, hard = (
        figure7.face_sharpness(image, TIGHT) / figure7.face_sharpness(source, TIGHT) for image in (blurred, sharpened)
    )
    assert soft < figure7.FLOW_KEEPS[0] and hard > figure7.FLOW_KEEPS[1]


def test_the_command_meets_its_own_bar(tmp_path, capsys):
    Image.fromarray(ASTRONAUT).save(tmp_path / 'me.png')
    line = ['figure7', str(tmp_path / 'me.png'), '--smile', '1', '--out', str(tmp_path / 'figure7.png')]
    assert cli.main(line) == 0
    with Image.open(tmp_path / 'figure7.png') as figure:
        assert figure.width > 2 * figure7.SIDE and figure.height > 3 * figure7.SIDE
    printed, ours = capsys.readouterr().out.splitlines()[1:]
    pixels_keep, flow_keeps = map(float, re.search(r'^as printed.* (\d\.\d+) / (\d\.\d+) \(expected', printed).groups())
    low, high = figure7.FLOW_KEEPS
    assert low <= flow_keeps <= high and pixels_keep < figure7.PIXELS_KEEP_LESS_THAN
    assert re.match(r'as photos are edited +\d\.\d+ / 1\.0', ours)
    with pytest.raises(InputError, match='exists'):
        cli.main(line)
    with pytest.raises(InputError, match='arguments are required: --out'):
        cli.main(line[:2])
