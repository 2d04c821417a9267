"""The embedded set: procedural faces with true flow, drawn here, so that nothing is downloaded."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from fvae_jax.data import drawing, expressions
from fvae_jax.data.builder import BuildReport, FaceSet

# Goes up whenever the same seed gives other pictures: sets and reported results are per drawing.
_DRAWING = 1


class Synthetic(FaceSet):
    """Drawn people × the six Multi-PIE expressions (`drawing`)."""

    name = 'synthetic'

    def __init__(
        self,
        *,
        size: int,
        cache: str | os.PathLike,
        identities: int = 150,
        seed: int = 0,
        strengths: Sequence[float] = (1.0,),
    ):
        """Says which people to draw.

        Args:
          size: side of the crops, px.
          cache: folder that holds the built sets.
          identities: number of people.
          seed: which people; the first ones of a larger set with the same seed are the same.
          strengths: strengths in (0, 1] at which each expression but neutral is drawn.
        """
        self._identities, self._seed, self._strengths = identities, seed, tuple(strengths)
        options = {'identities': identities, 'seed': seed, 'strengths': self._strengths}
        super().__init__(
            size=size, cache=cache, source='the synthetic set', options=options, fingerprint=f'drawing {_DRAWING}'
        )

    def _face_examples(self, report: BuildReport) -> Iterator[dict[str, Any]]:
        others = len(expressions.EXPRESSIONS) - 1
        report.expected = self._identities * (1 + others * len(self._strengths))
        return drawing.examples(self._identities, self._size, self._seed, self._strengths)
