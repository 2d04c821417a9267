"""The model as a web page: the files of `page`, and beside them the ONNX graphs in model/."""

import pathlib
import shutil

from fvae_jax import bundle as bundle_lib
from fvae_jax.export import onnx, sample

PAGE = pathlib.Path(__file__).with_name('page')
MODEL = 'model'


def build(bundle: bundle_lib.Bundle, folder: pathlib.Path, card: pathlib.Path | None = None) -> str:
    """Fills a folder that any file server can host.

    Args:
      bundle: The model.
      folder: An empty folder.
      card: A model card to put beside the model.

    Returns:
      What was measured of the graphs, for people.

    Raises:
      InputError: The model is a pixel VAE, knows no neutral faces, or the graphs disagree with JAX.
    """
    shutil.copytree(PAGE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns('*.py', '__pycache__'))
    sample.write(folder)
    (folder / MODEL).mkdir()
    return onnx.build(bundle, folder / MODEL, card)
