"""Intervals cover what they promise to cover, and an interval that forgets whose the pairs are does not."""

import numpy as np
import pytest
from scipy import stats

from fvae_jax.evaluation import statistics

PEOPLE, PAIRS = 25, 8


def studies(count=200):
    """Yields values of pairs around 30 whose people differ as much as their pairs, and whose they are."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(PEOPLE), PAIRS).astype(str)
    for _ in range(count):
        yield 30 + rng.normal(size=PEOPLE).repeat(PAIRS) + rng.normal(size=PEOPLE * PAIRS), people


def coverage(whose):
    hits = [
        low <= 30 <= high
        for values, people in studies()
        for _, low, high in [statistics.bootstrap_interval(values, whose(people), resamples=500)]
    ]
    return np.mean(hits)


def test_the_bootstrap_covers_the_truth():
    assert 0.88 <= coverage(lambda people: people) <= 0.98


def test_forgetting_whose_the_pairs_are_does_not():
    assert coverage(lambda people: np.arange(len(people)).astype(str)) < 0.75


def test_the_mean_is_over_pairs():
    values, people = [1, 2, 3, 10], ['a', 'a', 'a', 'b']
    mean, low, high = statistics.bootstrap_interval(values, people)
    assert mean == 4
    # Drawing 'a' twice gives 2, 'b' twice 10; each happens in a quarter of the draws.
    assert (low, high) == (2, 10)


def test_the_bootstrap_is_scipys_where_everyone_has_one_pair():
    values = np.random.default_rng(1).gamma(2, size=40)
    mean, low, high = statistics.bootstrap_interval(values, [str(i) for i in range(40)], resamples=20_000)
    expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, method='percentile', random_state=0)
    assert mean == pytest.approx(values.mean())
    np.testing.assert_allclose((low, high), expected.confidence_interval, rtol=0.02)
    assert high - low > 0.3


def test_the_bootstrap_is_the_same_each_time_and_does_not_depend_on_the_order():
    values, people = next(studies(1))
    first = statistics.bootstrap_interval(values, people)
    assert first == statistics.bootstrap_interval(values, people)
    order = np.random.default_rng(2).permutation(len(values))
    np.testing.assert_allclose(first, statistics.bootstrap_interval(values[order], people[order]), rtol=1e-12)


def test_a_ratio_is_that_of_the_means():
    parts, wholes, people = [1, 2, 3], [2, 4, 0], ['a', 'a', 'b']
    np.testing.assert_equal(statistics.bootstrap_interval(parts[:2], people[:2], wholes[:2]), (0.5, np.nan, np.nan))
    assert statistics.bootstrap_interval(parts, ['a', 'b', 'a'], wholes)[0] == 1
    values, people = next(studies(1))
    # A fixed share of every whole has no spread; a share that differs between people has.
    share, low, high = statistics.bootstrap_interval(0.47 * values, people, values)
    np.testing.assert_allclose((share, low, high), 0.47)
    own = np.random.default_rng(4).uniform(0.3, 0.6, PEOPLE).repeat(PAIRS)
    share, low, high = statistics.bootstrap_interval(own * values, people, values)
    assert share == pytest.approx(np.sum(own * values) / values.sum()) and 0.02 < high - low < 0.1


def test_one_person_has_no_interval_and_identical_images_an_infinite_mean():
    np.testing.assert_equal(statistics.bootstrap_interval([20, 30], ['a', 'a']), (25, np.nan, np.nan))
    np.testing.assert_equal(statistics.bootstrap_interval([], []), (np.nan, np.nan, np.nan))
    assert statistics.bootstrap_interval([20, np.nan, 30], ['a', 'a', 'b']) == (25, 20, 30)
    mean, low, high = statistics.bootstrap_interval([20, 30, np.inf], ['a', 'b', 'c'])
    assert (mean, high) == (np.inf, np.inf) and 20 <= low < 30
