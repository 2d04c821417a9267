"""Every setting of an experiment: its default, what it may be, and what it means.

`configs/*.py` start from `default_config()` and change fields; the command line overrides them
(`--config.train.steps=100`); `validate` refuses a value before any work is done.
"""

import difflib
import json
import math
import os
import pathlib
import textwrap
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import ml_collections

from fvae_jax.errors import InputError


class Rule(NamedTuple):
    """What a field may be: the words for people and the test."""

    words: str
    allows: Callable[[Any], bool]


class Field(NamedTuple):
    """One setting. The type of `default` is the type of the field."""

    default: Any
    rule: Rule
    meaning: str


def _at_least(low: float) -> Rule:
    return Rule(f'at least {low:g}', lambda value: math.isfinite(value) and value >= low)


def _above(low: float) -> Rule:
    return Rule(f'above {low:g}', lambda value: math.isfinite(value) and value > low)


def _between(low: float, high: float) -> Rule:
    return Rule(f'between {low:g} and {high:g}', lambda value: low <= value <= high)


def _one_of(*options: Any) -> Rule:
    return Rule('one of ' + ', '.join(map(repr, options)), lambda value: value in options)


def _each(kind: type, rule: Rule) -> Rule:
    words = f'a tuple of values, each {rule.words}'
    return Rule(words, lambda values: all(_is_a(v, kind) and rule.allows(v) for v in values))


_ANY = Rule('anything', lambda value: True)
_SHARE = _between(0, 1)
_NAME = Rule('not empty', lambda value: value != '')

FIELDS: dict[str, Field] = {
    'name': Field('fvae', _NAME, 'name of the experiment; the default workdir is runs/<name>'),
    'seed': Field(0, _between(0, 2**31 - 1), 'seed of weights, noise, pairs and jitter'),
    'parallel': Field('jit', _one_of('jit', 'pmap'), 'jit over a device mesh, or pmap; both give the same numbers'),
    # Data (5.1, 5.2).
    'data.set': Field('synthetic', _one_of('synthetic', 'photos', 'multipie'), 'the data set'),
    'data.root': Field('', _ANY, 'photos: the folder, or several separated by commas'),
    'data.manual_dir': Field('', _ANY, 'multipie: the folder that holds multipie/data/sessionNN'),
    'data.aligned': Field(False, _ANY, 'photos: the images are aligned crops, take them as they are'),
    'data.exclude': Field((), _each(str, _NAME), 'photos: expressions to leave out'),
    'data.exemplars': Field(
        (),
        _each(str, _NAME),
        'photos: training people whose open mouths, without lips and skin, go into the model file as teeth for others',
    ),
    'data.cavity': Field(
        '',
        _ANY,
        'photos: a training person whose widest open mouth, real or synthetic, goes there too, to be seen below teeth',
    ),
    'data.cache': Field('', _ANY, 'where built sets are kept; default $FVAE_CACHE or ~/.cache/fvae_jax'),
    'data.frame': Field(
        'tight',
        _one_of('tight', 'wide'),
        'eye centers at 0.33 and 0.67 across, 0.40 down the crop, or at 0.37 and 0.63, 0.37 down, with room for a jaw',
    ),
    'data.image_size': Field(128, _one_of(64, 128, 256), 'side of the crops and of the network, px'),
    'data.identities': Field(150, _at_least(10), 'synthetic: number of people'),
    'data.strengths': Field(
        (1.0,),
        Rule('a tuple of numbers in (0, 1]', lambda v: len(v) > 0 and all(_is_a(s, float) and 0 < s <= 1 for s in v)),
        'synthetic: strengths drawn of each expression',
    ),
    'data.note': Field('', _ANY, 'said of the training data in the model file: source, attribution'),
    'data.licence': Field('', _ANY, 'licence of the training data, said in the model file'),
    'data.test_share': Field(0.2, _between(0.01, 0.9), 'share of identities kept for the final test'),
    'data.test_people': Field((), _each(str, _NAME), 'identities that are among them in any case'),
    'data.validation_share': Field(
        0.1, _between(0.01, 0.9), 'share of the training identities that early stopping looks at'
    ),
    'data.identity_pairs': Field(0.25, _SHARE, 'share of training pairs with S = T'),
    'data.color_transfer': Field(True, _ANY, "give S the target's lαβ statistics (5.2)"),
    'data.flip': Field(True, _ANY, 'flip S and T together at random (5.2)'),
    'data.jitter_degrees': Field(0.0, _between(0, 45), 'joint rotation of S and T, ± degrees'),
    'data.jitter_scale': Field(0.0, _between(0, 0.5), 'joint scaling, ± share'),
    'data.jitter_shift': Field(0.0, _between(0, 0.5), 'joint shift, ± share of the side'),
    'data.jitter_color': Field(0.0, _between(0, 0.5), 'joint gain of each color channel, ± share'),
    'data.emphasized': Field((), _each(str, _NAME), 'expressions whose images make a training pair count four times'),
    'data.folds': Field(
        (),
        _each(str, _NAME),
        'photos: training people whose folds of skin, from photos with and without an expression, go there too',
    ),
    'data.true_flow': Field(False, _ANY, 'add what is known of each pair: displacement, exposed pixels, shading, lips'),
    'data.shading': Field(
        1.0, _SHARE, 'photos: how much of the known shading is left in synthetic images; the rest is taken out of them'
    ),
    # Networks (Figure 3, 5.3).
    'model.width': Field(
        64, Rule('an even number, at least 4', lambda v: v >= 4 and v % 2 == 0), 'w; 64 gives the 4×4×1024 of the paper'
    ),
    'model.latent_channels': Field(0, _at_least(0), 'channels of Z; 0 means those of the last stage'),
    'model.norm_momentum': Field(
        0.99, _between(0, 0.9999), 'of the running statistics; long runs 0.99, short runs less'
    ),
    'model.decoder': Field(
        'flow',
        _one_of('flow', 'pixels'),
        'what g predicts: where pixels come from, or, as the VAE of 6.1, their colors',
    ),
    'model.source_concat': Field(
        'pyramid',
        _one_of('pyramid', 'bottleneck', 'none'),
        'where the decoder sees S: at every scale, at 4×4 only, or nowhere (pixels only)',
    ),
    'model.content': Field(False, _ANY, 'beyond the paper: predict alpha and color of what the source does not have'),
    'model.shading': Field(
        False, _ANY, 'beyond the paper: predict how much lighter or darker moved pixels become, as folds and light do'
    ),
    'model.dtype': Field(
        'float32',
        _one_of('float32', 'bfloat16', 'float64'),
        'arithmetic of the convolutions; float64 is for numerical checks',
    ),
    # Flow (3.1.1).
    'flow.parameterization': Field(
        'residual',
        _one_of('absolute', 'near_identity', 'residual'),
        'F = tanh(h), tanh(atanh(0.99 grid) + h) / 0.99, or grid + scale · tanh(h)',
    ),
    'flow.scale': Field(0.5, _between(0.01, 2), 'residual: the longest displacement, normalised'),
    # Losses (Eq. 1, 3, 4, 6).
    'loss.prior_weight': Field(0.003, _at_least(0), 'λ1 of Eq. 1'),
    'loss.flow_weight': Field(0.001, _at_least(0), 'λ2 of Eq. 1'),
    'loss.flow_alpha': Field(10.0, _at_least(0), 'α of Eq. 6'),
    'loss.flow_sigma': Field(1.0, _above(0), 'unit of the distance |i - j| in Eq. 6, px'),
    # What trains the content layer, and what a set with true flow teaches (beyond the paper).
    'loss.content_price': Field(
        0.05, _at_least(0), 'model.content: per pixel of alpha, so that moved pixels come first'
    ),
    'loss.exposed_weight': Field(
        0.0, _at_least(0), 'model.content: of the cross entropy of alpha from the truly exposed pixels'
    ),
    'loss.true_flow_weight': Field(0.0, _at_least(0), 'of the squared distance from the true displacement, px²'),
    'loss.shading_price': Field(
        0.1, _at_least(0), 'model.shading: of its square and of the squares of its steps from pixel to pixel'
    ),
    'loss.shading_weight': Field(0.0, _at_least(0), 'model.shading: of the squared distance from the true shading'),
    # Confidence mask (3.2).
    'confidence.enabled': Field(True, _ANY, 'train the mask after the FVAE'),
    'confidence.width': Field(
        0,
        Rule('0, or an even number from 4 on', lambda v: v == 0 or (v >= 4 and v % 2 == 0)),
        'w of the mask network; 0 means that of the FVAE',
    ),
    'confidence.beta': Field(0.0, _at_least(0), 'β of Eq. 7; 0 means measured on the training pairs'),
    'confidence.steps': Field(20_000, _at_least(1), 'steps at most'),
    # Editing (Algorithm 1).
    'latent.direction': Field(
        'class_means', _one_of('class_means', 'within_identity', 'paper'), 'how Z_target − Z_source is averaged'
    ),
    'latent.mirror': Field(
        True, _ANY, 'each image counts with its mirror image in these averages, so that directions have no side'
    ),
    # Training (5.4).
    'train.start': Field('', _ANY, 'a model file whose weights a new run begins with; none means random ones'),
    'train.batch_size': Field(64, _at_least(1), 'pairs per step over all devices and hosts'),
    'train.accumulate_steps': Field(
        1,
        _at_least(1),
        'parts of a batch that are worked on one after the other, to save memory; '
        'batch normalisation sees one part at a time',
    ),
    'train.steps': Field(100_000, _at_least(1), 'steps at most'),
    'train.learning_rate': Field(3e-4, _above(0), 'of Adam'),
    'train.schedule': Field('constant', _one_of('constant', 'cosine'), 'of the learning rate'),
    'train.beta1': Field(0.9, _between(0, 0.9999), 'of Adam'),
    'train.beta2': Field(0.999, _between(0, 0.999999), 'of Adam'),
    'train.clip': Field(5.0, _above(0), 'gradients are clipped by value to ± this'),
    'train.patience': Field(20, _at_least(1), 'stop after so many evaluations without gain'),
    'train.log_every': Field(50, _at_least(1), 'steps between lines of metrics.jsonl'),
    'train.evaluate_every': Field(1000, _at_least(1), 'steps between evaluations; a checkpoint and samples with each'),
    # Evaluation.
    'eval.batch_size': Field(64, _at_least(1), 'pairs at a time'),
    'eval.max_pairs': Field(2000, _at_least(1), 'pairs at most, spread evenly over all'),
}

# Fields of former versions, and the only value of each that still means the same.
REMOVED: dict[str, Any] = {'model.norm': 'batch', 'loss.reduction': 'sum', 'loss.flow_window': 7}

_FILE = 'config.json'  # of a run directory

# A run may be continued with other values of these; the rest decides what the weights mean.
CHANGEABLE = (
    'name',
    'parallel',
    'data.root',
    'data.manual_dir',
    'data.cache',
    'data.exemplars',
    'data.cavity',
    'data.folds',
    'data.note',
    'data.licence',
    'train.start',
    'train.steps',
    'train.patience',
    'train.log_every',
    'train.evaluate_every',
    'confidence.enabled',
    'confidence.steps',
    'latent.direction',
    'latent.mirror',
    'eval.batch_size',
    'eval.max_pairs',
)


def default_config() -> ml_collections.ConfigDict:
    """Returns a new config with the paper's numbers in every field."""
    config = ml_collections.ConfigDict()
    for path, field in FIELDS.items():
        group, _, name = path.rpartition('.')
        if group and group not in config:
            config[group] = ml_collections.ConfigDict()
        (config[group] if group else config)[name] = field.default
    return config


def parse_arg(arg: str | None, variants: Iterable[str]) -> frozenset[str]:
    """Splits the part after the colon of `--config=configs/x.py:a,b`.

    Args:
      arg: That part, or None when there is no colon.
      variants: The names that the config knows.

    Returns:
      The names given.

    Raises:
      InputError: A name is unknown.
    """
    known = tuple(variants)
    given = frozenset(part for part in (arg or '').split(',') if part)
    for name in sorted(given - set(known)):
        raise InputError(f'unknown config variant {name!r}; this config has {", ".join(known) or "none"}')
    return given


def check_name(path: str) -> None:
    """Checks that a field exists.

    Args:
      path: Its name with its groups', such as 'train.steps'.

    Raises:
      InputError: It does not; the message names those that may be meant.
    """
    if path in FIELDS:
        return
    # A slip of the fingers, or the right name in another group.
    group, _, name = path.rpartition('.')
    meant = difflib.get_close_matches(path, FIELDS, n=1, cutoff=0.8) or [
        field for field in FIELDS if field.endswith(f'.{name}')
    ]
    meant = meant or [field for field in FIELDS if field.startswith(f'{group}.')]
    hint = f'it may be {", ".join(f"config.{field}" for field in meant)}; ' if meant else ''
    raise InputError(f'config.{path} is not a field; {hint}--help lists all of them')


def _is_a(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


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
    """Checks every field by itself.

    Raises:
      InputError: As of `validate`.
    """
    flat = flatten(config)
    for path in flat:
        if path not in FIELDS:
            raise InputError(f'config.{path} is not a field; see fvae_jax/config.py for those that are')
    for path, field in FIELDS.items():
        if path not in flat:
            raise InputError(f'config.{path} is missing; start from fvae_jax.config.default_config()')
        value, kind = flat[path], type(field.default)
        if not _is_a(value, kind):
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
    if config.data.set == 'photos' and not config.data.root:
        raise InputError(
            'config.data.root is empty; name the folder of photos: --config.data.root=DATA '
            '(see docs/training.md, "Own data")'
        )


def differences(config: ml_collections.ConfigDict, other: ml_collections.ConfigDict) -> list[str]:
    """Returns the fields, changeable ones aside, in which two configs differ, as 'field: a, not b'."""
    a, b = json.loads(to_json(config)), json.loads(to_json(other))
    flat_a, flat_b = _flatten_plain(a), _flatten_plain(b)
    return [
        f'{path}: {flat_a.get(path)!r}, not {flat_b.get(path)!r}'
        for path in sorted(flat_a.keys() | flat_b.keys())
        if path not in CHANGEABLE and flat_a.get(path) != flat_b.get(path)
    ]


def _flatten_plain(nested: dict) -> dict[str, Any]:
    return flatten(ml_collections.ConfigDict(nested))


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
        stored = _flatten_plain(stored)
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
        group, _, name = path.rpartition('.')
        try:
            # JSON has no tuples.
            value = tuple(value) if isinstance(FIELDS[path].default, tuple) else value
            (config[group] if group else config)[name] = value
        except TypeError as error:
            raise InputError(f'config.{path} = {value!r}: {error}') from error
    return config


def is_run(workdir: str | os.PathLike) -> bool:
    """Whether a path is that of a run directory."""
    return bool(workdir) and (pathlib.Path(workdir) / _FILE).is_file()


def of_run(workdir: str | os.PathLike) -> ml_collections.ConfigDict:
    """Returns the config that a run directory was made with.

    Raises:
      InputError: The directory holds no run, or its config.json is damaged.
    """
    path = pathlib.Path(workdir) / _FILE
    try:
        return from_json(path.read_text())
    except OSError as error:
        raise InputError(
            f'{workdir} holds no run ({path.name}: {error.strerror}); train one with --workdir={workdir}'
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f'{path} is damaged ({error}); restore it') from error


def describe() -> str:
    """Returns one paragraph per field for `--help`."""
    lines = []
    for path, field in FIELDS.items():
        text = f'{field.meaning} (default {field.default!r})'
        lines.append(f'  --config.{path}\n' + textwrap.indent(textwrap.fill(text, 90), ' ' * 6))
    return '\n'.join(lines)
