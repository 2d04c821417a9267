"""The methods that a run is compared with: those that need no training, and the VAEs trained beside it."""

import json
import pathlib
from typing import NamedTuple

from fvae_jax import bundle as bundle_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases, runs
from fvae_jax.evaluation.methods import average_flow, fading, fvae, morphs, optical_flow, vae

# Where `configs/vae.py` says that the VAEs of a run are trained, by the names of their rows.
VAES = {'VAE': ('vae', ''), 'VAE with source pyramid': ('vae_pyramid', ',pyramid')}
# Training pairs whose flows are averaged, at most: the mean of some fifty flows hardly moves with more.
_AVERAGED = 2000


class Methods(NamedTuple):
    """Everything that a report compares.

    Attributes:
      fvae: The run itself, moving pixels alone.
      content: The same with shading and content layer; None if it has neither.
      printed: The same read bilinearly, as the network is trained.
      confident: The same with its mask and a second source.
      maskless: The same, interpolating without its mask.
      vaes: Those that were trained.
      missing: {row: how to train it} of those that were not.
      average: The average flow over the training people.
      flow: Optical flow from the true target: it sees the answer.
      copy, fade, mesh, face: Copying, cross-fading and the morphs.
    """

    fvae: fvae.FVAE
    content: fvae.FVAE | None
    printed: fvae.FVAE
    confident: fvae.Confident
    maskless: fvae.FVAE
    vaes: list[vae.VAE]
    missing: dict[str, str]
    average: average_flow.AverageFlow
    flow: optical_flow.OpticalFlow
    copy: fading.Copy
    fade: fading.CrossFade
    mesh: morphs.MeshMorph
    face: morphs.FaceMorph

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
        if (place / 'model.safetensors').exists():
            _check_same_people(workdir, place)
            vaes.append(vae.VAE(bundle_lib.load(place / 'model.safetensors')))
        else:
            missing[row] = (
                f'missing; train it with `python -m fvae_jax.main --config=configs/vae.py:{workdir}{variant}'
                f' --workdir={place}`'
            )
    pairs = cases.pairs(run.faces, 'train', run.config).spread(_AVERAGED).map(lambda head: head._replace(second=None))
    network = fvae.Network(run.editor)
    return Methods(
        fvae=fvae.FVAE(network),
        content=fvae.FVAE(network, content=True) if network.goes_beyond else None,
        printed=fvae.FVAE(network, bilinear=True),
        confident=fvae.Confident(network),
        maskless=fvae.FVAE(network, masked=False),
        vaes=vaes,
        missing=missing,
        average=average_flow.AverageFlow(pair for (pair,) in pairs.batches(1, 'average flow')),
        flow=optical_flow.OpticalFlow(),
        copy=fading.Copy(),
        fade=fading.CrossFade(),
        mesh=morphs.MeshMorph(),
        face=morphs.FaceMorph(),
    )


def _check_same_people(workdir: pathlib.Path, place: pathlib.Path) -> None:
    ours, theirs = (json.loads((folder / 'people.json').read_text()) for folder in (workdir, place))
    if ours != theirs:
        raise InputError(
            f'{place} was trained on other images or another division of the people than {workdir}; move '
            'it away and train it again'
        )
