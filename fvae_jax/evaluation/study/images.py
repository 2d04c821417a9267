"""The faces of a perception study (6.3): real photos of test people, and edits of them by each method."""

import os

import ml_collections
import numpy as np

from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, runs
from fvae_jax.evaluation.study.page import REAL
from fvae_jax.ops import image as image_ops

# Enough for a study to choose from, without editing every photo of a large set.
_COUNT = 40


def collect(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> dict[str, list[np.ndarray]]:
    """Makes the images of a run, as `runs.open_run` opens it.

    Returns:
      {'real', and the name of each method: crops (H, W, 3) uint8 RGB}: photos with an expression, and edits from
      neutral to those expressions at strength 1, spread over the test people. 'FVAE' moves pixels alone, as in the
      paper; a model with a content layer has that form beside it, as 'FVAE with content'.

    Raises:
      InputError: The run has no model, or no test person has a neutral photo and another.
    """
    run = runs.open_run(config, workdir)
    edits = cases.edits(run.faces, run.editor.expressions)
    if not len(edits):
        raise InputError(f'no test person of {workdir} has a neutral photo and one with an expression')
    methods = runs.open_methods(run)
    # The first edit of everyone, then the second, so that the first images show as many people as there are.
    people = edits.people
    order = sorted(range(len(people)), key=lambda i: people[:i].count(people[i]))
    images: dict[str, list[np.ndarray]] = {REAL: []}
    for edit in (edits[i] for i in order[:_COUNT]):
        images[REAL].append(image_ops.to_uint8(edit.truth))
        for method in (*methods.ours, *methods.vaes, methods.average):
            made = edit.made_by(method)
            images.setdefault(method.name, []).extend([] if made is None else [image_ops.to_uint8(made)])
    return images
