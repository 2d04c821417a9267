"""Intervals around what was measured: means over pairs of people, ratios of means, and shares of answers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

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
    values: np.ndarray, people: Sequence[str], wholes: np.ndarray | None = None, *, resamples: int = 2000
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
      resamples: Number of draws.

    Returns:
      The mean or ratio; low and high are nan with fewer than two people, all three without pairs.
    """
    values, people = np.asarray(values, np.float64), np.asarray(people)
    if wholes is None:
        known = ~np.isnan(values)
        values, people, wholes = values[known], people[known], np.ones(known.sum())
    wholes = np.asarray(wholes, np.float64)
    names, person = np.unique(people, return_inverse=True)
    if not len(names):
        return Value(np.nan, np.nan, np.nan)
    ratio = float(values.sum() / wholes.sum())
    if len(names) < 2:
        return Value(ratio, np.nan, np.nan)
    sums = np.stack([np.bincount(person, values), np.bincount(person, wholes)])
    drawn = np.random.default_rng(0).integers(len(names), size=(resamples, len(names)))
    part, whole = sums[:, drawn].sum(-1)
    ratios = np.sort(part / whole)
    # Order statistics: between two infinite means there is nothing to interpolate.
    tail = int((1 - _CONFIDENCE) / 2 * resamples)
    return Value(ratio, float(ratios[tail]), float(ratios[-1 - tail]))


def wilson(share: float, trials: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share of successes: low, high, in [0, 1].

    Args:
      share: In [0, 1].
      trials: Independent trials, or as many as the data are worth; positive.
      quantile: Of the standardized share; 1.96 for 95 %.
    """
    square = quantile**2 / trials
    center = (share + square / 2) / (1 + square)
    half = np.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return max(0.0, float(center - half)), min(1.0, float(center + half))


def independent_share(labels: np.ndarray) -> tuple[float, float]:
    """Wilson's 95 % interval, low and high in [0, 1], that takes every answer as independent of every other.

    It is about these participants and these images. Where people differ in trust, or images in quality, it is too
    narrow for what one wants to know: what others would say to other images of the method.

    Args:
      labels: 1 for 'real', 0 for 'fake', NaN where not judged, (participants, images); one is judged at least.
    """
    judged = labels[~np.isnan(labels)]
    return wilson(judged.mean(), judged.size, stats.norm.ppf(0.975))


def crossed_share(labels: np.ndarray) -> tuple[float, float]:
    """Wilson's 95 % interval for participants and images drawn at random, both of them.

    The variance of the share is that of independent answers plus what sums by participant and sums by image vary
    beyond it (Cameron, Gelbach & Miller 2011, each part at least zero). Divided by the former it is the design effect
    (Kish 1965): that many answers are worth one. The quantile is Student's, with the degrees of freedom of the two
    added parts (Satterthwaite 1946), so that ten images count as ten.

    Args:
      labels: 1 for 'real', 0 for 'fake', NaN where not judged, (participants, images); one is judged at least.

    Returns:
      low, high, in [0, 1]; at least as wide as `independent_share`, and equal to it where all agree.
    """
    judged = ~np.isnan(labels)
    trials = judged.sum()
    share = np.nansum(labels) / trials
    alone = share * (1 - share) / trials
    residuals = np.where(judged, labels - share, 0)
    excess, information = 0.0, 0.0
    for axis in (0, 1):
        clusters = np.count_nonzero(judged.any(axis))
        if clusters > 1 and alone > 0:
            clustered = np.sum(residuals.sum(axis) ** 2) / trials**2 * clusters / (clusters - 1)
            part = max(0.0, clustered - alone)
            excess += part
            information += part**2 / (clusters - 1)
    if not excess:
        return independent_share(labels)
    variance = alone + excess
    quantile = stats.t.ppf(0.975, variance**2 / information)
    return wilson(share, trials * alone / variance, quantile)
