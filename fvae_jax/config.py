"""The config of an experiment: made, checked, compared and stored by the table of `fields`.

`configs/*.py` start from `default_config()` and change fields; the command line overrides them
(`--config.train.steps=100`); `validate` refuses a value before any work is done.
"""

import json
import os
import pathlib
from collections.abc import Iterable
from typing import Any

import ml_collections

from fvae_jax.errors import InputError
from fvae_jax.fields import FIELDS, REMOVED, is_a

_FILE = 'config.json'  # of a run directory

# A run may be continued with other values of these; the rest decides what the weights mean.
_CHANGEABLE_BY_GROUP = {
    'data': ('root', 'manual_dir', 'cache', 'exemplars', 'cavity', 'folds', 'lips', 'note', 'licence'),
    'train': ('start', 'steps', 'patience', 'log_every', 'evaluate_every'),
    'confidence': ('enabled', 'steps'),
    'latent': ('direction', 'mirror'),
    'eval': ('batch_size', 'max_pairs'),
}
CHANGEABLE = {'name', 'parallel'}
CHANGEABLE |= {f'{group}.{name}' for group, names in _CHANGEABLE_BY_GROUP.items() for name in names}


def default_config() -> ml_collections.ConfigDict:
    """Returns a new config with the paper's numbers in every field."""
    config = ml_collections.ConfigDict({path.partition('.')[0]: {} for path in FIELDS if '.' in path})
    config.update_from_flattened_dict({path: field.default for path, field in FIELDS.items()})
    return config


def parse_arg(arg: str | None, variants: Iterable[str]) -> frozenset[str]:
    """The names after the colon of `--config=configs/x.py:a,b`; None stands for no colon.

    Raises `InputError` if one is not among `variants`.
    """
    known = tuple(variants)
    given = frozenset(part for part in (arg or '').split(',') if part)
    for name in sorted(given - set(known)):
        raise InputError(f'unknown config variant {name!r}; this config has {", ".join(known) or "none"}')
    return given


def flatten(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns {'train.steps': 1000, …}."""
    flat = {}
    for key, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            flat.update({f'{key}.{inner}': v for inner, v in flatten(value).items()})
        else:
            flat[key] = value
    return flat


def check_fields(config: ml_collections.ConfigDict) -> None:
    """Checks every field by itself; raises `InputError` as `validate` does."""
    flat = flatten(config)
    for path in flat:
        if path not in FIELDS:
            raise InputError(f'config.{path} is not a field; see fvae_jax/fields.py for those that are')
    for path, field in FIELDS.items():
        if path not in flat:
            raise InputError(f'config.{path} is missing; start from fvae_jax.config.default_config()')
        value, kind = flat[path], type(field.default)
        if not is_a(value, kind):
            raise InputError(f'config.{path} = {value!r} is a {type(value).__name__}; it must be a {kind.__name__}')
        if not field.rule.allows(value):
            raise InputError(f'config.{path} = {value!r} is out of range; it must be {field.rule.words}')
    if config.model.decoder == 'flow' and config.model.source_concat == 'none':
        raise InputError(
            "config.model.source_concat = 'none' needs config.model.decoder = 'pixels'; a flow is "
            'predicted from the source'
        )
    for field in ('exposed_weight', 'true_flow_weight', 'shading_weight'):
        if config.loss[field] and not config.data.true_flow:
            raise InputError(f'config.loss.{field} = {config.loss[field]:g} needs config.data.true_flow = True')


def validate(config: ml_collections.ConfigDict) -> None:
    """Checks every field before any work is done.

    Raises:
      InputError: A field is unknown, missing, of the wrong type or out of range; the message names the
        field, the value and what it may be.
    """
    check_fields(config)
    if config.train.batch_size % config.train.accumulate_steps:
        raise InputError(
            f'config.train.accumulate_steps = {config.train.accumulate_steps} does not divide '
            f'config.train.batch_size = {config.train.batch_size}; take a divisor of it'
        )
    for field in ('content', 'shading'):
        if config.model[field] and config.model.decoder == 'pixels':
            raise InputError(
                f"config.model.{field} = True needs config.model.decoder = 'flow'; a pixel decoder has nothing to "
                'add to'
            )
    if config.model.decoder == 'pixels' and config.confidence.enabled:
        raise InputError(
            "config.confidence.enabled must be False with config.model.decoder = 'pixels'; the mask judges a flow"
        )
    if config.data.cavity and not config.data.exemplars:
        raise InputError(
            f'config.data.cavity = {config.data.cavity!r} needs config.data.exemplars, behind whose teeth it is seen'
        )
    if config.data.folds and not (config.data.exemplars and config.model.content and config.model.shading):
        raise InputError(
            'config.data.folds needs config.model.shading = True, which shades by them, and config.model.content = '
            'True with config.data.exemplars, by which mouths are found'
        )
    if config.data.lips and not config.model.content:
        raise InputError(
            'config.data.lips needs config.model.content = True: only such a model knows that a mouth is open'
        )
    if config.data.set == 'photos' and not config.data.root:
        raise InputError(
            'config.data.root is empty; name the folder of photos: --config.data.root=DATA '
            '(see docs/training.md, "Own data")'
        )


def differences(config: ml_collections.ConfigDict, other: ml_collections.ConfigDict) -> list[str]:
    """Returns the fields, changeable ones aside, in which two configs differ, as 'field: a, not b'."""
    a, b = (flatten(ml_collections.ConfigDict(json.loads(to_json(one)))) for one in (config, other))
    return [
        f'{path}: {a.get(path)!r}, not {b.get(path)!r}'
        for path in sorted(a.keys() | b.keys())
        if path not in CHANGEABLE and a.get(path) != b.get(path)
    ]


def to_json(config: ml_collections.ConfigDict) -> str:
    """Returns the config as indented JSON; `from_json` reads it back."""
    return json.dumps(config.to_dict(), indent=2, ensure_ascii=False) + '\n'


def from_json(text: str) -> ml_collections.ConfigDict:
    """Returns the config that `to_json` wrote. Fields added since then take their defaults; see also `REMOVED`.

    Raises:
      InputError: The text is no config, or says what this version cannot do any more.
    """
    try:
        stored = json.loads(text)
        if not isinstance(stored, dict):
            raise TypeError(f'a {type(stored).__name__}')
        stored = flatten(ml_collections.ConfigDict(stored))
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f'this is not a config.json ({error}); restore the file or use a new workdir') from error
    config = default_config()
    for path, value in stored.items():
        if path in REMOVED:
            if value != REMOVED[path]:
                raise InputError(
                    f'config.{path} = {value!r} is no longer supported, only {REMOVED[path]!r} is left; use the '
                    'version of fvae_jax that the run or model was made with'
                )
            continue
        if path not in FIELDS:
            raise InputError(f'config.{path} is not a field of this version of fvae_jax')
        try:
            # JSON has no tuples.
            value = tuple(value) if isinstance(FIELDS[path].default, tuple) else value
            config.update_from_flattened_dict({path: value})
        except TypeError as error:
            raise InputError(f'config.{path} = {value!r}: {error}') from error
    return config


def is_run(workdir: str | os.PathLike) -> bool:
    """Whether a path is that of a run directory."""
    return bool(workdir) and (pathlib.Path(workdir) / _FILE).is_file()


def of_run(workdir: str | os.PathLike) -> ml_collections.ConfigDict:
    """Returns the config that a run directory was made with; raises `InputError` if it holds none, or a damaged one."""
    path = pathlib.Path(workdir) / _FILE
    try:
        return from_json(path.read_text())
    except OSError as error:
        raise InputError(
            f'{workdir} holds no run ({path.name}: {error.strerror}); train one with --workdir={workdir}'
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f'{path} is damaged ({error}); restore it') from error
