"""The methods that a run is compared with and that need training: the VAEs beside it, and the average flow."""

import json
from typing import NamedTuple

from fvae_jax import bundle as bundle_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, runs
from fvae_jax.evaluation.methods import average_flow, fvae, vae

# Where `configs/vae.py` says that the VAEs of a run are trained, by the names of their rows.
VAES = {'VAE': ('vae', ''), 'VAE with source pyramid': ('vae_pyramid', ',pyramid')}
# Training pairs whose flows are averaged, at most: the mean of some fifty flows hardly moves with more.
_AVERAGED = 2000


class Methods(NamedTuple):
    """What a run is compared with, beside what needs no training.

    Attributes:
      network: Its model.
      fvae: The run itself, moving pixels alone.
      content: The same with its content layer; None if it has none.
      vaes: Those that were trained.
      missing: {row: how to train it} of those that were not.
      average: The average flow over the training people.
    """

    network: fvae.Network
    fvae: fvae.FVAE
    content: fvae.FVAE | None
    vaes: list[vae.VAE]
    missing: dict[str, str]
    average: average_flow.AverageFlow

    @property
    def ours(self) -> list[fvae.FVAE]:
        """The run without, as the paper has it, and with its content layer, if it has one."""
        return [self.fvae, self.content] if self.content else [self.fvae]


def open_methods(run: runs.Run) -> Methods:
    """Opens the run's VAEs and estimates the average flow.

    Raises:
      InputError: A VAE was trained on other people than the run.
    """
    workdir, vaes, missing = run.workdir, [], {}
    for row, (folder, variant) in VAES.items():
        place = workdir / folder
        if not (place / 'model.safetensors').exists():
            missing[row] = (
                f'missing; train it with `python -m fvae_jax.main --config=configs/vae.py:{workdir}{variant}'
                f' --workdir={place}`'
            )
            continue
        if json.loads((workdir / 'people.json').read_text()) != json.loads((place / 'people.json').read_text()):
            raise InputError(
                f'{place} was trained on other images or another division of the people than {workdir}; move '
                'it away and train it again'
            )
        vaes.append(vae.VAE(bundle_lib.load(place / 'model.safetensors')))
    pairs = cases.pairs(run.faces, 'train', run.config).spread(_AVERAGED).map(lambda head: head._replace(second=None))
    network = fvae.Network(run.editor)
    content = fvae.FVAE(network, content=True) if run.config.model.content else None
    average = average_flow.AverageFlow(pair for (pair,) in pairs.batches(1, 'average flow'))
    return Methods(network, fvae.FVAE(network), content, vaes, missing, average)
