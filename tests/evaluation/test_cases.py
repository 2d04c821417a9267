"""What methods are asked to make belongs to people kept out of training, and is what it is called."""

import itertools

import numpy as np

from fvae_jax.evaluation import cases
from fvae_jax.ops import image as image_ops, warp


def test_pairs_are_of_test_people_and_the_second_source_is_another_image(drawn_config, drawn_people):
    found = cases.pairs(drawn_people, 'test', drawn_config).spread(12)
    assert len(found) == 12 and set(found.people) <= set(drawn_people.split.test)
    for pair, head in zip(found, found.heads):
        assert pair[:3] == head[:3]
        assert pair.source.shape == pair.target.shape == pair.second.shape == (64, 64, 3)
        assert all(np.abs(pair.second - image).max() > 0.01 for image in (pair.source, pair.target))
    people = set(cases.pairs(drawn_people, 'train', drawn_config).people)
    assert people and not people & set(drawn_people.split.test)


def test_only_pairs_that_are_wanted(drawn_config, drawn_people):
    every = cases.pairs(drawn_people, 'test', drawn_config)
    found = every.where(lambda pair: {pair.source_expression, pair.target_expression} == {'neutral', 'smile'})
    assert {(p.source_expression, p.target_expression) for p in found} == {('neutral', 'smile'), ('smile', 'neutral')}
    assert len(found) == 2 * len(drawn_people.split.test) < len(every)
    assert len({(p.identity, p.source_expression) for p in found.heads}) == len(found)
    assert not len(every.where(lambda pair: False)) and not list(every.where(lambda pair: False).batches(4, ''))


def test_cases_are_spread_and_read_in_order(drawn_config, drawn_people):
    every = cases.pairs(drawn_people, 'test', drawn_config)
    assert every.spread(len(every) + 1).heads == every.heads
    few = every.spread(3)
    assert few.heads == (every.heads[0], every.heads[round((len(every) - 1) / 2)], every.heads[-1])
    read = [case for batch in every.spread(7).batches(3, 'pairs') for case in batch]
    assert [case[:3] for case in read] == [head[:3] for head in every.spread(7).heads]
    assert [len(batch) for batch in every.spread(7).batches(3, 'pairs')] == [3, 3, 1]


def test_drawn_middle_frames_lie_between_their_ends(drawn_config, drawn_people):
    found = cases.middle_frames(drawn_people, drawn_config)
    assert len(found) == 5 * 3 * len(drawn_people.split.test)
    for case in itertools.islice(found, 0, None, 3):
        quarter = np.abs(case.truth - case.first).mean(), np.abs(case.truth - case.second).mean()
        assert case.t == 0.25 and 0 < quarter[0] < quarter[1]


def test_stored_middle_frames_are_those_of_partial_strength(drawn_config, drawn_people):
    photos = drawn_config.copy_and_resolve_references()
    photos.data.set = 'photos'
    middles = cases.middle_frames(drawn_people, drawn_config).where(lambda c: c.t == 0.5)
    drawn = {(c.identity, c.expression): c for c in middles}
    stored = cases.middle_frames(drawn_people, photos)
    assert {(c.identity, c.expression) for c in stored.heads} == set(drawn) and {c.t for c in stored.heads} == {0.5}
    for case in stored:
        for field in ('first', 'second', 'truth'):
            np.testing.assert_array_equal(getattr(case, field), getattr(drawn[case.identity, case.expression], field))


def test_edits_start_neutral_and_end_in_the_full_expression(drawn_people):
    known = {record.expression for record in drawn_people.data.records}
    found = cases.edits(drawn_people, known)
    assert len(found) == 5 * len(drawn_people.split.test)
    assert {c.target for c in cases.edits(drawn_people, known - {'smile'}).heads} == known - {'smile', 'neutral'}
    assert not len(cases.edits(drawn_people, known - {'neutral'}))
    full = {
        (r.identity, r.expression): image_ops.to_float(drawn_people.data[i]['image'])
        for i, r in enumerate(drawn_people.data.records)
        if r.strength in (0, 1)
    }
    for edit, back in zip(found, found.map(cases.back)):
        np.testing.assert_array_equal(edit.truth, full[edit.identity, edit.target])
        np.testing.assert_array_equal(edit.start, full[edit.identity, 'neutral'])
        assert (back.source, back.target) == (edit.target, edit.source)
        np.testing.assert_array_equal(back.start, edit.truth)
        np.testing.assert_array_equal(back.truth, edit.start)


def test_known_flows_find_the_target_in_the_source(drawn_config, drawn_people):
    found = cases.known_flows(drawn_people, drawn_config).spread(10)
    assert len(found) == 10
    for case in found:
        warped = np.asarray(warp.warp_by_displacement(case.source, case.displacement.astype(np.float32)))
        error = np.abs(warped - case.target).mean(-1)
        plain = np.abs(case.source - case.target).mean(-1)
        assert error[~case.exposed].mean() < 0.7 * plain[~case.exposed].mean()
