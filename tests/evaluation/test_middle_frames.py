"""True middle frames: the cases are test people, the plain ways are what they are called."""

import itertools

import numpy as np
import pytest

from editing import models
from fvae_jax.data import pairs
from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation import middle_frames
from fvae_jax.ops import image as image_ops, warp


@pytest.fixture(scope='module')
def editor():
    return editor_lib.Editor(models.random_bundle())


def test_the_cases_are_drawings_of_test_people(editor):
    data = editor.bundle.config.data
    names = [f'synthetic_{i:04d}' for i in range(data.identities)]
    people = len(pairs.split_identities(names, data.test_share, data.validation_share).test)
    cases = list(middle_frames.cases(editor))
    assert len(cases) == 5 * people
    for case in cases[:5]:
        # The true frame lies between its ends, and is neither.
        ends = [np.abs(case.truth.astype(int) - end).mean() for end in (case.first, case.second)]
        apart = np.abs(case.first.astype(int) - case.second).mean()
        assert 0 < max(ends) < apart


def test_the_ways_of_meeting_in_the_middle(editor):
    case = next(itertools.islice(middle_frames.cases(editor), 1, None))
    frames = middle_frames.frames_at_half(editor, case.first, case.second)
    first, second = (image_ops.to_float(x) for x in (case.first, case.second))
    np.testing.assert_allclose(frames['cross-fade'], (first + second) / 2, atol=1e-6)
    np.testing.assert_array_equal(frames['first'], first)
    faces = [editor.encode(x) for x in (case.first, case.second)]
    latent = (faces[0].latent + faces[1].latent) / 2
    warps = [np.asarray(warp.warp_by_displacement(f.crop, editor.displacement(f, latent))) for f in faces]
    np.testing.assert_allclose(frames['warps'], sum(warps) / 2, atol=1e-5)
    for blend in ('logit', 'softmax'):
        low, high = np.minimum(*warps) - 1e-5, np.maximum(*warps) + 1e-5
        assert np.all((frames[blend] >= low) & (frames[blend] <= high))


def test_photos_have_no_true_middle():
    bundle = models.random_bundle()
    bundle.config.data.set = 'photos'
    with pytest.raises(InputError, match="trained on 'photos'"):
        next(middle_frames.cases(editor_lib.Editor(bundle)))
