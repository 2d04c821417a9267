"""The methods that a run is compared with: those that need no training, and the VAEs trained beside it."""

import json
import pathlib
from typing import NamedTuple

import ml_collections
from tqdm import tqdm

from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import editor as editor_lib
from fvae_jax.errors import InputError
from fvae_jax.evaluation import cases
from fvae_jax.evaluation.baselines import average_flow, face_morph, fading, learned, mesh_morph, optical_flow
from fvae_jax.evaluation.baselines.base import Method
from fvae_jax.training import experiment

# Where `configs/vae.py` says that the VAEs of a run are trained, by the names of their rows.
VAES = {'VAE': ('vae', ''), 'VAE with source pyramid': ('vae_pyramid', ',pyramid')}
# Training pairs whose flows are averaged, at most: the mean of some fifty flows hardly moves with more.
_AVERAGED = 2000


class Methods(NamedTuple):
    """Everything that a report compares.

    Attributes:
      fvae: The run itself, moving pixels alone.
      content: The same with its content layer; None if it has none.
      printed: The same read bilinearly, as the network is trained.
      confident: The same with its mask and a second source.
      maskless: The same, interpolating without its mask.
      vaes: Those that were trained.
      missing: {row: how to train it} of those that were not.
      average: The average flow over the training people.
      flow: Optical flow from the true target: it sees the answer.
      others: Copying, cross-fading and the morphs.
    """

    fvae: learned.FVAE
    content: learned.FVAEWithContent | None
    printed: learned.PrintedFVAE
    confident: learned.FVAEWithConfidence
    maskless: learned.FVAEWithoutMask
    vaes: list[learned.VAE]
    missing: dict[str, str]
    average: average_flow.AverageFlow
    flow: optical_flow.OpticalFlow
    others: list[Method]

    @property
    def ours(self) -> list[learned.FVAE]:
        """The run without and, if it has one, with its content layer."""
        return [self.fvae, self.content] if self.content else [self.fvae]


def open_methods(
    workdir: pathlib.Path, faces: experiment.Faces, config: ml_collections.ConfigDict, editor: editor_lib.Editor
) -> Methods:
    """Opens the run's VAEs and estimates the average flow.

    Raises:
      InputError: A VAE was trained on other people than the run.
    """
    vaes, missing = [], {}
    for row, (folder, variant) in VAES.items():
        place = workdir / folder
        if (place / 'model.safetensors').exists():
            _check_same_people(workdir, place)
            vaes.append(learned.VAE(bundle_lib.load(place / 'model.safetensors')))
        else:
            missing[row] = (
                f'missing; train it with `python -m fvae_jax.main --config=configs/vae.py:{workdir}{variant}'
                f' --workdir={place}`'
            )
    pairs = cases.pairs(faces, 'train', config, _AVERAGED)
    total = min(_AVERAGED, len(faces.pairs('train')))
    average = average_flow.AverageFlow(
        (pair.source, pair.target, pair.source_expression, pair.target_expression)
        for pair in tqdm(pairs, 'average flow', total, unit=' pairs', delay=2, leave=False, disable=None)
    )
    content = learned.FVAEWithContent(editor) if config.model.content else None
    variants = (learned.PrintedFVAE, learned.FVAEWithConfidence, learned.FVAEWithoutMask)
    return Methods(
        learned.FVAE(editor),
        content,
        *(method(editor) for method in variants),
        vaes,
        missing,
        average,
        optical_flow.OpticalFlow(),
        [fading.Copy(), fading.CrossFade(), mesh_morph.MeshMorph(), face_morph.FaceMorph()],
    )


def _check_same_people(workdir: pathlib.Path, place: pathlib.Path) -> None:
    ours, theirs = (json.loads((folder / 'people.json').read_text()) for folder in (workdir, place))
    if ours != theirs:
        raise InputError(
            f'{place} was trained on other images or another division of the people than {workdir}; move '
            'it away and train it again'
        )
