"""The end of a run: RUN/model.safetensors, with the expression latents of the training people."""

import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.data import pairs as pairs_lib
from fvae_jax.editing import latent
from fvae_jax.models import networks
from fvae_jax.ops import image as image_ops

_BATCH = 32


def training_latents(
    faces: pairs_lib.FaceSource, identities: Sequence[str], config: ml_collections.ConfigDict, variables: Any
) -> bundle_lib.LatentStatistics:
    """Encodes every image of the training people and averages Z by expression (Algorithm 1, lines 4–6).

    With `latent.mirror` each image counts with its mirror image, which training shows as often: directions have no side.

    Args:
      faces: A set, as `sets.open_set` returns it.
      identities: The training people.
      config: The experiment.
      variables: The FVAE's.
    """
    model = networks.from_config(config)
    # Weights are an argument: closed over, they would become part of the compiled program.
    means = jax.jit(lambda variables, images: model.apply(variables, images, method='encode').mean)

    def encode(images: np.ndarray) -> np.ndarray:
        if not config.latent.mirror:
            return np.asarray(means(variables, images))
        return np.asarray((means(variables, images) + means(variables, images[:, :, ::-1])) / 2)

    chosen = [i for i, record in enumerate(faces.records) if record.identity in set(identities)]
    latents = []
    for start in range(0, len(chosen), _BATCH):
        part = chosen[start : start + _BATCH]
        # Always a full batch, so that one program serves all.
        images = np.stack([faces[i]['image'] for i in (part + part * _BATCH)[:_BATCH]])
        latents.append(encode(image_ops.to_float(images))[: len(part)])
    records = [faces.records[i] for i in chosen]
    return latent.statistics(
        np.concatenate(latents),
        [r.identity for r in records],
        [r.expression for r in records],
        [r.strength for r in records],
    )


def write_model(
    workdir: pathlib.Path,
    config: ml_collections.ConfigDict,
    statistics: bundle_lib.LatentStatistics,
    variables: Any,
    mask: Any | None,
    info: dict[str, Any],
) -> pathlib.Path:
    """Writes RUN/model.safetensors and returns its path.

    Args:
      workdir: The run directory.
      config: The experiment.
      statistics: Of the training people.
      variables: The FVAE's.
      mask: The confidence mask's, or None.
      info: Facts for people; version, data note and licence are added.
    """
    path = workdir / 'model.safetensors'
    info = {
        'fvae_jax': fvae_jax.__version__,
        'experiment': config.name,
        'data': config.data.note,
        'licence': config.data.licence,
        **info,
    }
    # Where the data lay is nobody's business but the trainer's.
    config = config.copy_and_resolve_references()
    config.data.root = config.data.manual_dir = config.data.cache = config.train.start = ''
    as_arrays = lambda tree: None if tree is None else jax.tree.map(np.asarray, tree)
    bundle_lib.save(path, bundle_lib.Bundle(config, as_arrays(variables), as_arrays(mask), statistics, info))
    return path
