"""Whether an export computes what JAX computes: its networks are run by their own runtime, on drawn faces.

The faces are encoded, and decoded from their own latents and from those of each expression at strength 1; every network
gets what the ones before it gave in the same runtime.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
from scipy import special

from fvae_jax import bundle as bundle_lib
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.editing import latent
from fvae_jax.errors import InputError
from fvae_jax.export import facts, functions
from fvae_jax.ops import image as image_ops, warp

_PEOPLE = (('neutral', 1.0), ('smile', 0.7), ('surprise', 1.0))

Arrays = Mapping[str, np.ndarray]
Run = Callable[[str, Arrays], Arrays]


class Difference(NamedTuple):
    """How far an export is from JAX at most.

    Attributes:
      numbers: Of displacement (normalised to [-1, 1] across the crop), alpha, color / 2, shading and confidence.
      picture: Of edited crops, in steps of 1/255.
    """

    numbers: float
    picture: float


# What is allowed. Weights in half precision change numbers by more, and are judged by the picture alone.
LIMIT = Difference(numbers=1e-4, picture=1.0)


def drawn_crops(size: int) -> np.ndarray:
    """Returns drawn faces, (N, size, size, 3) float32 in [-1, 1]."""
    return np.stack([image_ops.to_float(DrawnFace(0, i, size).image(*what)) for i, what in enumerate(_PEOPLE)])


class Reference:
    """What JAX computes for some crops, (N, size, size, 3) float32 in [-1, 1]: drawn ones when none are given."""

    def __init__(self, bundle: bundle_lib.Bundle, crops: np.ndarray | None = None):
        self._inputs = functions.inputs(bundle)
        self._crops = drawn_crops(bundle.config.data.image_size) if crops is None else crops
        self._directions = [value for name, value in facts.latents(bundle).items() if name != latent.NEUTRAL]
        networks = {name: jax.jit(function) for name, function in functions.networks(bundle).items()}
        self._expected = self._results(lambda name, arrays: jax.device_get(networks[name](arrays)))

    def difference(self, run: Run) -> Difference:
        """Compares with what `run` gives.

        It runs a network of the export by its name, on arrays as `functions` has them or as it gave them itself.
        """
        apart = {name: np.abs(value - self._expected[name]).max() for name, value in self._results(run).items()}
        # A comparison with NaN is never true, and would pass.
        apart = {name: float(np.nan_to_num(value, nan=np.inf)) for name, value in apart.items()}
        picture = 255 * apart.pop('picture')
        return Difference(max(apart.values()), picture)

    def require(self, run: Run, what: str) -> Difference:
        """Returns the difference; raises `InputError` if it is larger than `LIMIT` allows."""
        found = self.difference(run)
        if found.numbers > LIMIT.numbers or found.picture > LIMIT.picture:
            raise InputError(
                f'{what} does not compute what JAX does: numbers differ by {found.numbers:.2g}, '
                f'{LIMIT.numbers:g} allowed, pictures by {found.picture:.2g}/255, {LIMIT.picture:g}/255 '
                'allowed; nothing is written: install the versions of launch/constraints.txt'
            )
        return found

    def _results(self, run: Run) -> dict[str, np.ndarray]:
        """What people see of the networks: all of it in units in which 1 is much."""
        size = self._crops.shape[1]
        encoded = run('encode', {'image': self._crops})
        decoded = [self._decoded(run, encoded, change) for change in (0, *self._directions)]
        own = decoded[0]
        seen = {
            'displacement': lambda pixels: 2 / (size - 1) * pixels,
            'alpha_logit': special.expit,
            'color': lambda color: color / 2,
            'shading': lambda shading: shading,
            'mask_logit': special.expit,
        }
        results = {name: np.stack([see(one[name]) for one in decoded]) for name, see in seen.items() if name in own}
        results['picture'] = np.stack([_edit(self._crops, own, one) for one in decoded]) / 2
        return results

    def _decoded(self, run: Run, encoded: Arrays, change: np.ndarray | int) -> dict[str, np.ndarray]:
        arrays = {**encoded, 'latent': np.float32(encoded['latent'] + change)}
        result = {}
        for name in list(self._inputs)[1:]:
            result.update(run(name, {key: arrays[key] for key in self._inputs[name]}))
        return result


def _edit(crops: np.ndarray, own: Arrays, edited: Arrays) -> np.ndarray:
    """The crops with an edit, anchored as in `editing.model.Model.change`."""
    warped = np.asarray(warp.warp_by_displacement(crops, edited['displacement'] - own['displacement']))
    if 'shading' in edited:
        warped = image_ops.shade(warped, edited['shading'] - own['shading'])
    if 'color' not in edited:
        return warped
    kept = special.log_expit(-edited['alpha_logit']) - special.log_expit(-own['alpha_logit'])
    alpha = 1 - np.exp(np.minimum(0, kept))[..., None]
    return (1 - alpha) * warped + alpha * edited['color']
