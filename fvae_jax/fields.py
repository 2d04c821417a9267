"""The table of all settings of an experiment: each with its default, what it may be, and what it means."""

import difflib
import math
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

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


def is_a(value: Any, kind: type) -> bool:
    """Whether a value may stand in a field of a type: an integer in one of floats, but no bool in one of numbers."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _at_least(low: float) -> Rule:
    return Rule(f'at least {low:g}', lambda value: math.isfinite(value) and value >= low)


def _above(low: float) -> Rule:
    return Rule(f'above {low:g}', lambda value: math.isfinite(value) and value > low)


def _between(low: float, high: float) -> Rule:
    return Rule(f'between {low:g} and {high:g}', lambda value: low <= value <= high)


def _one_of(*options: Any) -> Rule:
    return Rule('one of ' + ', '.join(map(repr, options)), lambda value: value in options)


_ANY = Rule('anything', lambda value: True)
_SHARE = _between(0, 1)
_NAME = Rule('not empty', lambda value: value != '')
_NAMES = Rule('a tuple of values, each not empty', lambda values: all(isinstance(v, str) and v for v in values))

FIELDS: dict[str, Field] = {
    'name': Field('fvae', _NAME, 'name of the experiment; the default workdir is runs/<name>'),
    'seed': Field(0, _between(0, 2**31 - 1), 'seed of weights, noise, pairs and jitter'),
    'parallel': Field('jit', _one_of('jit', 'pmap'), 'jit over a device mesh, or pmap; both give the same numbers'),
    # Data (5.1, 5.2).
    'data.set': Field('synthetic', _one_of('synthetic', 'photos', 'multipie'), 'the data set'),
    'data.root': Field('', _ANY, 'photos: the folder, or several separated by commas'),
    'data.manual_dir': Field('', _ANY, 'multipie: the folder that holds multipie/data/sessionNN'),
    'data.aligned': Field(False, _ANY, 'photos: the images are aligned crops, take them as they are'),
    'data.exclude': Field((), _NAMES, 'photos: expressions to leave out'),
    'data.exemplars': Field(
        (),
        _NAMES,
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
        Rule('a tuple of numbers in (0, 1]', lambda v: len(v) > 0 and all(is_a(s, float) and 0 < s <= 1 for s in v)),
        'synthetic: strengths drawn of each expression',
    ),
    'data.note': Field('', _ANY, 'said of the training data in the model file: source, attribution'),
    'data.licence': Field('', _ANY, 'licence of the training data, said in the model file'),
    'data.test_share': Field(0.2, _between(0.01, 0.9), 'share of identities kept for the final test'),
    'data.test_people': Field((), _NAMES, 'identities that are among them in any case'),
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
    'data.emphasized': Field((), _NAMES, 'expressions whose images make a training pair count four times'),
    'data.folds': Field(
        (),
        _NAMES,
        'photos: training people whose folds of skin, from photos with and without an expression, go there too',
    ),
    'data.lips': Field(
        (),
        _NAMES,
        'photos: training people whose lips at rest, from neutral photos, go there too, for mouths that close',
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


def check_name(path: str) -> None:
    """Raises `InputError`, which names those that may be meant, unless a field, such as 'train.steps', exists."""
    if path in FIELDS:
        return
    # A slip of the fingers, or the right name in another group.
    group, _, name = path.rpartition('.')
    meant = (
        difflib.get_close_matches(path, FIELDS, n=1, cutoff=0.8)
        or [field for field in FIELDS if field.endswith(f'.{name}')]
        or [field for field in FIELDS if field.startswith(f'{group}.')]
    )
    hint = f'it may be {", ".join(f"config.{field}" for field in meant)}; ' if meant else ''
    raise InputError(f'config.{path} is not a field; {hint}--help lists all of them')


def describe() -> str:
    """Returns one paragraph per field for `--help`."""
    lines = []
    for path, field in FIELDS.items():
        text = f'{field.meaning} (default {field.default!r})'
        lines.append(f'  --config.{path}\n' + textwrap.indent(textwrap.fill(text, 90), ' ' * 6))
    return '\n'.join(lines)
