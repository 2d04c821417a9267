"""A finished training run: its people, its model, and what its numbers depend on."""

import os
import pathlib
from typing import NamedTuple

import ml_collections

import fvae_jax
from fvae_jax.data.people import Faces
from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError
from fvae_jax.training import experiment

_MODEL = 'model.safetensors'


class Run(NamedTuple):
    """A run that is evaluated.

    Attributes:
      workdir, config, faces: The run directory, its experiment and its people.
      editor: Its model.
    """

    workdir: pathlib.Path
    config: ml_collections.ConfigDict
    faces: Faces
    editor: editor_lib.Editor

    def facts(self) -> dict[str, str | int | float]:
        """What the numbers depend on."""
        config, info, split = self.config, self.editor.bundle.info, self.faces.split
        megabytes = (self.workdir / _MODEL).stat().st_size / 1e6
        return {
            'experiment': config.name,
            'data': info.get('data') or config.data.set,
            'people': f'{len(split.train)} to train, {len(split.validation)} to validate, {len(split.test)} to test',
            'expressions': ', '.join(self.editor.expressions),
            'size': f'{config.data.image_size} px, width {config.model.width}, file of {megabytes:.1f} MB',
            'seed': config.seed,
            'steps': f'{info["step"]} (the best of {config.train.steps})',
            'software': f'fvae_jax {fvae_jax.__version__}',
        }


def open_run(config: ml_collections.ConfigDict, workdir: str | os.PathLike) -> Run:
    """Opens a run.

    Args:
      config: The experiment, as the run's config.json has it.
      workdir: The run directory.

    Raises:
      InputError: There is no finished run, or its images are not there.
    """
    workdir, faces = experiment.open_run(config, workdir)
    model = workdir / _MODEL
    if not model.exists():
        raise InputError(f'{model} is missing; let the training of {workdir} end first')
    return Run(workdir, config, faces, editor_lib.load(model))
