"""The embedded set: drawn people × the six Multi-PIE expressions, with true flow; nothing is downloaded."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fvae_jax.data.drawn.expressions import EXPRESSIONS
from fvae_jax.data.drawn.face import DrawnFace

SEED = 0  # of the set; person i depends on (SEED, i) alone
# Goes up whenever the same person gives other pictures: sets and reported results are per drawing.
DRAWING = 'drawing 1'


def frames(strengths: Sequence[float]) -> list[tuple[str, float]]:
    """What every person shows: neutral once, then every other expression at each strength."""
    return [
        ('neutral', 0.0),
        *((expression, float(strength)) for expression in EXPRESSIONS[1:] for strength in strengths),
    ]


def draw(identities: int, size: int, strengths: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Draws the examples of a set, as `builder.Source` describes them, person by person, each in all `frames`.

    The first people of a larger set are the same; `size` is the side of the pictures, px, strengths are in (0, 1].
    """
    for index in range(identities):
        face = DrawnFace(SEED, index, size)
        identity = f'synthetic_{index:04d}'
        for expression, strength in frames(strengths):
            displacement, exposed = face.displacement(expression, strength)
            yield {
                'image': face.image(expression, strength),
                'identity': identity,
                'expression': expression,
                'strength': strength,
                'origin': 'synthetic',
                'file': f'{identity}/{expression}_{round(100 * strength):03d}',
                'reference': f'{identity}/neutral_000',
                'displacement': displacement.astype(np.float16),
                'exposed': exposed,
                'made_from': DRAWING,
            }
