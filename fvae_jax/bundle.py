"""The model file: weights, config, expression latents and licence in one .safetensors, without any pickle.

Tensors are named by their path ('fvae/params/encoder/…', 'mask/batch_stats/…', 'class_means/smile'); everything
else is JSON under one key of the file's metadata (several keys would be written in random order, and equal models
should be equal files). Reading needs NumPy, safetensors and Flax's modules, nothing of training. One model comes with
the package, in half precision.
"""

import json
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_collections
import numpy as np
import safetensors
import safetensors.numpy

from fvae_jax import config as config_lib
from fvae_jax.data import lips as lips_lib
from fvae_jax.errors import InputError
from fvae_jax.photo import output

KEY = 'fvae_jax'
# They become options of a command line.
_EXPRESSION = re.compile(r'\w[\w .-]{0,63}')
VERSION = 1
# What `Exemplars` and `Folds` have besides tensors.
_PLAIN = {'exemplars': ('eye_distance', 'expression'), 'folds': ('expressions',)}
_DEEPEST = 20  # folders of a tensor's name; those of the networks here have seven
_LARGEST = 2**32  # bytes; the paper's network at 256 px has 2**30
BUILT_IN = pathlib.Path(__file__).with_name('assets') / 'faces.safetensors'


class LatentStatistics(NamedTuple):
    """What Algorithm 1 needs of the training people.

    Attributes:
      class_means: Mean of Z(I) over the images of each expression, {name: (4, 4, C)}.
      within_identity: Mean over people of (their mean Z of an expression − their mean Z of neutral).
      counts: Images of each expression.
      spread: How people differ who show the same, for `editing.latent.whiten`: (k, 4, 4, C), orthogonal; None where it
        was not measured.
    """

    class_means: Mapping[str, np.ndarray]
    within_identity: Mapping[str, np.ndarray]
    counts: Mapping[str, int]
    spread: np.ndarray | None = None


class Exemplars(NamedTuple):
    """Insides of open mouths, for `editing.exemplar`: all of one size, upright, the eyes as far apart in all of them.

    Attributes:
      pixels: (n, h, w, 4) uint8: RGB, multiplied by the fourth channel, which says how much of a pixel lies within the
        lips: lips and skin are left out.
      lip: (n, 2) float32, px: the middle of the upper inner lip.
      light: (n, 3) float32, the mean light of each owner's face, counted from black.
      eye_distance: px.
      expression: What their owners show.
      cavity: What lies behind and below the teeth of a mouth that opens wide, (h, w, 4) uint8 likewise, or None.
      cavity_light: (3,) float32, the mean light of its owner's face; None likewise.
    """

    pixels: np.ndarray
    lip: np.ndarray
    light: np.ndarray
    eye_distance: float
    expression: str
    cavity: np.ndarray | None = None
    cavity_light: np.ndarray | None = None


class Folds(NamedTuple):
    """How skin is shaded when an expression comes, for `editing.folds`.

    Attributes:
      maps: (n, s, s) int8: r in steps of `editing.folds.STEP`, where the neutral face has its skin.
      corners: (n, 2, 2) float32: the corners of the neutral mouth, as shares of the crop's side.
      light: (n,) float32, the mean light of each owner's face, counted from black.
      expressions: What each shows.
    """

    maps: np.ndarray
    corners: np.ndarray
    light: np.ndarray
    expressions: tuple[str, ...]


class Lips(NamedTuple):
    """How the inner contour of the lips is found in a face, for `editing.contour`: regressions, one after another.

    And what lips are like that meet, for `editing.vermilion`.

    Attributes:
      start: (1 + 4 · 4 · C, 2n) float32: a first guess, from the latent of a face.
      steps: (k, 1 + features, 2n) float32: what is added to it, from what is seen around it.
      resting: (n, h, w, 4) int8, of other people's lips at rest: r of red, green and blue beside the skin around them,
        in steps of `editing.vermilion.STEP`, and how much of a place is lip; None where unknown.
    """

    start: np.ndarray
    steps: np.ndarray
    resting: np.ndarray | None = None


class Bundle(NamedTuple):
    """A trained model.

    Attributes:
      config: The experiment that made it.
      fvae: Variables of `models.fvae.from_config`: params and batch_stats.
      mask: Variables of `models.fvae.ConfidenceMask`, or None.
      statistics: The expression latents.
      info: Plain facts for people: step, people, scores, beta, data note, licence, version of fvae_jax.
      exemplars: Of the insides of mouths, or None.
      folds: Of skin, or None.
      lips: How they are found, or None.
    """

    config: ml_collections.ConfigDict
    fvae: dict[str, Any]
    mask: dict[str, Any] | None
    statistics: LatentStatistics
    info: dict[str, Any]
    exemplars: Exemplars | None = None
    folds: Folds | None = None
    lips: Lips | None = None


def save(path: str | os.PathLike, bundle: Bundle, *, half: bool = False) -> None:
    """Writes a model file, whole or not at all.

    Args:
      path: The file.
      bundle: The model.
      half: Store tensors as float16, which halves the file; those that it would change by more than a thousandth of
        their largest value (numbers beyond 65504, or all of them tiny) stay as they are.

    Raises:
      InputError: The file cannot be written.
    """
    stats = bundle.statistics
    latents = {'class_means': stats.class_means, 'within_identity': stats.within_identity, 'spread': stats.spread}
    tensors = _flatten({'fvae': bundle.fvae, 'mask': bundle.mask, **latents})
    if half:
        tensors = {name: _halved(value) for name, value in tensors.items()}
    facts = {
        'version': VERSION,
        'config': config_lib.to_json(bundle.config),
        'counts': dict(stats.counts),
        'info': bundle.info,
    }
    # These whole, since lines of lips cut: a rounding of theirs is seen.
    for kind in ('lips', 'exemplars', 'folds'):
        if part := getattr(bundle, kind):
            known = part._asdict()
            if kind in _PLAIN:
                facts[kind] = {name: known.pop(name) for name in _PLAIN[kind]}
            tensors |= _flatten({kind: known})
    metadata = {KEY: json.dumps(facts, ensure_ascii=False)}
    output.write(path, safetensors.numpy.save(tensors, metadata))


def built_in() -> pathlib.Path:
    """Returns the path of the model that comes with the package; raises `InputError` if the installation lacks it."""
    if not BUILT_IN.is_file():
        raise InputError('this installation has no built-in model; reinstall, or give --model RUN/model.safetensors')
    return BUILT_IN


def load(path: str | os.PathLike | None = None) -> Bundle:
    """Reads a model file; the built-in one when none is given. Tensors are float32, however they are stored.

    Raises:
      InputError: The file is missing, is no model file, or is of another version.
    """
    path = built_in() if path is None else pathlib.Path(path)
    if not path.is_file():
        raise InputError(f'no model file {path}; training writes RUN/model.safetensors')
    if path.stat().st_size > _LARGEST:
        raise InputError(
            f'{path} is larger than {_LARGEST >> 30} GB, too large for a model; take '
            'RUN/model.safetensors of a trained run'
        )
    try:
        with safetensors.safe_open(path, 'numpy') as file:
            facts = _facts(path, file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
    except InputError:
        raise
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f'{path} is not a model file, or is cut short ({error}); take RUN/model.safetensors of a trained run'
        ) from error
    try:
        shown, folds, lips = (_take(tensors, f'{kind}/') for kind in (*_PLAIN, 'lips'))
        tree = _unflatten({name: np.asarray(value, np.float32) for name, value in tensors.items()})
        bundle = Bundle(
            config_lib.from_json(facts['config']),
            tree['fvae'],
            tree.get('mask'),
            LatentStatistics(
                tree['class_means'], tree.get('within_identity', {}), dict(facts['counts']), tree.get('spread')
            ),
            dict(facts['info']),
            _exemplars(shown, facts['exemplars']) if shown else None,
            _folds(folds, facts['folds']) if folds else None,
            _lips(lips) if lips else None,
        )
        config_lib.check_fields(bundle.config)
        _check(tensors, bundle)
        return bundle
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = ' '.join(str(error).split())[:300]
        raise InputError(f'{path} is damaged ({reason}); take another copy of it') from error


def _exemplars(tensors: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> Exemplars:
    """Raises ValueError unless the parts fit together."""
    pixels, lip, light = (tensors[name] for name in ('pixels', 'lip', 'light'))
    cavity, cavity_light = tensors.get('cavity'), tensors.get('cavity_light')
    for picture, axes in ((pixels, 4), *([] if cavity is None else [(cavity, 3)])):
        fits = picture.dtype == np.uint8 and picture.ndim == axes and picture.shape[-1] == 4 and picture.size
        if not fits or not picture[..., 3].any():
            raise ValueError(f'exemplars of shape {picture.shape} and type {picture.dtype}')
    _check_numbers('exemplars/lip', lip, (len(pixels), 2))
    _check_numbers('exemplars/light', light, (len(pixels), 3))
    if cavity is not None:
        _check_numbers('exemplars/cavity_light', cavity_light, (3,))
    distance, expression = float(facts['eye_distance']), str(facts['expression'])
    if not 0 < distance < np.inf or not _EXPRESSION.fullmatch(expression):
        raise ValueError(f'exemplars of {expression!r} with eyes {distance} px apart')
    return Exemplars(pixels, lip, light, distance, expression, cavity, cavity_light)


def _take(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Takes out the tensors of a prefix, by what follows it."""
    return {name.removeprefix(prefix): tensors.pop(name) for name in list(tensors) if name.startswith(prefix)}


def _folds(tensors: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> Folds:
    """Raises ValueError unless the parts fit together."""
    maps, corners, light = (tensors[name] for name in ('maps', 'corners', 'light'))
    expressions = tuple(map(str, facts['expressions']))
    if maps.dtype != np.int8 or maps.ndim != 3 or maps.shape[1] != maps.shape[2] or not maps.size:
        raise ValueError(f'folds of shape {maps.shape} and type {maps.dtype}')
    _check_numbers('folds/corners', corners, (len(maps), 2, 2))
    _check_numbers('folds/light', light, (len(maps),))
    wide = corners[:, 1, 0] > corners[:, 0, 0]
    if len(expressions) != len(maps) or not all(map(_EXPRESSION.fullmatch, expressions)) or not wide.all():
        raise ValueError(f'folds of {len(expressions)} expressions')
    return Folds(maps, corners, light, expressions)


def _lips(tensors: Mapping[str, np.ndarray]) -> Lips:
    """Raises ValueError unless the parts fit together."""
    start, steps = (np.asarray(tensors[name], np.float32) for name in ('start', 'steps'))
    for name, value in (('start', start), ('steps', steps)):
        _check_numbers(f'lips/{name}', value, value.shape)
    resting = tensors.get('resting')
    if resting is not None and (
        resting.dtype != np.int8 or resting.ndim != 4 or resting.shape[-1] != 4 or not resting.size
    ):
        raise ValueError(f'lips at rest of shape {resting.shape} and type {resting.dtype}')
    return Lips(start, steps, resting)


def _check_numbers(name: str, value: np.ndarray | None, shape: tuple[int, ...]) -> None:
    if np.shape(value) != shape or value.dtype != np.float32 or not np.isfinite(value).all():
        raise ValueError(f'{name} of shape {np.shape(value)}')


def _check(tensors: Mapping[str, np.ndarray], bundle: Bundle) -> None:
    """Raises ValueError unless the numbers are finite, the latents of one shape, and the names fit to be options."""
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise ValueError(f'{name} is not finite')
    latents = [*bundle.statistics.class_means.items(), *bundle.statistics.within_identity.items()]
    shape = np.shape(latents[0][1]) if latents else ()
    for name, latent in latents:
        if not _EXPRESSION.fullmatch(name):
            raise ValueError(f'{name!r} is not the name of an expression')
        if len(shape) != 3 or np.shape(latent) != shape:
            raise ValueError(f'the latent of {name} has the shape {np.shape(latent)}')
    counts, spread = bundle.statistics.counts, bundle.statistics.spread
    if spread is not None and np.shape(spread)[1:] != shape:
        raise ValueError(f'the spread of people has the shape {np.shape(spread)}')
    if bundle.lips is not None:
        shapes = np.shape(bundle.lips.start), np.shape(bundle.lips.steps)
        points = 2 * lips_lib.POINTS
        if shapes[0] != (1 + np.prod(shape, dtype=int), points) or len(shapes[1]) != 3 or shapes[1][2] != points:
            raise ValueError(f'lips are found by arrays of the shapes {shapes[0]} and {shapes[1]}')
    for name in bundle.statistics.class_means:
        if type(counts.get(name)) is not int or counts[name] < 1:
            raise ValueError(f'{counts.get(name)!r} images of {name!r} are counted')
    for name in [*counts, *bundle.statistics.within_identity]:
        if name not in bundle.statistics.class_means:
            raise ValueError(f'{name!r} has no mean latent')


def _facts(path: pathlib.Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    if KEY not in metadata:
        raise InputError(
            f'{path} is a safetensors file but not an fvae_jax model; take RUN/model.safetensors of a trained run'
        )
    facts = dict(json.loads(metadata[KEY]))
    if facts.get('version') != VERSION:
        raise InputError(
            f'{path} is of model version {facts.get("version")}, this program reads version '
            f'{VERSION}; update fvae_jax, or train again'
        )
    return facts


def _halved(value: np.ndarray) -> np.ndarray:
    with np.errstate(over='ignore'):
        half = value.astype(np.float16)
    # Not the error of each value: float16 loses digits below 6e-5, which matter only where nothing is larger.
    return half if np.all(np.abs(half - value) <= 1e-3 * np.abs(value).max()) else value


def _flatten(tree: Mapping[str, Any], prefix: str = '') -> dict[str, np.ndarray]:
    """The arrays of a tree by their paths; what is None is left out."""
    flat = {}
    for name, inner in tree.items():
        if isinstance(inner, Mapping):
            flat |= _flatten(inner, f'{prefix}{name}/')
        elif inner is not None:
            flat[prefix + name] = np.ascontiguousarray(inner)
    return flat


def _unflatten(flat: Mapping[str, np.ndarray]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *folders, name = path.split('/')
        if len(folders) > _DEEPEST:  # libraries go through the tree by recursion
            raise ValueError(f'{path[:50]!r}… lies {len(folders)} deep')
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
            if not isinstance(node, dict):
                raise ValueError(f'{path!r} lies in another tensor')
        if name in node:
            raise ValueError(f'{path!r} holds other tensors')
        node[name] = value
    # Running statistics that a file lacks are missed where the network meets them, which says so.
    for network in ('fvae', 'mask'):
        if network in tree:
            tree[network].setdefault('batch_stats', {})
    return tree
