"""What is told beside every export: model.json, latents.bin (Algorithm 1), and what the model knows of mouths and skin.

model.json names the networks' inputs and outputs, the expressions, where the eyes belong in a crop, where the model is
from and under which licence, and the SHA-256 of every other file.
"""

import hashlib
import json
import pathlib
import shutil
from typing import Any

import numpy as np

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import folds, latent
from fvae_jax.errors import InputError
from fvae_jax.export import functions
from fvae_jax.ops import frame

VERSION = 1
FILE, LATENTS, EXEMPLARS, FOLDS, LIPS = 'model.json', 'latents.bin', 'exemplars.bin', 'folds.bin', 'lips.bin'


def latents(bundle: bundle_lib.Bundle) -> dict[str, np.ndarray]:
    """Returns 'neutral', the mean latent of neutral faces, then by name what each expression adds at strength 1.

    Raises `InputError` if the model knows no neutral faces.
    """
    stats, kind = bundle.statistics, bundle.config.latent.direction
    table = stats.within_identity if kind == 'within_identity' else stats.class_means
    if latent.NEUTRAL not in table or latent.NEUTRAL not in stats.class_means:
        raise InputError(
            f'this model knows no neutral faces, from which expressions are counted; it has '
            f'{", ".join(sorted(stats.class_means)) or "none"}: export one that was trained with them'
        )
    names = sorted(set(table) - {latent.NEUTRAL})
    directions = {name: latent.direction(stats, name, latent.NEUTRAL, kind) for name in names}
    return {latent.NEUTRAL: stats.class_means[latent.NEUTRAL], **directions}


def _write_exemplars(folder: pathlib.Path, exemplars: bundle_lib.Exemplars) -> dict[str, Any]:
    cavity = exemplars.cavity
    (folder / EXEMPLARS).write_bytes(exemplars.pixels.tobytes() + (b'' if cavity is None else cavity.tobytes()))
    return {
        'file': EXEMPLARS,
        'type': 'uint8, RGB multiplied by alpha',
        'shape': list(exemplars.pixels.shape),
        'lip': exemplars.lip.tolist(),
        'light': exemplars.light.tolist(),
        'eye_distance': exemplars.eye_distance,
        'expression': exemplars.expression,
        'cavity': None if cavity is None else {'shape': list(cavity.shape), 'light': exemplars.cavity_light.tolist()},
    }


def _write_folds(folder: pathlib.Path, known: bundle_lib.Folds) -> dict[str, Any]:
    (folder / FOLDS).write_bytes(known.maps.tobytes())
    return {
        'file': FOLDS,
        'type': 'int8, steps of the logarithm of a ratio of light',
        'step': folds.STEP,
        'shape': list(known.maps.shape),
        'corners': known.corners.tolist(),
        'light': known.light.tolist(),
        'expressions': list(known.expressions),
    }


def _write_lips(folder: pathlib.Path, known: bundle_lib.Lips) -> dict[str, Any]:
    found_by = {'start': known.start, 'steps': known.steps}
    (folder / LIPS).write_bytes(b''.join(np.asarray(value, '<f4').tobytes() for value in found_by.values()))
    return {
        'file': LIPS,
        'type': 'float32, little endian',
        'order': list(found_by),
        **{name: list(value.shape) for name, value in found_by.items()},
    }


def write(
    folder: pathlib.Path,
    bundle: bundle_lib.Bundle,
    suffix: str,
    outputs: dict[str, list[str]],
    card: pathlib.Path | None,
) -> None:
    """Writes model.json, latents.bin, exemplars.bin, folds.bin and lips.bin, and copies the model card, if any.

    The folder has all other files of the export already: those of the networks have their names and the suffix.
    `outputs` names the outputs of each network.
    """
    exemplars = bundle.exemplars and _write_exemplars(folder, bundle.exemplars)
    skin = bundle.folds and _write_folds(folder, bundle.folds)
    lips = bundle.lips and _write_lips(folder, bundle.lips)
    arrays, config, info, size = latents(bundle), bundle.config, bundle.info, bundle.config.data.image_size
    rows, gram = latent.readings(bundle.statistics, config.latent.direction)
    stored = [*arrays.values(), *rows.values()]
    (folder / LATENTS).write_bytes(b''.join(np.asarray(value, '<f4').tobytes() for value in stored))
    if card is not None:
        shutil.copyfile(card, folder / card.name)
    data, licence = info.get('data', ''), info.get('licence', '')
    told = {
        'version': VERSION,
        'program': f'fvae_jax {fvae_jax.__version__}',
        'name': info.get('experiment', config.name),
        'size': size,
        'image': {'layout': 'NHWC', 'channels': 'RGB', 'range': [-1, 1], 'of_bytes': 'byte / 127.5 - 1'},
        'eyes': frame.of(config).eye_centers(size).tolist(),
        'latents': {
            'file': LATENTS,
            'type': 'float32, little endian',
            'order': list(arrays),
            'then': [f'reading of {name}' for name in rows],
            'gram': gram.tolist(),
            'shape': list(functions.shapes(bundle)['latent']),
            'direction': config.latent.direction,
        },
        'expressions': [
            {'name': name, 'images': bundle.statistics.counts.get(name)} for name in arrays if name != latent.NEUTRAL
        ],
        'content': bool(config.model.content),
        'shading': bool(config.model.shading),
        'exemplars': exemplars,
        'folds': skin,
        'lips': lips,
        'mask': bundle.mask is not None,
        'networks': {
            name: {'file': f'{name}{suffix}', 'inputs': list(names), 'outputs': outputs[name]}
            for name, names in functions.inputs(bundle).items()
        },
        'data': data,
        'licence': licence,
        'attribution': f'Weights trained on: {data or "not stated"}. Licence: {licence or "not stated"}.',
        'card': {name: value for name, value in info.items() if name not in ('data', 'licence')},
        'files': {
            path.relative_to(folder).as_posix(): {
                'bytes': path.stat().st_size,
                'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in sorted(folder.rglob('*'))
            if path.is_file() and path.name != FILE
        },
    }
    (folder / FILE).write_text(json.dumps(told, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
