"""The 95 % interval of a share of answers, where the same participants and images answer again and again."""

import numpy as np
from scipy import stats


def wilson(share: float, trials: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval (1927).

    Args:
      share: Of successes, in [0, 1].
      trials: Independent trials, or as many as the data are worth; positive.
      quantile: Of the standardised share; 1.96 for 95 %.

    Returns:
      low, high, in [0, 1].
    """
    square = quantile**2 / trials
    center = (share + square / 2) / (1 + square)
    half = np.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return max(0.0, float(center - half)), min(1.0, float(center + half))


def independent(labels: np.ndarray) -> tuple[float, float]:
    """Wilson's 95 % interval that takes every answer as independent of every other.

    It is about these participants and these images. Where people differ in trust, or images in quality, it is too
    narrow for what one wants to know: what others would say to other images of the method.

    Args:
      labels: 1 for 'real', 0 for 'fake', NaN where not judged, (participants, images); one is judged at least.

    Returns:
      low, high, in [0, 1].
    """
    judged = labels[~np.isnan(labels)]
    return wilson(judged.mean(), judged.size, stats.norm.ppf(0.975))


def crossed(labels: np.ndarray) -> tuple[float, float]:
    """Wilson's 95 % interval for participants and images drawn at random, both of them.

    The variance of the share is that of independent answers plus what sums by participant and sums by image vary
    beyond it (Cameron, Gelbach & Miller 2011, each part at least zero). Divided by the former it is the design effect
    (Kish 1965): that many answers are worth one. The quantile is Student's, with the degrees of freedom of the two
    added parts (Satterthwaite 1946), so that ten images count as ten.

    Args:
      labels: 1 for 'real', 0 for 'fake', NaN where not judged, (participants, images); one is judged at least.

    Returns:
      low, high, in [0, 1]; at least as wide as `independent`, and equal to it where all agree.
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
        return independent(labels)
    variance = alone + excess
    quantile = stats.t.ppf(0.975, variance**2 / information)
    return wilson(share, trials * alone / variance, quantile)
