"""The report of a run: a section for each table or figure of the paper, which measures, draws and tells."""

import pathlib
from typing import NamedTuple

from fvae_jax.evaluation.runs import Methods, Run


class Context(NamedTuple):
    """What every section may look at: the run and what it is compared with."""

    run: Run
    methods: Methods
    drawings: pathlib.Path  # a folder for the figures
