"""parameters.txt: the network, layer by layer."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import traverse_util

from fvae_jax.models import fvae


def parameter_table(config: ml_collections.ConfigDict) -> str:
    """Returns the per-layer table of the network: filters, outputs for one image, parameter counts."""
    model = fvae.from_config(config)
    size = config.data.image_size
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), image, image)
    apply = functools.partial(model.apply, capture_intermediates=True)
    _, state = jax.eval_shape(apply, variables, image, image)
    params, rows = traverse_util.flatten_dict(variables['params']), []
    for (*path, _), outputs in traverse_util.flatten_dict(state['intermediates']).items():
        kernel = params.get((*path, 'conv', 'kernel'))  # of `blocks.Conv`, or of `blocks.Weights`, which draws nothing
        if kernel is not None:
            shapes = kernel.shape, getattr(outputs[0], 'shape', ())[1:]
            weights = [leaf for name, leaf in params.items() if list(name[: len(path)]) == path]
            rows.append(('.'.join(path), *('×'.join(map(str, shape)) for shape in shapes), _count(weights)))
    width = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f'{"layer":<{width[0]}}  {"filter":<{width[1]}}  {"output":<{width[2]}}  {"weights":>12}']
    lines += [f'{a:<{width[0]}}  {b:<{width[1]}}  {c:<{width[2]}}  {d:>12,}' for a, b, c, d in rows]
    lines.append(f'parameters in all, normalizations included: {_count(variables["params"]):,}')
    return '\n'.join(lines) + '\n'


def _count(params: Any) -> int:
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))
