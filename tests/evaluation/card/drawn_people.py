"""What tests of the card share: drawn people who smile, and the cells of a table."""

import functools

from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.evaluation import tables
from fvae_jax.evaluation.cases import Edit
from fvae_jax.evaluation.tables import Report, Section
from fvae_jax.ops import image as image_ops

SIZE = 64
PEOPLE = 3


@functools.cache
def face(number):
    return DrawnFace(0, number, SIZE)


def drawn(number, expression, strength=1.0):
    return image_ops.to_float(face(number).image(expression, strength))


def smiling(expression='smile'):
    """Edits of drawn people from neutral to an expression."""
    return [Edit(f'p{i}', 'neutral', expression, drawn(i, 'neutral', 0.0), drawn(i, expression)) for i in range(PEOPLE)]


def cells(table):
    return tables.all_numbers(Report('', '', {}, [Section('', '', [table])]))['tables'][table.name]
