"""Intervals around what was measured: means over pairs of people, and ratios of means."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_CONFIDENCE = 0.95


class Value(NamedTuple):
    """A number with its 95 % interval, if it has one."""

    mean: float
    low: float | None = None
    high: float | None = None

    def percent(self) -> 'Value':
        """A share as per cent."""
        return Value(*(None if part is None else 100 * part for part in self))


def bootstrap_interval(
    values: np.ndarray, people: Sequence[str], wholes: np.ndarray | None = None, *, seed: int = 0, resamples: int = 2000
) -> Value:
    """The mean over pairs and its 95 % percentile interval over people (cluster bootstrap).

    Pairs of one person resemble each other, so people are drawn with replacement, each with all pairs, and the mean
    over the pairs drawn is taken. The mean itself is that of `training.evaluate`: every pair counts the same, so a
    person with more pairs counts more.

    Args:
      values: (pairs,), any unit; finite, or infinite as the PSNR of identical images; in a mean NaN does not count.
      people: Whose each pair is, (pairs,).
      wholes: For the mean of the values over that of the wholes: what there was to reach, (pairs,), in the same unit;
        its sum over any person is not 0. A mean of ratios would hang on the pairs whose whole is next to nothing.
      seed: Of the draws.
      resamples: Number of draws.

    Returns:
      The mean or ratio; low and high are nan with fewer than two people, all three without pairs.

    Raises:
      ValueError: There are not as many people or wholes as values.
    """
    values, people = np.asarray(values, np.float64), np.asarray(people)
    known = ~np.isnan(values) if wholes is None else np.ones(values.shape, bool)
    wholes = np.ones(values.shape) if wholes is None else np.asarray(wholes, np.float64)
    if not values.shape == wholes.shape == people.shape:
        raise ValueError(
            f'values of shape {values.shape} and {wholes.shape} for {len(people)} people; each value needs one person'
        )
    values, wholes = values[known], wholes[known]
    names, person = np.unique(people[known], return_inverse=True)
    if not len(names):
        return Value(np.nan, np.nan, np.nan)
    ratio = float(values.sum() / wholes.sum())
    if len(names) < 2:
        return Value(ratio, np.nan, np.nan)
    sums = np.stack([np.bincount(person, values), np.bincount(person, wholes)])
    drawn = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
    part, whole = sums[:, drawn].sum(-1)
    ratios = np.sort(part / whole)
    # Order statistics: between two infinite means there is nothing to interpolate.
    tail = int((1 - _CONFIDENCE) / 2 * resamples)
    return Value(ratio, float(ratios[tail]), float(ratios[-1 - tail]))
