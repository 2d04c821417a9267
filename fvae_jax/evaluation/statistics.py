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


def bootstrap_interval(values: np.ndarray, people: Sequence[str], seed: int = 0, resamples: int = 2000) -> Value:
    """The mean over pairs and its 95 % percentile interval over people (cluster bootstrap).

    Pairs of one person resemble each other, so people are drawn with replacement, each with all pairs, and the mean
    over the pairs drawn is taken. The mean itself is that of `training.evaluate`: every pair counts the same, so a
    person with more pairs counts more.

    Args:
      values: (pairs,), any unit; finite, or infinite as the PSNR of identical images.
      people: Whose each pair is, (pairs,).
      seed: Of the draws.
      resamples: Number of draws.

    Returns:
      The mean; low and high are nan with fewer than two people, all three without pairs.

    Raises:
      ValueError: There are not as many people as values.
    """
    return bootstrap_ratio(values, np.ones(len(values)), people, seed, resamples)


def bootstrap_ratio(
    parts: np.ndarray, wholes: np.ndarray, people: Sequence[str], seed: int = 0, resamples: int = 2000
) -> Value:
    """The mean of the parts over that of the wholes, with an interval as that of `bootstrap_interval`.

    A mean of ratios would hang on the pairs whose whole is next to nothing.

    Args:
      parts: (pairs,), what was reached.
      wholes: (pairs,), what there was to reach, in the same unit; their sum over any person is not 0.
      people: Whose each pair is, (pairs,).
      seed: Of the draws.
      resamples: Number of draws.

    Returns:
      The ratio; low and high are nan as there.

    Raises:
      ValueError: The three differ in length.
    """
    parts, wholes = np.asarray(parts, np.float64), np.asarray(wholes, np.float64)
    names, person = np.unique(np.asarray(people), return_inverse=True)
    if not parts.shape == wholes.shape == person.shape:
        raise ValueError(
            f'values of shape {parts.shape} and {wholes.shape} for {len(person)} people; each value needs one person'
        )
    if not len(names):
        return Value(np.nan, np.nan, np.nan)
    ratio = float(parts.sum() / wholes.sum())
    if len(names) < 2:
        return Value(ratio, np.nan, np.nan)
    sums = np.stack([np.bincount(person, parts), np.bincount(person, wholes)])
    drawn = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
    part, whole = sums[:, drawn].sum(-1)
    ratios = np.sort(part / whole)
    # Order statistics: between two infinite means there is nothing to interpolate.
    tail = int((1 - _CONFIDENCE) / 2 * resamples)
    return Value(ratio, float(ratios[tail]), float(ratios[-1 - tail]))


def share_interval(held: np.ndarray, people: Sequence[str]) -> Value:
    """In how many cases something holds, %, with an interval as that of `bootstrap_interval`."""
    return bootstrap_interval(np.asarray(held, float), people).percent()


def known_interval(values: np.ndarray, people: Sequence[str]) -> Value:
    """`bootstrap_interval` of the values that are not NaN."""
    known = ~np.isnan(values)
    return bootstrap_interval(np.asarray(values)[known], np.asarray(people)[known])
