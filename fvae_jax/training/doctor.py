"""What a run directory holds, whether its files are whole, and what a restart would do. Changes nothing."""

import fcntl
import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_collections

from fvae_jax import bundle as bundle_lib, config as config_lib
from fvae_jax.errors import InputError
from fvae_jax.training import checkpoint, history

_Saved = dict[int, str | None]  # as of `checkpoint.examine`


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
      what: Its heading.
      text: What there is to say.
      damaged: Whether something is wrong.
    """

    what: str
    text: str
    damaged: bool = False


def examine(workdir: pathlib.Path) -> list[Finding]:
    """Examines a run directory.

    Raises:
      InputError: It is none.
    """
    if not (workdir / 'config.json').is_file():
        raise InputError(f'{workdir} holds no run; give the --workdir of a training')
    config, trouble = _try(lambda: config_lib.of_run(workdir))
    if trouble:
        return [Finding('settings', f'config.json cannot be read: {trouble}; restore it', True)]
    settings = (
        f'{config.name}, set {config.data.set}, {config.data.image_size} px, seed {config.seed}, '
        f'{config.train.steps} steps of {config.train.batch_size}'
    )
    saved, masks = checkpoint.examine(workdir), sorted((workdir / 'mask').glob('[0-9]*'))
    mask_saved = checkpoint.examine(masks[-1]) if masks else {}
    findings = [Finding('settings', settings), _starts(workdir), _people(workdir)]
    findings.append(_checkpoints('training', saved, config.train.steps))
    if masks:
        findings.append(_checkpoints(f'mask of step {int(masks[-1].name)}', mask_saved, config.confidence.steps))
    aside = [path.name for place in (workdir, *masks) for path in sorted((place / checkpoint.DAMAGED).glob('*'))]
    if aside:
        told = f'damaged checkpoints {", ".join(aside)}, in damaged/; they may be deleted'
        findings.append(Finding('set aside', told))
    return [*findings, _model(workdir), _process(workdir), _next(config, saved, mask_saved, workdir)]


def _try(work: Callable[[], Any]) -> tuple[Any, str]:
    try:
        return work(), ''
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return None, ' '.join(str(error).split()) or type(error).__name__


def _starts(workdir: pathlib.Path) -> Finding:
    lines, trouble = _try(lambda: history.starts(workdir))
    if trouble:
        return Finding('started', f'history.jsonl cannot be read: {trouble}')
    if not lines:
        return Finding('started', 'never')
    last = lines[-1]
    times = 'once' if len(lines) == 1 else f'{len(lines)} times, last'
    version = last.get('versions', {}).get('jax')
    return Finding('started', f'{times} on {last.get("devices")}, jax {version}, by {last.get("command")}')


def _people(workdir: pathlib.Path) -> Finding:
    people, trouble = _try(lambda: json.loads((workdir / 'people.json').read_text()))
    if trouble:
        return Finding('people', f'people.json cannot be read: {trouble}; restore it', True)
    parts = {'train': 'to train', 'validation': 'to validate', 'test': 'to test'}
    return Finding('people', ', '.join(f'{len(people.get(part, ()))} {words}' for part, words in parts.items()))


def _checkpoints(what: str, saved: _Saved, steps: int) -> Finding:
    whole = ', '.join(str(step) for step, wrong in saved.items() if not wrong)
    found = [f'steps {whole} of {steps} are saved and whole' if whole else 'nothing is saved']
    found += [f'step {step} is damaged ({wrong})' for step, wrong in saved.items() if wrong]
    return Finding(what, '; '.join(found), any(saved.values()))


def _model(workdir: pathlib.Path) -> Finding:
    path = workdir / 'model.safetensors'
    if not path.exists():
        return Finding('model', 'none yet; it is written when training ends')
    bundle, trouble = _try(lambda: bundle_lib.load(path))
    if trouble:
        return Finding('model', trouble, True)
    expressions = ', '.join(sorted(bundle.statistics.class_means))
    return Finding('model', f'{path.name}, step {bundle.info.get("step")}, {expressions}')


def _process(workdir: pathlib.Path) -> Finding:
    lock = workdir / '.lock'
    if lock.exists():
        with open(lock, encoding='utf-8') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Finding('running', 'a process trains here now')
    return Finding('running', 'no process trains here')


def _next(config: ml_collections.ConfigDict, saved: _Saved, mask_saved: _Saved, workdir: pathlib.Path) -> Finding:
    last, mask_last = (
        max((step for step, wrong in steps.items() if not wrong), default=0) for steps in (saved, mask_saved)
    )
    if last < config.train.steps:
        early = ', unless early stopping has ended it' if last else ''
        text = f'training goes on at step {last} of {config.train.steps}{early}'
    elif config.confidence.enabled and mask_last < config.confidence.steps:
        text = f'the mask goes on at step {mask_last}'
    elif (workdir / 'model.safetensors').exists():
        text = 'training has ended: test people are scored and the model is written once more'
    else:
        text = 'the model is written'
    if any([*saved.values(), *mask_saved.values()]):
        text = f'damaged checkpoints are moved to damaged/; {text}'
    return Finding('a restart', text)


def report(findings: list[Finding]) -> str:
    """The findings as text, a line each, those that are wrong marked."""
    width = max(len(finding.what) for finding in findings)
    return '\n'.join(
        f'{finding.what:<{width}}  {"DAMAGED: " if finding.damaged else ""}{finding.text}' for finding in findings
    )
