"""A folder with a model for other programs, written whole or not at all, and compared with JAX before."""

import importlib
import os
import pathlib

from fvae_jax import bundle as bundle_lib, runtime
from fvae_jax.errors import InputError
from fvae_jax.photo import output

# What each target needs of the extra `export`; jax.export serializes by flatbuffers, which jax does not ask for. Each
# is a module here, whose `build(bundle, folder, card)` fills an empty folder with a model and a model card, if there is
# one, once its own runtime has given with them what JAX gives. It returns what was measured, for people, and raises
# `InputError` if the model is a pixel VAE or knows no neutral faces, or if they disagree.
TARGETS = {'stablehlo': ('flatbuffers',), 'onnx': ('onnx', 'onnxruntime'), 'web': ('onnx', 'onnxruntime')}

_CARD = bundle_lib.BUILT_IN.with_name('MODEL_CARD.md')
# Where an export has its facts; a folder without them is none, and is never replaced.
_MARKS = ('model.json', 'model/model.json')


def check_installed(target: str, what: str) -> None:
    """Raises `InputError`, which tells people what needs it, unless what a target of `TARGETS` needs is installed."""
    for name in TARGETS[target]:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise InputError(f'{what} needs {name} ({error}); {runtime.installs("export")}') from error


def write(
    bundle: bundle_lib.Bundle, target: str, out: pathlib.Path, *, overwrite: bool = False, with_card: bool = False
) -> str:
    """Exports a model to a new folder; returns a line that tells what was written.

    Args:
      bundle: The model.
      target: One of `TARGETS`.
      out: The folder.
      overwrite: Whether another export may be replaced.
      with_card: Whether the card of the built-in model belongs beside this one.

    Raises:
      InputError: The target is unknown, something is not installed, the folder cannot be written, the model is of
        another kind, or the export disagrees with JAX; nothing is written then.
    """
    if target not in TARGETS:
        raise InputError(f'--to {target}: unknown target; it is one of {", ".join(TARGETS)}')
    check_installed(target, f'--to {target}')
    folder = _place(out, overwrite)
    runtime.prepare()
    build = importlib.import_module(f'fvae_jax.export.{target}').build
    with output.replacing_folder(folder) as temporary:
        measured = build(bundle, temporary, _CARD if with_card else None)
    size = sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())
    return f'{out}: {size / 1e6:.1f} MB; {measured}'


def _place(out: pathlib.Path, overwrite: bool) -> pathlib.Path:
    """The absolute path of the folder to make; raises `InputError` if it holds something, or cannot be made."""
    folder = pathlib.Path(os.path.abspath(out))
    output.check_folder(folder.parent)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"'{out}' is a file; name a new folder")
    if folder.exists() and any(folder.iterdir()):
        if not any((folder / mark).is_file() for mark in _MARKS):
            raise InputError(f"'{out}' holds something that is not an export; name a new folder")
        if not overwrite:
            raise InputError(f"'{out}' holds an export; name a new folder, or replace it with --overwrite")
    return folder
