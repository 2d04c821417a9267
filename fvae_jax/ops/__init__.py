"""Pure image maths on arrays: no parameters, no state, nothing of the model.

The conventions for images, flows and displacements stand in `fvae_jax.ops.warp`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fvae_jax.ops.color import lab_to_rgb, rgb_to_lab, transfer_color
    from fvae_jax.ops.flow_color import color_wheel, flow_to_color
    from fvae_jax.ops.frame import FRAMES, Frame
    from fvae_jax.ops.grid import image_grid
    from fvae_jax.ops.image import crop_region, laplacian_variance, psnr, ssim, to_float, to_uint8
    from fvae_jax.ops.warp import (
        bilinear_sample,
        displacement_to_flow,
        flow_to_displacement,
        identity_grid,
        upsample_flow,
        warp_by_displacement,
    )

__all__ = [
    'FRAMES',
    'Frame',
    'bilinear_sample',
    'color_wheel',
    'crop_region',
    'displacement_to_flow',
    'flow_to_color',
    'flow_to_displacement',
    'identity_grid',
    'image_grid',
    'lab_to_rgb',
    'laplacian_variance',
    'psnr',
    'rgb_to_lab',
    'ssim',
    'to_float',
    'to_uint8',
    'transfer_color',
    'upsample_flow',
    'warp_by_displacement',
]

_MODULES = ('frame', 'flow_color', 'grid', 'color', 'image', 'warp')  # those that do without JAX first


def __getattr__(name: str) -> Any:
    """Imports what is asked for, and JAX with it, when that is first asked for: faces are found without."""
    if name in _MODULES:
        return importlib.import_module(f'fvae_jax.ops.{name}')
    if name in __all__:
        modules = (importlib.import_module(f'fvae_jax.ops.{module}') for module in _MODULES)
        return next(getattr(module, name) for module in modules if hasattr(module, name))
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
