"""Grids of samples: what the network makes of some pairs."""

import jax
import numpy as np

from fvae_jax.models import fvae
from fvae_jax.ops import flow_color, grid, image as image_ops, warp


def sample_grid(source: np.ndarray, target: np.ndarray, output: fvae.Output, labels: list[str]) -> np.ndarray:
    """Draws source, what g makes of it, target, flow and content of some pairs, a row for each.

    Args:
      source: S after color transfer, (B, H, W, 3) in [-1, 1].
      target: T.
      output: g(S, Z(T)).
      labels: A label for each row.

    Returns:
      (height, width, 3) uint8.
    """
    if output.decoded is None:
        made = 'decoded'
    else:
        made = 'warped' if output.decoded.alpha_logit is None else 'warped, content added'
    columns = {'source': source, made: output.image, 'target': target}
    columns = {name: [image_ops.to_uint8(np.asarray(x)) for x in images] for name, images in columns.items()}
    if output.decoded is not None:
        displacement = np.asarray(warp.flow_to_displacement(output.decoded.flow))
        # One scale for all rows, from the data, so that rows can be compared.
        reach = max(1.0, float(np.quantile(np.linalg.norm(displacement, axis=-1), 0.999)))
        columns[f'flow, 0 to {reach:.1f} px'] = [flow_color.flow_to_color(f, reach) for f in displacement]
        if output.decoded.alpha_logit is not None:
            alpha = np.asarray(jax.nn.sigmoid(output.decoded.alpha_logit))[..., None]
            content = -1 + alpha * (1 + np.asarray(output.decoded.color))
            columns['content, where it is new'] = [image_ops.to_uint8(x) for x in content]
    return grid.image_grid([list(row) for row in zip(*columns.values())], list(columns), labels)
