"""What an export computes, in JAX: three networks that map arrays by name to arrays by name.

    encode  image (B, H, W, 3) in [-1, 1] → latent (B, 4, 4, C), feature_0 …, with a mask also mask_feature_0 …
    decode  latent, feature_0 … → displacement (B, H, W, 2), pixels of the crop; with a content layer alpha_logit
            (B, H, W) and color (B, H, W, 3) in [-1, 1], with shading r (B, H, W) as shading
    mask    latent, mask_feature_0 … → mask_logit (B, H, W)

The displacement is the flow less the grid (`ops.warp.flow_to_displacement`). Only features that the decoder looks at
are given. Everything is float32, whatever `model.dtype` says.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax import bundle as bundle_lib
from fvae_jax.errors import InputError
from fvae_jax.models import fvae, interface
from fvae_jax.ops import warp

Arrays = Mapping[str, jax.Array]


def networks(bundle: bundle_lib.Bundle) -> dict[str, Callable[[Arrays], dict[str, jax.Array]]]:
    """The networks of a model by name, weights inside; raises `InputError` for a pixel VAE.

    Weights that half precision holds exactly, as those of the built-in model, are constants of half precision: files
    made from these functions are half as large and compute the same.
    """
    if bundle.config.model.decoder != 'flow':
        raise InputError(
            "this model is a VAE that predicts pixels (model.decoder = 'pixels'), made for the report; "
            "export a model of model.decoder = 'flow'"
        )
    config = bundle.config.copy_and_resolve_references()
    config.model.dtype = 'float32'
    network, judge = fvae.from_config(config), fvae.mask_from_config(config)
    stages = len(interface.stage_widths(config.data.image_size, config.model.width))
    variables, mask_variables = _exact_halves(bundle.fvae), _exact_halves(bundle.mask)
    given = shapes(bundle)

    def encode(arrays: Arrays) -> dict[str, jax.Array]:
        image, weights = arrays['image'], _float32(variables)
        result = {'latent': network.apply(weights, image, method='encode').mean}
        features = {'feature': network.apply(weights, image, method='features')}
        if mask_variables is not None:
            features['mask_feature'] = judge.apply(_float32(mask_variables), image, method='features')
        named = {f'{prefix}_{i}': value for prefix, values in features.items() for i, value in enumerate(values)}
        return {**result, **{name: value for name, value in named.items() if name in given}}

    def decode(arrays: Arrays) -> dict[str, jax.Array]:
        features = [arrays.get(f'feature_{i}') for i in range(stages)]
        decoded = network.apply(_float32(variables), arrays['latent'], features, method='decode')
        result = {'displacement': warp.flow_to_displacement(decoded.flow)}
        if config.model.content:
            result.update(alpha_logit=decoded.alpha_logit, color=decoded.color)
        if config.model.shading:
            result['shading'] = decoded.shading
        return result

    def mask(arrays: Arrays) -> dict[str, jax.Array]:
        features = [arrays.get(f'mask_feature_{i}') for i in range(stages)]
        return {'mask_logit': judge.apply(_float32(mask_variables), arrays['latent'], features, method='decode')}

    return {'encode': encode, 'decode': decode, **({} if bundle.mask is None else {'mask': mask})}


def shapes(bundle: bundle_lib.Bundle) -> dict[str, tuple[int, ...]]:
    """The shapes, without the batch, of the inputs of all networks; features as in JAX, channels last."""
    config, size = bundle.config, bundle.config.data.image_size
    stages = {'feature': interface.stage_widths(size, config.model.width)}
    if bundle.mask is not None:
        stages['mask_feature'] = interface.stage_widths(size, config.confidence.width or config.model.width)
    result = {'image': (size, size, 3), 'latent': (4, 4, interface.latent_channels(config))}
    for name, widths in stages.items():
        # The features that the decoder looks at.
        first = 0 if config.model.source_concat == 'pyramid' else len(widths) - 1
        result.update({f'{name}_{i}': (size >> i + 1, size >> i + 1, widths[i]) for i in range(first, len(widths))})
    return result


def inputs(bundle: bundle_lib.Bundle) -> dict[str, tuple[str, ...]]:
    """The names of the inputs of each network."""
    result = {'encode': ('image',)}
    for network, prefix in (('decode', 'feature_'), ('mask', 'mask_feature_')):
        features = [name for name in shapes(bundle) if name.startswith(prefix)]
        if features:
            result[network] = ('latent', *features)
    return result


def _exact_halves(tree: Any) -> Any:
    def exact(value):
        with np.errstate(over='ignore'):
            half = np.asarray(value, np.float16)
        return half if np.array_equal(half.astype(np.float32), value) else np.asarray(value, np.float32)

    return jax.tree.map(exact, tree)


def _float32(tree: Any) -> Any:
    return jax.tree.map(lambda value: jnp.asarray(value).astype(jnp.float32), tree)
