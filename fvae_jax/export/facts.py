"""What is told beside every export: model.json, and the latents of Algorithm 1 in latents.bin.

model.json names the networks' inputs and outputs, the expressions, where the eyes belong in a crop, where the model is
from and under which licence, and the SHA-256 of every other file.
"""

import hashlib
import json
import pathlib
import shutil

import numpy as np

import fvae_jax
from fvae_jax import bundle as bundle_lib
from fvae_jax.data import align
from fvae_jax.editing import latent
from fvae_jax.errors import InputError
from fvae_jax.export import functions

VERSION = 1
FILE, LATENTS = 'model.json', 'latents.bin'


def latents(bundle: bundle_lib.Bundle) -> dict[str, np.ndarray]:
    """Returns 'neutral', the mean latent of neutral faces, then by name what each expression adds at strength 1.

    Raises:
      InputError: The model does not know neutral faces.
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


def write(
    folder: pathlib.Path,
    bundle: bundle_lib.Bundle,
    suffix: str,
    outputs: dict[str, list[str]],
    card: pathlib.Path | None,
) -> None:
    """Writes model.json and latents.bin, and copies the model card.

    Args:
      folder: Where all other files of the export are already.
      bundle: The model.
      suffix: Of the files of the networks, which have their names.
      outputs: The names of each network's outputs.
      card: The model card, or None.
    """
    arrays, config, info, size = latents(bundle), bundle.config, bundle.info, bundle.config.data.image_size
    (folder / LATENTS).write_bytes(b''.join(np.asarray(value, '<f4').tobytes() for value in arrays.values()))
    if card is not None:
        shutil.copyfile(card, folder / card.name)
    data, licence = info.get('data', ''), info.get('licence', '')
    told = {
        'version': VERSION,
        'program': f'fvae_jax {fvae_jax.__version__}',
        'name': info.get('experiment', config.name),
        'size': size,
        'image': {'layout': 'NHWC', 'channels': 'RGB', 'range': [-1, 1], 'of_bytes': 'byte / 127.5 - 1'},
        'eyes': align.crop_eye_centers(size).tolist(),
        'latents': {
            'file': LATENTS,
            'type': 'float32, little endian',
            'order': list(arrays),
            'shape': list(functions.shapes(bundle)['latent']),
            'direction': config.latent.direction,
        },
        'expressions': [
            {'name': name, 'images': bundle.statistics.counts.get(name)} for name in arrays if name != latent.NEUTRAL
        ],
        'content': bool(config.model.content),
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
