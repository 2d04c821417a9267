"""The average flow of the training people (6.1, Fig. 4): a flow that does not see its target."""

import collections
from collections.abc import Iterable

import numpy as np

from fvae_jax.evaluation import cases
from fvae_jax.evaluation.methods import base, optical_flow

_REST = 'neutral'


class AverageFlow(base.Method):
    """For each ordered pair of labels, the mean optical flow of other people.

    A pair that the training people do not have goes by way of neutral, if they have both ways.

    Args:
      pairs: Of training people, of one size and aligned alike.
    """

    name = f'average flow ({optical_flow.KIND})'

    def __init__(self, pairs: Iterable[cases.Pair]):
        total, count = {}, collections.Counter()
        for pair in pairs:
            key = pair.source_expression, pair.target_expression
            total[key] = total.get(key, 0) + optical_flow.estimate(pair.source, pair.target)
            count[key] += 1
        self._flows = {key: (flow / count[key]).astype(np.float32) for key, flow in total.items()}

    def displacement(self, source: str, target: str) -> np.ndarray | None:
        """The average flow from one expression to another: (H, H, 2) float32, px; None if nobody showed it."""
        if (source, target) in self._flows:
            return self._flows[source, target]
        ways = self._flows.get((source, _REST)), self._flows.get((_REST, target))
        if any(way is None for way in ways):
            return None
        to_rest, from_rest = ways
        return optical_flow.compose(from_rest, to_rest)

    def flow(self, pair: cases.Pair) -> np.ndarray | None:
        """The average flow of the labels of S and T."""
        return self.displacement(pair.source_expression, pair.target_expression)

    def edit(self, crop: np.ndarray, source: str, target: str, strength: float) -> np.ndarray | None:
        """Warps a crop along `strength` times the average flow."""
        displacement = self.displacement(source, target)
        return None if displacement is None else base.warp_crop(crop, strength * displacement)
