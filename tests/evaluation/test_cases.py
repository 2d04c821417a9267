"""What a report looks at belongs to people kept out of training, and is what it is called."""

import itertools

import numpy as np
import pytest

from configs import synthetic
from fvae_jax.evaluation import cases
from fvae_jax.ops import image as image_ops, warp
from fvae_jax.training import experiment


@pytest.fixture(scope='module')
def setting(tmp_path_factory):
    config = synthetic.get_config('tiny')
    config.data.cache = str(tmp_path_factory.mktemp('cache'))
    config.data.strengths = (0.5, 1.0)
    return config, experiment.open_faces(config)


def test_pairs_are_of_test_people_and_the_second_source_is_another_image(setting):
    config, faces = setting
    found = list(cases.pairs(faces, 'test', config, 12))
    assert len(found) == 12 and {pair.identity for pair in found} <= set(faces.split.test)
    for pair in found:
        assert pair.source.shape == pair.target.shape == pair.second.shape == (64, 64, 3)
        assert all(np.abs(pair.second - image).max() > 0.01 for image in (pair.source, pair.target))
    people = {pair.identity for pair in cases.pairs(faces, 'train', config, 60)}
    assert people and not people & set(faces.split.test)


def test_drawn_middle_frames_lie_between_their_ends(setting):
    config, faces = setting
    found = list(cases.middle_frames(faces, config))
    assert len(found) == 5 * 3 * len(faces.split.test)
    for case in itertools.islice(found, 0, None, 3):
        quarter = np.abs(case.truth - case.first).mean(), np.abs(case.truth - case.second).mean()
        assert case.t == 0.25 and 0 < quarter[0] < quarter[1]


def test_stored_middle_frames_are_those_of_partial_strength(setting):
    config, faces = setting
    photos = config.copy_and_resolve_references()
    photos.data.set = 'photos'
    drawn = {(c.identity, c.expression): c for c in cases.middle_frames(faces, config) if c.t == 0.5}
    stored = list(cases.middle_frames(faces, photos))
    assert {(c.identity, c.expression) for c in stored} == set(drawn) and {c.t for c in stored} == {0.5}
    for case in stored:
        for field in ('first', 'second', 'truth'):
            np.testing.assert_array_equal(getattr(case, field), getattr(drawn[case.identity, case.expression], field))


def test_changes_start_neutral_and_end_in_the_full_expression(setting):
    _, faces = setting
    known = {record.expression for record in faces.data.records}
    found = list(cases.changes(faces, known))
    assert len(found) == 5 * len(faces.split.test)
    assert {c.expression for c in cases.changes(faces, known - {'smile'})} == known - {'smile', 'neutral'}
    assert not list(cases.changes(faces, known - {'neutral'}))
    full = {
        (r.identity, r.expression): image_ops.to_float(faces.data[i]['image'])
        for i, r in enumerate(faces.data.records)
        if r.strength in (0, 1)
    }
    for change in found:
        np.testing.assert_array_equal(change.expressive, full[change.identity, change.expression])
        np.testing.assert_array_equal(change.neutral, full[change.identity, 'neutral'])


def test_known_flows_find_the_target_in_the_source(setting):
    config, faces = setting
    found = list(cases.known_flows(faces, config, 10))
    assert len(found) == 10
    for case in found:
        warped = np.asarray(warp.warp_by_displacement(case.pair.source, case.displacement.astype(np.float32)))
        error = np.abs(warped - case.pair.target).mean(-1)
        plain = np.abs(case.pair.source - case.pair.target).mean(-1)
        assert error[~case.exposed].mean() < 0.7 * plain[~case.exposed].mean()
