"""The faces of a perception study (6.3): real photos of test people, and edits of them by each method."""

import os
from typing import Any

import ml_collections
import numpy as np

from fvae_jax.data import index
from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, methods as methods_lib
from fvae_jax.training import experiment

# Enough for a study to choose from, without editing every photo of a large set.
_COUNT = 40


def collect(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> dict[str, list[np.ndarray]]:
    """Makes the images.

    Args:
      config: The experiment, as the run's config.json has it.
      workdir: The run directory.

    Returns:
      {'real', and the name of each method: crops (H, W, 3) float32 in [-1, 1]}: photos with an expression, and edits
      from neutral to those expressions at strength 1, spread over the test people.

    Raises:
      InputError: The run has no model, or no test person has a neutral photo and another.
    """
    workdir, faces = experiment.open_run(config, workdir)
    editor = editor_lib.load(workdir / 'model.safetensors')
    methods = methods_lib.open_methods(workdir, faces, config, editor)
    changes = list(cases.changes(faces, editor.expressions))
    if not changes:
        raise InputError(f'no test person of {workdir} has a neutral photo and one with an expression')
    # Person by person, so that the first images show as many people as there are.
    order: list[tuple[int, Any]] = []
    seen: dict[str, int] = {}
    for change in changes:
        order.append((seen.get(change.identity, 0), change))
        seen[change.identity] = order[-1][0] + 1
    chosen = [change for _, change in sorted(order, key=lambda item: item[0])][:_COUNT]
    images: dict[str, list[np.ndarray]] = {'real': [change.expressive for change in chosen]}
    for method in (methods.ours[-1], *methods.vaes, methods.average):
        edits = [method.edit(c.neutral, index.NEUTRAL, c.expression, 1.0) for c in chosen]
        images[method.name] = [edit for edit in edits if edit is not None]
    return images
