"""Orbax checkpoints with a checksum manifest per step.

A flipped byte in a data file can restore without any error and with wrong values, so the SHA-256 of every file of
a finished step is kept beside it; a step whose files disagree is moved to `damaged/` and the step before it is used.

The process may die at any instant. A step that is being written or deleted has a mark, `manifests/STEP.unfinished`, and
no manifest: the next start removes it. Older steps are deleted only when the new one has its manifest.
"""

import errno
import hashlib
import json
import logging
import os
import pathlib
import shutil
from typing import Any

import jax
import orbax.checkpoint as ocp

from fvae_jax.errors import InputError
from fvae_jax.photo import output
from fvae_jax.training import history, parallel

CHECKPOINTS = 'checkpoints'
MANIFESTS = 'manifests'
DAMAGED = 'damaged'

_UNFINISHED = '.unfinished'
_ORBAX_TEMPORARY = '*.orbax-checkpoint-tmp*'
_OVERHEAD = 2**20  # bytes of a save beside its arrays, at most
_NEWEST = 2  # of which the older one is there when the newer one is damaged

# What Orbax and JAX raise for arrays other than those asked for.
_UNFIT = (ArithmeticError, AttributeError, FileNotFoundError, LookupError, NotImplementedError, TypeError, ValueError)

_LOG = logging.getLogger('fvae_jax')


def _checksums(directory: pathlib.Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob('*') if path.is_file())
    return {path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def manifest_of(workdir: pathlib.Path, step: int) -> pathlib.Path:
    """The manifest of a step."""
    return workdir / MANIFESTS / f'{step}.json'


def is_begun(workdir: pathlib.Path) -> bool:
    """Whether a step was ever saved in a run directory."""
    return bool(_numbered(workdir / MANIFESTS, '.json'))


def _mark_of(workdir: pathlib.Path, step: int) -> pathlib.Path:
    return workdir / MANIFESTS / f'{step}{_UNFINISHED}'


def _numbered(folder: pathlib.Path, suffix: str = '') -> set[int]:
    names = (path.name.removesuffix(suffix) for path in folder.glob(f'*{suffix}'))
    return {int(name) for name in names if name.isascii() and name.isdigit()}


def _unfinished(workdir: pathlib.Path) -> set[int]:
    """Steps whose writing or deletion was cut short, or is under way."""
    return _numbered(workdir / MANIFESTS, _UNFINISHED) - _numbered(workdir / MANIFESTS, '.json')


def damage(workdir: pathlib.Path, step: int) -> str | None:
    """Says what is wrong with a step's files, or None."""
    folder = workdir / CHECKPOINTS / str(step)
    if not folder.is_dir():
        return 'its folder is missing'
    manifest = manifest_of(workdir, step)
    if not manifest.exists():
        return 'its manifest is missing'
    try:
        expected = json.loads(manifest.read_text())
        if not isinstance(expected, dict):
            raise ValueError('it is not a list of files')
    except (ValueError, OSError) as error:
        return f'its manifest cannot be read: {error}'
    try:
        found = _checksums(folder)
    except OSError as error:
        return f'file {error.filename} cannot be read: {error.strerror}'
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            state = 'missing' if name not in found else 'new' if name not in expected else 'changed'
            return f'file {name} is {state}'
    return None


def examine(workdir: pathlib.Path) -> dict[int, str | None]:
    """Returns {step: what is wrong with it, or None} of every finished step with files or a manifest, oldest first."""
    steps = (_numbered(workdir / CHECKPOINTS) | _numbered(workdir / MANIFESTS, '.json')) - _unfinished(workdir)
    return {step: damage(workdir, step) for step in sorted(steps)}


def whole_steps(workdir: pathlib.Path) -> list[int]:
    """The steps that can be restored, oldest first."""
    return [step for step, wrong in examine(workdir).items() if not wrong]


class Checkpoints:
    """The checkpoints of one run: the two newest steps and the best one are kept.

    A checkpoint is the training state, what early stopping needs, and the score of the step; the input needs no more
    than the step.

    Args:
      workdir: The run directory.
      read_only: Leave everything as it is: damaged steps are passed over, not moved. For readers beside a run.
    """

    def __init__(self, workdir: pathlib.Path, read_only: bool = False):
        self._workdir = workdir.absolute()
        found = examine(self._workdir)
        if not read_only:
            parallel.barrier('checkpoints read')
            if parallel.is_main_process():
                self._remove_unfinished()
                for step, wrong in found.items():
                    if wrong:
                        self._set_aside(step, wrong)
            parallel.barrier('damaged ones set aside')
        handlers = {
            'state': ocp.StandardCheckpointHandler(),
            'progress': ocp.JsonCheckpointHandler(),
            'metrics': ocp.JsonCheckpointHandler('metrics'),
        }
        self._orbax = ocp.Checkpointer(ocp.CompositeCheckpointHandler(**handlers))
        scored = {'metrics': ocp.args.JsonRestore()}
        self._scores = {step: self._restore(step, **scored).metrics['score'] for step in found if not found[step]}

    def steps(self) -> list[int]:
        """Returns the steps that can be restored, oldest first."""
        return sorted(self._scores)

    def save(self, step: int, state: Any, progress: dict[str, Any], score: float) -> None:
        """Saves a step; it counts only when its manifest is written, last.

        The state is as `Strategy.save_form` gives it, and progress holds plain values that early stopping needs. A
        higher score is better; −inf where the step was not evaluated.

        Raises:
          OSError, InputError: There is no space left.
        """
        if parallel.is_main_process():
            self._expect_space(step, state)
            (self._workdir / MANIFESTS).mkdir(exist_ok=True)
            output.write(_mark_of(self._workdir, step), '')
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            progress=ocp.args.JsonSave(progress),
            metrics=ocp.args.JsonSave({'score': score}),
        )
        self._orbax.save(self._directory(step), args=items)
        parallel.barrier('saved')
        if parallel.is_main_process():
            checksums = _checksums(self._directory(step))
            output.write(manifest_of(self._workdir, step), json.dumps(checksums, indent=1) + '\n')
            _mark_of(self._workdir, step).unlink()
        self._scores[step] = score
        for old in set(self.steps()[:-_NEWEST]) - {self.best_step()}:
            del self._scores[old]
            if parallel.is_main_process():
                mark = manifest_of(self._workdir, old).replace(_mark_of(self._workdir, old))
                shutil.rmtree(self._directory(old))
                mark.unlink()

    def _expect_space(self, step: int, state: Any) -> None:
        """Orbax finds out, too, but its threads tell of it at length."""
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + _OVERHEAD
        if shutil.disk_usage(self._workdir).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._directory(step)))

    def restore(self, step: int, template: Any) -> tuple[Any, dict[str, Any]]:
        """Restores state and progress of one of `steps`, by a template: shapes, types and shardings of the state.

        Raises:
          InputError: The checkpoint does not fit the template.
        """
        state, progress = ocp.args.StandardRestore(template), ocp.args.JsonRestore()
        restored = self._restore(step, state=state, progress=progress)
        return restored.state, restored.progress

    def best_step(self) -> int:
        """Returns the step with the highest score.

        Raises:
          InputError: The run has no checkpoint.
        """
        if not self._scores:
            raise InputError(f'{self._workdir} has no checkpoint; train first with --mode=train')
        return max(self.steps(), key=lambda step: (self._scores[step], step))

    def close(self) -> None:
        """Releases Orbax's threads."""
        self._orbax.close()

    def _restore(self, step: int, **items: ocp.args.CheckpointArgs) -> Any:
        try:
            return self._orbax.restore(self._directory(step), args=ocp.args.Composite(**items))
        except _UNFIT as error:
            # The files are those that were saved, so these libraries, or this config, ask for others.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            changed = history.versions_since(self._workdir)
            since = f'since an earlier start these have changed: {changed}; install those again, or ' if changed else ''
            raise InputError(
                f'checkpoint {self._directory(step)} does not fit this version and config ({reason}); '
                f'{since}use a new workdir'
            ) from error

    def _directory(self, step: int) -> pathlib.Path:
        return self._workdir / CHECKPOINTS / str(step)

    def _remove_unfinished(self) -> None:
        for temporary in (self._workdir / CHECKPOINTS).glob(_ORBAX_TEMPORARY):
            shutil.rmtree(temporary)
        for step in sorted(_unfinished(self._workdir)):
            _LOG.info('checkpoint %d was cut short while it was written or deleted; removed', step)
            if self._directory(step).exists():
                shutil.rmtree(self._directory(step))
        for mark in (self._workdir / MANIFESTS).glob(f'*{_UNFINISHED}'):
            mark.unlink()

    def _set_aside(self, step: int, wrong: str) -> None:
        moved, place = '', self._workdir / DAMAGED / str(step)
        if self._directory(step).exists():
            place.parent.mkdir(exist_ok=True)
            shutil.rmtree(place, ignore_errors=True)
            self._directory(step).rename(place)
            moved = f'; moved to {DAMAGED}/'
        _LOG.warning('checkpoint %d is damaged (%s)%s, using the step before', step, wrong, moved)
        manifest_of(self._workdir, step).unlink(missing_ok=True)
