"""Loads the networks of this folder. It needs jax and flatbuffers, neither Flax nor fvae_jax.

    networks, latents = load()
    face = networks['encode']({'image': crops})                       # (B, size, size, 3) float32, RGB in [-1, 1]
    smiling = networks['decode']({**face, 'latent': face['latent'] + 0.7 * latents['smile']})

`displacement` (B, size, size, 2) says, in pixels of the crop, how far from its own place each pixel is read; that of an
edit is the difference from `networks['decode'](face)`. model.json tells the rest.
"""

import json
import pathlib
from collections.abc import Callable

import jax
import numpy as np
from jax import export

FOLDER = pathlib.Path(__file__).parent


def load(folder: str | pathlib.Path = FOLDER) -> tuple[dict[str, Callable], dict[str, np.ndarray]]:
    """Returns the networks by name, functions from arrays by name to arrays by name, and the latents by name."""
    folder = pathlib.Path(folder)
    model = json.loads((folder / 'model.json').read_text(encoding='utf-8'))
    networks = {name: _network(folder / told['file'], told['inputs']) for name, told in model['networks'].items()}
    told = model['latents']
    values = np.fromfile(folder / told['file'], '<f4').reshape(-1, *told['shape'])
    return networks, dict(zip(told['order'], values))


def _network(path, names):
    call = jax.jit(export.deserialize(bytearray(path.read_bytes())).call)
    return lambda arrays: call({name: arrays[name] for name in names})
