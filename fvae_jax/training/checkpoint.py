"""Orbax checkpoints with a checksum manifest per step.

A flipped byte in a data file can restore without any error and with wrong values, so the SHA-256 of every file of
a finished step is kept beside it; a step whose files disagree, or that has no manifest because the process
died in between, is moved to `damaged/` and the step before it is used.
"""

import hashlib
import json
import logging
import os
import pathlib
import shutil
from typing import Any

import grain
import orbax.checkpoint as ocp

from fvae_jax.errors import InputError
from fvae_jax.training import parallel

CHECKPOINTS = 'checkpoints'
MANIFESTS = 'manifests'
DAMAGED = 'damaged'

_LOG = logging.getLogger('fvae_jax')


def _checksums(directory: pathlib.Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob('*') if path.is_file())
    return {path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files}


def _score(metrics: dict[str, float]) -> float:
    return metrics['score']


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a file whole or not at all: under a temporary name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.tmp')
    with open(temporary, 'w', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def manifest_of(workdir: pathlib.Path, step: int) -> pathlib.Path:
    """The manifest of a step."""
    return workdir / MANIFESTS / f'{step}.json'


def steps_in(workdir: pathlib.Path) -> list[int]:
    """Every step of which a run directory has files, whole or not."""
    root = workdir / CHECKPOINTS
    return sorted(int(path.name) for path in root.glob('[0-9]*') if path.name.isdigit()) if root.is_dir() else []


def damage(workdir: pathlib.Path, step: int) -> str | None:
    """Says what is wrong with a step's files, or None."""
    manifest = manifest_of(workdir, step)
    if not manifest.exists():
        return 'it has no manifest: the save did not finish'
    try:
        expected = dict(json.loads(manifest.read_text()))
    except (ValueError, TypeError, OSError) as error:
        return f'its manifest cannot be read: {error}'
    found = _checksums(workdir / CHECKPOINTS / str(step))
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            state = 'missing' if name not in found else 'new' if name not in expected else 'changed'
            return f'file {name} is {state}'
    return None


def find_damaged(workdir: pathlib.Path) -> dict[int, str]:
    """Returns {step: what is wrong with it}."""
    return {step: wrong for step in steps_in(workdir) if (wrong := damage(workdir, step))}


class Checkpoints:
    """The checkpoints of one run: the two newest steps and the best one are kept.

    Args:
      workdir: The run directory.
      read_only: Leave everything as it is: damaged steps are passed over, not moved. For readers beside a run.
    """

    def __init__(self, workdir: pathlib.Path, read_only: bool = False):
        self._workdir = workdir.absolute()
        damaged = find_damaged(self._workdir)
        if not read_only:
            parallel.barrier('checkpoints read')
            if parallel.is_main_process():
                self._set_aside(damaged)
            parallel.barrier('damaged ones set aside')
        # best_fn makes Orbax store the scores; alone, with max_to_keep, it would delete the newest step
        # whenever that is not the best one, hence the policies.
        policies = ocp.checkpoint_managers
        policy = policies.AnyPreservationPolicy(
            [policies.LatestN(2), policies.BestN(get_metric_fn=_score, n=1)])
        self._manager = ocp.CheckpointManager(
            self._workdir / CHECKPOINTS,
            options=ocp.CheckpointManagerOptions(
                best_fn=_score, preservation_policy=policy, cleanup_tmp_directories=not read_only,
                read_only=read_only, enable_async_checkpointing=False))
        self._unusable = set(damaged) if read_only else set()

    def steps(self) -> list[int]:
        """Returns the steps that can be restored, oldest first."""
        return sorted(set(self._manager.all_steps()) - self._unusable)

    def save(self, step: int, state: Any, data: grain.DatasetIterator, progress: dict[str, Any],
             score: float) -> None:
        """Saves a step; it counts only when its manifest is written, last.

        Args:
          step: Steps done.
          state: The training state, as `Strategy.save_form` gives it.
          data: The input iterator.
          progress: Plain values that early stopping needs.
          score: Higher is better; −inf where the step was not evaluated.
        """
        self._manager.save(
            step, metrics={'score': score},
            args=ocp.args.Composite(state=ocp.args.StandardSave(state),
                                    data=grain.checkpoint.CheckpointSave(data),
                                    progress=ocp.args.JsonSave(progress)))
        self._manager.wait_until_finished()
        parallel.barrier('saved')
        if parallel.is_main_process():
            self._seal(step)

    def _seal(self, step: int) -> None:
        write_text(self._manifest(step), json.dumps(_checksums(self._directory(step)), indent=1) + '\n')
        for manifest in self._manifest(step).parent.glob('*.json'):
            if not self._directory(int(manifest.stem)).exists():
                manifest.unlink()

    def restore(self, template: Any, data: grain.DatasetIterator) -> tuple[Any, dict[str, Any]] | None:
        """Restores the newest step: the state, and `data` in place.

        Args:
          template: Shapes, types and shardings of the state.
          data: The input iterator, moved to where it was.

        Returns:
          State and progress, or None for a run without checkpoints.

        Raises:
          InputError: The checkpoint does not fit the template.
        """
        if not self.steps():
            return None
        step = self.steps()[-1]
        restored = self._restore(step, ocp.args.Composite(
            state=ocp.args.StandardRestore(template), data=grain.checkpoint.CheckpointRestore(data),
            progress=ocp.args.JsonRestore()))
        return restored.state, restored.progress

    def restore_state(self, step: int, template: Any) -> Any:
        """Restores the state of one step."""
        return self._restore(step, ocp.args.Composite(state=ocp.args.StandardRestore(template))).state

    def best_step(self) -> int:
        """Returns the step with the highest score.

        Raises:
          InputError: The run has no checkpoint.
        """
        if not self.steps():
            raise InputError(f'{self._workdir} has no checkpoint; train first with --mode=train')
        return max(self.steps(), key=lambda step: (_score(self._manager.metrics(step)), step))

    def close(self) -> None:
        """Releases Orbax's threads."""
        self._manager.close()

    def _restore(self, step: int, items: ocp.args.Composite) -> Any:
        try:
            return self._manager.restore(step, args=items)
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f'checkpoint {self._directory(step)} does not fit this version and config '
                             f'({reason}); use a new workdir') from error

    def _directory(self, step: int) -> pathlib.Path:
        return self._workdir / CHECKPOINTS / str(step)

    def _manifest(self, step: int) -> pathlib.Path:
        return manifest_of(self._workdir, step)

    def _set_aside(self, damaged: dict[int, str]) -> None:
        for step, damage in damaged.items():
            place = self._workdir / DAMAGED / str(step)
            place.parent.mkdir(exist_ok=True)
            shutil.rmtree(place, ignore_errors=True)
            self._directory(step).rename(place)
            _LOG.warning('checkpoint %d is damaged (%s); moved to %s/, using the step before', step, damage,
                         place.parent.name)
