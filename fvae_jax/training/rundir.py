"""A run directory: whose it is, what its description says, and one process at a time."""

import contextlib
import fcntl
import functools
import json
import logging
import pathlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import traverse_util

from fvae_jax import config as config_lib
from fvae_jax.data.people import Faces
from fvae_jax.errors import DiskFull, InputError, is_disk_full
from fvae_jax.models import fvae
from fvae_jax.photo import output
from fvae_jax.training import checkpoint, history, parallel

_LOG = logging.getLogger('fvae_jax')


def open_workdir(workdir: pathlib.Path, config: ml_collections.ConfigDict) -> None:
    """Creates a run directory, or checks that an existing one is of the same experiment.

    Writes config.json and, appending, one line of history.jsonl with the command, versions and devices.

    Raises:
      InputError: The directory cannot be written, or belongs to another config.
    """
    _make(workdir / 'samples')
    check_config(workdir, config)
    if not parallel.is_main_process():
        return
    stored = workdir / 'config.json'
    try:
        # Of a process that was killed: the lock says that none is writing.
        for folder in (workdir, workdir / 'samples', workdir / checkpoint.MANIFESTS):
            output.remove_temporaries(folder)
        output.write(stored, config_lib.to_json(config))
        history.note_start(workdir)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise InputError(
            f'workdir {workdir} cannot be written ({error.strerror}); choose another with --workdir'
        ) from error


def check_config(workdir: pathlib.Path, config: ml_collections.ConfigDict) -> None:
    """Checks that a run directory is of this experiment.

    A directory in which nothing was saved yet belongs to nobody: a first try with wrong settings can be mended.

    Raises:
      InputError: It is not; the message names the fields that differ.
    """
    stored = workdir / 'config.json'
    if not checkpoint.is_begun(workdir):
        return
    try:
        differences = config_lib.differences(config, config_lib.from_json(stored.read_text()))
    except (OSError, ValueError) as error:
        raise InputError(f'{stored} cannot be read ({error}); restore it, or use a new --workdir') from error
    if differences:
        raise InputError(
            f'workdir {workdir} holds a run of another config ({"; ".join(differences)}); '
            'use a new --workdir, or the same settings'
        )


def check_people(workdir: pathlib.Path, faces: Faces) -> None:
    """Refuses to go on with other images, or another division of the people, than the run began with; see people.json.

    A run from before images had a digest is known by its people and labels, and remembers the images of now.

    Raises:
      InputError: They are others, or people.json is damaged.
    """
    stored, now = workdir / 'people.json', faces.record()
    if stored.exists() and checkpoint.is_begun(workdir):
        try:
            before = json.loads(stored.read_text())
            same = before['digest'] == now['digest'] and before.get('images', now['images']) == now['images']
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f'{stored} cannot be read ({error}); restore it, or, if the images are those that the run began '
                'with, delete it'
            ) from error
        if not same:
            raise InputError(
                f'the images are not those that the run in {workdir} began with; restore them, or use a new --workdir'
            )
        if 'images' in before:
            return
        _LOG.info('%s has no digest of the images yet; the present ones are taken for those it began with', stored)
    if parallel.is_main_process():
        output.write(stored, json.dumps(now, indent=1, ensure_ascii=False) + '\n')


def parameter_table(config: ml_collections.ConfigDict) -> str:
    """Returns parameters.txt, the network layer by layer: filters, outputs for one image, parameter counts."""
    model = fvae.from_config(config)
    size = config.data.image_size
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), image, image)
    apply = functools.partial(model.apply, capture_intermediates=True)
    _, state = jax.eval_shape(apply, variables, image, image)
    params, rows = traverse_util.flatten_dict(variables['params']), []
    for (*path, _), outputs in traverse_util.flatten_dict(state['intermediates']).items():
        kernel = params.get((*path, 'conv', 'kernel'))  # of `blocks.Conv`, or of `blocks.Weights`, which draws nothing
        if kernel is not None:
            shapes = kernel.shape, getattr(outputs[0], 'shape', ())[1:]
            weights = [leaf for name, leaf in params.items() if list(name[: len(path)]) == path]
            rows.append(('.'.join(path), *('×'.join(map(str, shape)) for shape in shapes), _count(weights)))
    width = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f'{"layer":<{width[0]}}  {"filter":<{width[1]}}  {"output":<{width[2]}}  {"weights":>12}']
    lines += [f'{a:<{width[0]}}  {b:<{width[1]}}  {c:<{width[2]}}  {d:>12,}' for a, b, c, d in rows]
    lines.append(f'parameters in all, normalizations included: {_count(variables["params"]):,}')
    return '\n'.join(lines) + '\n'


def _count(params: Any) -> int:
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))


@contextlib.contextmanager
def claim(workdir: pathlib.Path) -> Iterator[None]:
    """Makes a run directory and keeps other training processes out; the system frees the lock of a dead one.

    Raises:
      InputError: Another process trains there, or the directory cannot be made.
      DiskFull: There was no space left for what was done inside.
    """
    _make(workdir)
    if not parallel.is_main_process():
        yield  # the main process holds the lock for all
        return
    with open(workdir / '.lock', 'w', encoding='utf-8') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f'another process is training in {workdir}; wait for it, or use another --workdir'
            ) from error
        try:
            yield
        except Exception as error:
            if not is_disk_full(error):
                raise
            raise DiskFull(_disk_full(workdir, error)) from error


def _disk_full(workdir: pathlib.Path, error: BaseException | None) -> str:
    """The line for people; the file is known when the system named it."""
    file = None
    while error is not None:
        file = file or getattr(error, 'filename', None)
        error = error.__cause__ or error.__context__
    saved = checkpoint.whole_steps(workdir)
    goes_on = f'from step {saved[-1]}, which is saved' if saved else 'from the start'
    return (
        f'no space is left on the disk of {file or workdir}; free some, and the same command goes on with {workdir} '
        f'{goes_on}'
    )


def _make(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f'workdir {folder} cannot be used ({error.strerror}); choose another with --workdir'
        ) from error
