"""Photos with their faces, found without JAX."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from fvae_jax.data import found
from fvae_jax.errors import InputError

PORTRAIT = pathlib.Path(__file__).parents[2] / 'docs' / 'composite_face.jpg'
_CODE = """
import sys
from fvae_jax.data import found
print(len(found.find(sys.argv[1], 10**7).faces), *(name for name in ('jax', 'flax', 'scipy') if name in sys.modules))
"""


def test_faces_are_found_without_jax():
    """A command imports it meanwhile."""
    run = subprocess.run([sys.executable, '-c', _CODE, PORTRAIT], capture_output=True, text=True, check=True)
    assert run.stdout == '1\n'


def test_a_photo_without_a_face():
    with pytest.raises(InputError, match='shows no face that can be found'):
        found.find(np.full((200, 300, 3), 120, np.uint8), 10**7)
    with pytest.raises(InputError, match='megapixel'):
        found.find(PORTRAIT, 1000)
