"""What the commands about a finished training run share: the run, and where its photos are."""

import argparse
import pathlib

import ml_collections

from fvae_jax import config as config_lib
from fvae_jax.cli import arguments


def add_run(parser: arguments.Parser) -> None:
    """Adds RUN and --data."""
    parser.add_argument('run', type=pathlib.Path, metavar='RUN', help='the directory of a training run')
    parser.add_argument('--data', metavar='DIR', help='where the photos are now, if they have moved')


def config_of(args: argparse.Namespace) -> ml_collections.ConfigDict:
    """The experiment of the run that was named.

    Raises:
      InputError: There is no such run.
    """
    config = config_lib.of_run(args.run)
    if args.data:
        config.data['manual_dir' if config.data.set == 'multipie' else 'root'] = args.data
    config_lib.validate(config)
    return config
