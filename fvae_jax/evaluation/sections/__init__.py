"""The sections of a report, one module each: measure, draw, and tell."""

import pathlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import ml_collections
import numpy as np
from tqdm import tqdm

from fvae_jax.editing import editor as editor_lib
from fvae_jax.evaluation import metrics, statistics
from fvae_jax.evaluation.methods import Methods
from fvae_jax.evaluation.report import Column, Value
from fvae_jax.training import experiment

IDENTITY = 'identity'
# The columns that every table of scores shares, by the names of the scores.
COLUMNS = {
    'psnr': Column('PSNR', 'dB', 2, 'higher'),
    'psnr_mouth': Column('mouth PSNR', 'dB', 2, 'higher'),
    'ssim': Column('SSIM', '', 3, 'higher'),
    'lpips': Column('LPIPS', '', 4, 'lower'),
    'sharpness': Column('sharpness', '× source', 2, 'nearest 1'),
    IDENTITY: Column('identity distance', '', 3, 'lower'),
}


class Context(NamedTuple):
    """What every section may look at.

    Attributes:
      workdir, config, faces: The run, its experiment and its people.
      editor: Its model.
      methods: What it is compared with.
      judge: Scores images.
      drawings: A folder for the figures.
    """

    workdir: pathlib.Path
    config: ml_collections.ConfigDict
    faces: experiment.Faces
    editor: editor_lib.Editor
    methods: Methods
    judge: metrics.Judge
    drawings: pathlib.Path


def interval(values: Sequence[float], people: Sequence[str]) -> Value:
    """The mean over cases with its 95 % bootstrap interval over people."""
    return Value(*statistics.bootstrap_interval(np.asarray(values), people))


def progress(items: Iterable, what: str, total: int | None = None) -> Iterable:
    """Shows how far a section is, if it takes more than two seconds."""
    return tqdm(items, what, total, delay=2, leave=False, disable=None)
