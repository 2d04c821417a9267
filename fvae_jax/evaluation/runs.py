"""A finished training run: its people, its model, what its numbers depend on, and what it is compared with."""

import json
import os
import pathlib
from typing import NamedTuple

import ml_collections

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.data.people import Faces
from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases
from fvae_jax.evaluation.methods import fvae, optical_flow
from fvae_jax.evaluation.tables import Row
from fvae_jax.training import experiment

_MODEL = 'model.safetensors'
# Where `configs/vae.py` says that the VAEs of a run are trained, by the names of their rows.
_VAES = {'VAE': ('vae', ''), 'VAE with source pyramid': ('vae_pyramid', ',pyramid')}
# Training pairs whose flows are averaged, at most: the mean of some fifty flows hardly moves with more.
_AVERAGED = 2000


class Run(NamedTuple):
    """A run that is evaluated: its directory, its experiment, its people and its model."""

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
    """Opens the run in a directory; the config is the experiment as the run's config.json has it.

    Raises:
      InputError: There is no finished run, or its images are not there.
    """
    workdir, faces = experiment.open_run(config, workdir)
    model = workdir / _MODEL
    if not model.exists():
        raise InputError(f'{model} is missing; let the training of {workdir} end first')
    return Run(workdir, config, faces, editor_lib.load(model))


class Methods(NamedTuple):
    """What a run is compared with, beside what needs no training."""

    network: fvae.Network
    ours: list[fvae.FVAE]  # the run moving pixels alone, as the paper has it, and, if it does more, all that it does
    vaes: list[fvae.VAE]  # those that were trained
    missing: list[Row]  # how to train those that were not
    average: optical_flow.AverageFlow  # over the training people


def open_methods(run: Run) -> Methods:
    """Opens the run's VAEs and estimates the average flow.

    Raises:
      InputError: A VAE was trained on other people than the run.
    """
    workdir, vaes, missing = run.workdir, [], []
    for name, (folder, variant) in _VAES.items():
        place = workdir / folder
        if not (place / _MODEL).exists():
            command = f'python -m fvae_jax.main --config=configs/vae.py:{workdir}{variant} --workdir={place}'
            missing.append(Row(name, note=f'missing; train it with `{command}`'))
            continue
        if json.loads((workdir / 'people.json').read_text()) != json.loads((place / 'people.json').read_text()):
            raise InputError(
                f'{place} was trained on other images or another division of the people than {workdir}; move '
                'it away and train it again'
            )
        vaes.append(fvae.VAE(bundle_lib.load(place / _MODEL)))
    pairs = cases.pairs(run.faces, 'train', run.config).spread(_AVERAGED).map(lambda head: head._replace(second=None))
    network = fvae.Network(run.editor)
    ours = [fvae.FVAE(network, content=content) for content in network.contents]
    average = optical_flow.AverageFlow(pair for (pair,) in pairs.batches(1, 'average flow'))
    return Methods(network, ours, vaes, missing, average)
