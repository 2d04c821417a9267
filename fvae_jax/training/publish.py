"""The end of a run: RUN/model.safetensors, with the expression latents of the training people."""

import logging
import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.data.people import Faces
from fvae_jax.editing import latent, model as model_lib
from fvae_jax.models import fvae
from fvae_jax.ops import image as image_ops
from fvae_jax.training import exemplars, folds, lips, parallel

_BATCH = 32

_LOG = logging.getLogger('fvae_jax')


def publish(
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    faces: Faces,
    variables: Any,
    mask: Any | None,
    facts: dict[str, Any],
) -> None:
    """Writes RUN/model.safetensors; only the main process does.

    It holds the variables of the FVAE and, unless None, of the confidence mask, and facts for people, to which version,
    data note and licence are added.
    """
    if not parallel.is_main_process():
        return
    statistics, shown = training_latents(config, faces, variables), exemplars.collect(config, faces)
    info = {
        'fvae_jax': fvae_jax.__version__,
        'experiment': config.name,
        'data': config.data.note,
        'licence': config.data.licence,
        'training_people': len(faces.split.train),
        **facts,
    }
    measured = config
    # Where the data lay is nobody's business but the trainer's.
    config = config.copy_and_resolve_references()
    config.data.root = config.data.manual_dir = config.data.cache = config.train.start = ''
    as_arrays = lambda tree: None if tree is None else jax.tree.map(np.asarray, tree)
    path = workdir / 'model.safetensors'
    bundle = bundle_lib.Bundle(config, as_arrays(variables), as_arrays(mask), statistics, info, shown)
    model = model_lib.Model(bundle) if config.model.decoder == 'flow' else None
    if config.data.folds:
        corners = lambda crop: model.mouth_corners(model.encode(crop, teeth=False))
        bundle = bundle._replace(folds=folds.collect(measured, faces, corners))
    if config.model.content:
        latent_of = lambda crop: model.encode(crop, teeth=False).latent
        bundle = bundle._replace(lips=lips.collect(measured, faces, latent_of))
    bundle_lib.save(path, bundle)
    _LOG.info('wrote %s: expressions %s', path, ', '.join(sorted(statistics.class_means)))


def training_latents(config: ml_collections.ConfigDict, faces: Faces, variables: Any) -> bundle_lib.LatentStatistics:
    """Encodes every image of the training people and averages Z by expression (Algorithm 1, lines 4–6).

    With `latent.mirror` each image counts with its mirror image, which training shows as often: directions have no
    side.
    """
    model = fvae.from_config(config)
    # Weights are an argument: closed over, they would become part of the compiled program.
    means = jax.jit(lambda variables, images: model.apply(variables, images, method='encode').mean)

    def encode(images: np.ndarray) -> np.ndarray:
        if not config.latent.mirror:
            return np.asarray(means(variables, images))
        return np.asarray((means(variables, images) + means(variables, images[:, :, ::-1])) / 2)

    records = faces.data.records
    chosen = [i for i, record in enumerate(records) if record.identity in faces.split.train]
    latents = []
    for start in range(0, len(chosen), _BATCH):
        part = chosen[start : start + _BATCH]
        # Always a full batch, so that one program serves all.
        images = np.stack([faces.data[i]['image'] for i in (part + part * _BATCH)[:_BATCH]])
        latents.append(encode(image_ops.to_float(images))[: len(part)])
    labels = [[getattr(records[i], field) for i in chosen] for field in ('identity', 'expression', 'strength')]
    return latent.statistics(np.concatenate(latents), *labels)
