"""Pairs are a pure function of seed, epoch and index; people never cross from one part to another."""

import collections
import os
from typing import NamedTuple

import cv2
import grain
import numpy as np
import pytest

from fvae_jax import config as config_lib
from fvae_jax.data import pairs, people, pipeline, sets
from fvae_jax.errors import InputError
from fvae_jax.ops import warp


class _Record(NamedTuple):
    identity: str
    expression: str
    strength: float = 1.0
    reference: str = ''


class _Faces:
    """A set of random pictures in memory, read the way a built set is."""

    def __init__(self, people=4, size=16):
        self.records = [_Record(f'p{i}', e) for i in range(people) for e in ('neutral', 'smile', 'scream')]
        self._images = np.random.default_rng(0).integers(0, 255, (len(self.records), size, size, 3), np.uint8)

    def __getitem__(self, i):
        size = self._images.shape[1]
        return {
            'image': self._images[i],
            'exposed': np.zeros((size, size), bool),
            'displacement': np.zeros((size, size, 2), np.float16),
            'shade': np.zeros((size, size), np.float16),
            'lips': np.full((20, 2), np.nan, np.float32),
        }


def _config(batch=8, **data):
    config = config_lib.default_config()
    config.train.batch_size = batch
    config.data.update(data)
    return config


def _pairs(faces):
    return pairs.ordered_pairs(faces.records, {r.identity for r in faces.records})


def test_parts_are_disjoint_complete_and_depend_on_names_alone():
    names = [f'person {i}' for i in range(200)]
    split = people.split_identities(names, 0.2, 0.1)
    assert sorted(sum(split, ())) == sorted(names)
    assert (len(split.test), len(split.validation), len(split.train)) == (40, 16, 144)
    assert people.split_identities(names[::-1] * 2, 0.2, 0.1) == split
    # A hash, not the alphabet: the test people are spread over the list.
    assert 60 < np.mean([names.index(name) for name in split.test]) < 140
    more = people.split_identities(names + ['one more'], 0.2, 0.1)
    assert len(set(split.test) & set(more.test)) >= 39


def test_named_people_are_test_people_and_the_share_is_filled_by_hash():
    names = [f'person {i}' for i in range(50)]
    free = people.split_identities(names, 0.2, 0.1)
    named = free.train[:4]
    split = people.split_identities(names, 0.2, 0.1, named)
    assert set(named) < set(split.test) and len(split.test) == len(free.test)
    assert len(set(split.test) & set(free.test)) == len(free.test) - 4
    assert set(people.split_identities(names, 0.01, 0.1, named).test) == set(named)
    with pytest.raises(InputError, match="'nobody'"):
        people.split_identities(names, 0.2, 0.1, ['nobody'])
    with pytest.raises(InputError, match='leave two at least'):
        people.split_identities(names, 0.2, 0.1, names[1:])


@pytest.mark.parametrize('count', [3, 4, 5, 9])
def test_few_people_still_fill_every_part(count):
    for start in range(30):
        split = people.split_identities([f'{start}-{i}' for i in range(count)], 0.2, 0.1)
        assert all(split) and sum(map(len, split)) == count
    with pytest.raises(InputError, match='at least 3'):
        people.split_identities(['a', 'b', 'a'], 0.2, 0.1)


def test_all_ordered_pairs_of_one_person_with_different_labels():
    records = [
        _Record('a', 'neutral', 0),
        _Record('a', 'smile', 1),
        _Record('b', 'neutral', 0),
        _Record('a', 'smile', 0.5),
        _Record('a', 'neutral', 0),
        _Record('b', 'scream', 1),
    ]
    found = pairs.ordered_pairs(records, ['a', 'b'])
    as_set = {tuple(p) for p in found}
    assert as_set == {(0, 1), (1, 0), (0, 3), (3, 0), (1, 3), (3, 1), (4, 1), (1, 4), (4, 3), (3, 4), (2, 5), (5, 2)}
    assert {tuple(p) for p in pairs.ordered_pairs(records, ['b'])} == {(2, 5), (5, 2)}
    with pytest.raises(InputError, match='two images with different expressions'):
        pairs.ordered_pairs(records[:1], ['a'])


def test_an_epoch_visits_every_pair_once_and_epochs_differ():
    faces = _Faces()
    plan = pairs.PairPlan(_pairs(faces), 3, _config(identity_pairs=0.0).data)
    count = len(_pairs(faces))
    epochs = [[plan.at(e * count + i)[:2] for i in range(count)] for e in range(2)]
    for epoch in epochs:
        assert collections.Counter(epoch) == collections.Counter(map(tuple, _pairs(faces).tolist()))
    assert epochs[0] != epochs[1]
    again = pairs.PairPlan(_pairs(faces), 3, _config(identity_pairs=0.0).data)
    assert [again.at(i)[:2] for i in (5, 1, count + 2)] == [epochs[0][5], epochs[0][1], epochs[1][2]]
    assert pairs.PairPlan(_pairs(faces), 4, _config().data).at(0) != plan.at(0)


def test_the_share_of_identity_pairs_and_flips():
    plan = pairs.PairPlan(_pairs(_Faces()), 0, _config(identity_pairs=0.25).data)
    drawn = [plan.at(i) for i in range(4000)]
    assert abs(np.mean([s == t for s, t, _ in drawn]) - 0.25) < 0.03
    assert abs(np.mean([a.flip for _, _, a in drawn]) - 0.5) < 0.03


def test_jitter_stays_in_its_range_and_moves_a_known_point():
    settings = _config(jitter_degrees=6.0, jitter_scale=0.05, jitter_shift=0.02).data
    plan = pairs.PairPlan(_pairs(_Faces()), 0, settings)
    drawn = [plan.at(i)[2] for i in range(500)]
    for name, low, high in [('degrees', -6, 6), ('scale', 0.95, 1.05), ('shift_x', -0.02, 0.02)]:
        values = [getattr(a, name) for a in drawn]
        assert low <= min(values) < 0.9 * low + 0.1 * high and 0.1 * low + 0.9 * high < max(values) <= high
    spot = np.zeros((33, 33, 3), np.uint8)
    spot[10, 20] = 255
    moved = pairs.augment(spot, pairs.Augmentation(degrees=90.0, flip=True))
    x, y = pairs.augmentation_matrix(pairs.Augmentation(degrees=90.0, flip=True), 33) @ [20, 10, 1]
    assert np.unravel_index(moved[..., 0].argmax(), (33, 33)) == (round(y), round(x)) == (12, 22)


def test_a_bare_flip_is_exact():
    image = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    np.testing.assert_array_equal(pairs.augment(image, pairs.Augmentation(flip=True)), image[:, ::-1])
    assert pairs.augment(image, pairs.Augmentation()) is image


def test_the_true_flow_is_augmented_with_its_pictures():
    """Warping the augmented S by the augmented flow gives the augmented T."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(-1, 1, (8, 8, 3)).astype(np.float32)
    source = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:64, :64].astype(np.float32)
    flow = np.stack([4 * np.sin(y / 12), 3 * np.cos(x / 15)], -1).astype(np.float32)
    target = np.asarray(warp.warp_by_displacement(source, flow))
    augmentation = pairs.Augmentation(degrees=8.0, scale=1.1, shift_x=0.02, flip=True)
    nothing = np.zeros((64, 64), bool)
    shade = np.full((64, 64), 0.3, np.float32)
    moved, exposed, known, lit = pairs.TrueFlow(flow, nothing, ~nothing, shade).augment(augmentation)
    np.testing.assert_allclose(lit, 0.3, atol=1e-6)
    warped = np.asarray(warp.warp_by_displacement(pairs.augment(source, augmentation), moved))
    error = np.abs(warped - pairs.augment(target, augmentation))[12:-12, 12:-12]
    control = np.abs(pairs.augment(source, augmentation) - pairs.augment(target, augmentation))[12:-12, 12:-12]
    assert error.mean() < 0.05 * control.mean() and not exposed.any() and known.all()


def _first_person(faces, *expressions):
    """The pictures of the first person of a drawn set, which come before those of others."""
    return [[record.expression for record in faces.records].index(expression) for expression in expressions]


def test_flows_of_pairs_are_composed_once_and_a_picture_has_all_of_itself(tmp_path):
    faces = sets.open_set(_config(image_size=64, cache=str(tmp_path), identities=10).data)
    neutral, scream = _first_person(faces, 'neutral', 'scream')
    flows = pairs.PairFlows(faces)
    flow = flows.of(neutral, scream)
    assert flow.known.all() and flow.exposed.any() and np.abs(flow.displacement).max() > 1
    for first, again in zip(flow, flows.of(neutral, scream)):
        np.testing.assert_array_equal(again, first)
    itself = flows.of(scream, scream)
    assert itself.known.all() and not itself.exposed.any() and not itself.displacement.any()
    assert not pairs.PairFlows(_Faces()).of(0, 1).known.any()


def test_what_both_pictures_show_and_the_neutral_one_lacks_is_not_known(tmp_path):
    faces = sets.open_set(_config(image_size=64, cache=str(tmp_path), identities=10).data)
    scream, surprise = _first_person(faces, 'scream', 'surprise')
    flow = pairs.PairFlows(faces).of(surprise, scream)
    np.testing.assert_array_equal(flow.known, ~faces[scream]['exposed'])
    assert 0 < flow.known.mean() < 1 and flow.exposed[~flow.known].all()


def _shaded_pair():
    """A reference and two pictures of it: moved by whole pixels and shaded by known amounts."""
    rng = np.random.default_rng(3)
    reference = rng.uniform(40, 140, (32, 32, 3))
    faces = _Faces(people=1, size=32)
    faces.records = [_Record('p0', e, reference='r') for e in ('smile', 'scream')]
    moves, read = [(0, 2), (0, -3)], []
    for (dy, dx), depth in zip(moves, (0.3, -0.4)):
        shade = np.zeros((32, 32), np.float16)
        shade[:, 8:24] = depth
        moved = np.roll(reference, (-dy, -dx), (0, 1)) * np.exp(np.float32(shade))[..., None]
        displacement = np.broadcast_to(np.float16([dx, dy]), (32, 32, 2))
        read.append(
            {
                'image': np.rint(moved).astype(np.uint8),
                'displacement': displacement,
                'exposed': np.zeros((32, 32), bool),
                'shade': shade,
                'lips': np.full((20, 2), np.nan, np.float32),
            }
        )
    return type('Shaded', (), {'records': faces.records, '__getitem__': lambda self, i: read[i]})(), read


def test_the_shading_of_a_pair_makes_one_picture_of_the_other():
    faces, (source, target) = _shaded_pair()
    flow = pairs.PairFlows(faces).of(0, 1)
    np.testing.assert_allclose(flow.displacement[:, 8:24], np.broadcast_to([-5, 0], (32, 16, 2)), atol=1e-2)
    moved = np.asarray(warp.warp_by_displacement(np.float32(source['image']), flow.displacement))
    middle = np.s_[:, 8:24]
    made = (moved * np.exp(flow.shade)[..., None])[middle]
    assert np.abs(made - target['image'][middle]).max() < 2 < np.abs(moved[middle] - target['image'][middle]).mean()
    itself = pairs.PairFlows(faces).of(1, 1)
    assert not itself.shade.any()


def _mouth(left, top, right, bottom):
    across = np.linspace(left, right, 11)
    upper, lower = np.full(11, top), np.full(9, bottom)
    return np.float32(np.stack([np.r_[across, across[-2:0:-1]], np.r_[upper, lower]], -1))


def test_an_opening_is_what_lies_within_the_lips_of_the_target():
    size = 64
    image = np.zeros((size, size, 3), np.uint8)
    closed, open_, unknown = _mouth(20, 40, 44, 40.1), _mouth(19.5, 39.5, 43.5, 49.5), np.full((20, 2), np.nan)
    read = {
        name: {'image': image, 'lips': contour}
        for name, contour in (('closed', closed), ('open', open_), ('unknown', unknown))
    }
    plain = pairs.Augmentation()
    opening, known = pairs.true_opening(read['closed'], read['open'], plain)
    assert known.all() and opening[42, 30] == 1 and opening[30, 30] == 0
    np.testing.assert_allclose(opening.sum(), 24 * 10 - 2.4 * 10, rtol=0.02)  # a rectangle whose lower corners are cut
    opening, known = pairs.true_opening(read['open'], read['closed'], plain)
    assert known.all() and not opening.any()
    # Where both are open, or S may be, nobody knows which part of T it shows.
    for other in ('open', 'unknown'):
        opening, known = pairs.true_opening(read[other], read['open'], plain)
        np.testing.assert_array_equal(known, opening == 0)
    assert pairs.true_opening(read['open'], read['unknown'], plain) is None
    # Carried along with the picture.
    turned = pairs.Augmentation(degrees=90.0, flip=True)
    opening, _ = pairs.true_opening(read['closed'], read['open'], plain)
    moved, _ = pairs.true_opening(read['closed'], read['open'], turned)
    np.testing.assert_allclose(moved, pairs.augment(opening, turned), atol=0.3)
    assert np.abs(moved - opening).max() == 1


def test_batches_tell_the_opening_and_fall_back_on_what_is_exposed():
    faces, (source, target) = _shaded_pair()
    settings = _config(true_flow=True, color_transfer=False).data
    example = pairs.load_pair(faces, 0, 1, pairs.Augmentation(), settings)
    np.testing.assert_array_equal(example['opening'], example['exposed'])
    np.testing.assert_array_equal(example['opening_known'], example['known'])
    source['lips'], target['lips'] = _mouth(10, 20, 22, 20), _mouth(10, 18, 22, 24)
    example = pairs.load_pair(faces, 0, 1, pairs.Augmentation(), settings)
    assert example['opening'].sum() > 60 and example['opening_known'].all()
    itself = pairs.load_pair(faces, 1, 1, pairs.Augmentation(), settings)
    assert not itself['opening'].any() and itself['opening_known'].all()


def test_emphasis_counts_the_images_of_a_pair_that_show_an_expression():
    records = [_Record('a', name, 1) for name in ('neutral', 'smile', 'scream')]
    every = pairs.ordered_pairs(records, ['a'])
    count = collections.Counter(map(tuple, pairs.emphasize(every, records, ('neutral', 'smile')).tolist()))
    assert count == {(0, 1): 16, (1, 0): 16, (0, 2): 4, (2, 0): 4, (1, 2): 4, (2, 1): 4}
    np.testing.assert_array_equal(pairs.emphasize(every, records, ()), every)
    with pytest.raises(InputError, match="'smirk', which no image shows; the set has neutral, scream, smile"):
        pairs.emphasize(every, records, ('smirk',))


def test_both_images_of_a_pair_are_seen_in_the_same_light():
    settings = _config(jitter_color=0.3).data
    plan = pairs.PairPlan(_pairs(_Faces()), 0, settings)
    gains = np.asarray([plan.at(i)[2].gains for i in range(300)])
    assert 0.7 <= gains.min() < 0.72 and 1.28 < gains.max() <= 1.3 and abs(np.corrcoef(gains.T)[0, 1]) < 0.2
    light = pairs.Augmentation(gains=(0.5, 1.0, 2.0))
    plain = pairs.load_pair(_Faces(), 0, 1, pairs.Augmentation(), settings)
    lit = pairs.load_pair(_Faces(), 0, 1, light, settings)
    for name in ('source', 'target'):
        np.testing.assert_allclose(lit[name] + 1, np.minimum((plain[name] + 1) * [0.5, 1, 2], 2), atol=1e-6)
    assert pairs.PairPlan(_pairs(_Faces()), 0, _config().data).at(3)[2].gains == (1, 1, 1)


def _take(iterator, count):
    return [next(iterator) for _ in range(count)]


def test_hosts_load_disjoint_rows_of_the_same_global_batches():
    faces, config = _Faces(), _config(batch=8, jitter_degrees=5.0)
    whole = _take(pipeline.training_batches(faces, _pairs(faces), config, slice(0, 8)), 7)
    shares = [
        _take(pipeline.training_batches(faces, _pairs(faces), config, slice(i, i + 2)), 7) for i in range(0, 8, 2)
    ]
    for step, batch in enumerate(whole):
        for name, value in batch.items():
            np.testing.assert_array_equal(np.concatenate([share[step][name] for share in shares]), value)
    indices = np.concatenate([b['index'] for b in whole])
    np.testing.assert_array_equal(indices, np.arange(56))


def test_the_stream_goes_on_where_it_was():
    faces, config = _Faces(), _config(jitter_degrees=5.0)
    whole = _take(pipeline.training_batches(faces, _pairs(faces), config, slice(0, 8)), 6)
    rest = _take(pipeline.training_batches(faces, _pairs(faces), config, slice(0, 8), step=3), 3)
    for a, b in zip(whole[3:], rest, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    assert not np.array_equal(whole[0]['source'], rest[0]['source'])


@pytest.mark.parametrize('cores', [1, 3, 64])
def test_one_thread_for_each_core_and_the_order_does_not_depend_on_them(cores, monkeypatch):
    faces, config = _Faces(), _config(jitter_degrees=5.0)
    asked, real = [], grain.ReadOptions

    def options(**chosen):
        asked.append(chosen['num_threads'])
        return real(**chosen)

    expected = _take(pipeline.training_batches(faces, _pairs(faces), config, slice(0, 8)), 4)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda process: set(range(cores)))
    monkeypatch.setattr(grain, 'ReadOptions', options)
    found = _take(pipeline.training_batches(faces, _pairs(faces), config, slice(0, 8)), 4)
    assert asked == [min(cores, 16)]
    for a, b in zip(expected, found, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_evaluation_covers_every_pair_once():
    faces, config = _Faces(people=3), _config()
    config.eval.batch_size = 4
    chosen = _pairs(faces)[:10]
    batches = list(pipeline.evaluation_batches(faces, chosen, config))
    assert [valid for _, valid in batches] == [4, 4, 2] and all(len(b['target']) == 4 for b, _ in batches)
    targets = np.concatenate([b['target'][:valid] for b, valid in batches])
    expected = np.stack([faces[int(t)]['image'] for _, t in chosen]) / 127.5 - 1
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    assert len(pipeline.thin(chosen, 3)) == 3 and pipeline.thin(chosen, 10) is chosen


def test_color_transfer_can_be_switched_off_and_leaves_the_target_alone():
    faces = _Faces()
    on = pairs.load_pair(faces, 0, 1, pairs.Augmentation(), _config().data)
    off = pairs.load_pair(faces, 0, 1, pairs.Augmentation(), _config(color_transfer=False).data)
    np.testing.assert_array_equal(on['target'], off['target'])
    assert np.abs(on['source'] - off['source']).max() > 1e-3
    assert on['source'].dtype == on['target'].dtype == np.float32
