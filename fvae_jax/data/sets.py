"""The one door to the sets of faces: what each is made of; build if needed, then open."""

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import ml_collections
import numpy as np

from fvae_jax import cache as cache_lib
from fvae_jax.data import builder, crops, index
from fvae_jax.data.drawn.expressions import EXPRESSIONS
from fvae_jax.data.drawn.face import DrawnFace
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import FRAMES

# Said of another set than theirs these would go unnoticed; the defaults are all empty.
_OWN = {'photos': ('root', 'aligned', 'exclude', 'exemplars', 'cavity', 'folds'), 'multipie': ('manual_dir',)}
_SEED = 0  # of the set; person i depends on (SEED, i) alone
# Goes up whenever the same person gives other pictures: sets and reported results are per drawing.
_DRAWING = 'drawing 1'
# What each subject was asked for in the recordings 01, 02 … of a session.
_SESSIONS = {
    '01': ('neutral', 'smile'),
    '02': ('neutral', 'surprise', 'squint'),
    '03': ('neutral', 'smile', 'disgust'),
    '04': ('neutral', 'neutral', 'scream'),
}
_CAMERA, _ILLUMINATION = '05_1', '06'


def open_set(settings: ml_collections.ConfigDict) -> builder.FaceData:
    """Opens the set of faces of `config.data`, after building it if it is new or its files have changed.

    Raises:
      InputError: The set is unknown, an option is not one of its own, or its input cannot be used.
    """
    if settings.set not in _SOURCES:
        raise InputError(f"data.set '{settings.set}' is unknown; it is one of {', '.join(_SOURCES)}")
    for owner, options in _OWN.items():
        for option in options if owner != settings.set else ():
            if settings[option]:
                raise InputError(
                    f"data.{option} is {settings[option]!r}, which the set '{settings.set}' does not have; "
                    f'leave it out, or use --config.data.set={owner}'
                )
    cache = os.path.expanduser(settings.cache) if settings.cache else cache_lib.folder()
    return builder.build(_SOURCES[settings.set](settings), cache)


def _synthetic(settings: ml_collections.ConfigDict) -> builder.Source:
    """Drawn people: `settings.identities` of them, with each expression at `settings.strengths`; see `draw`."""
    identities, strengths, size = settings.identities, tuple(settings.strengths), settings.image_size
    return builder.Source(
        settings.set,
        'the synthetic set',
        size,
        {'identities': identities, 'strengths': strengths},
        _DRAWING,
        identities * (1 + (len(EXPRESSIONS) - 1) * len(strengths)),
        lambda: draw(identities, size, strengths),
    )


def draw(identities: int, size: int, strengths: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Draws people, with the six Multi-PIE expressions and true flow, as the examples that `builder.Source` describes.

    Person by person: neutral once, then every other expression at each strength, which are in (0, 1]. The first people
    of a larger set are the same; `size` is the side of the pictures, px.
    """
    moods = [(expression, float(strength)) for expression in EXPRESSIONS[1:] for strength in strengths]
    for number in range(identities):
        face = DrawnFace(_SEED, number, size)
        identity = f'synthetic_{number:04d}'
        for expression, strength in (('neutral', 0.0), *moods):
            displacement, exposed = face.displacement(expression, strength)
            yield {
                'image': face.image(expression, strength),
                'identity': identity,
                'expression': expression,
                'strength': strength,
                'origin': 'synthetic',
                'file': f'{identity}/{expression}_{round(100 * strength):03d}',
                'reference': f'{identity}/neutral_000',
                'displacement': displacement.astype(np.float16),
                'exposed': exposed,
                'made_from': _DRAWING,
            }


def _photos(settings: ml_collections.ConfigDict) -> builder.Source:
    """One's own photos, in the folders `settings.root`; with `settings.aligned` they are taken as they are."""
    entries = index.read_roots(settings.root, settings.exclude)
    if not settings.aligned and any(entry.flow for entry in entries):
        raise InputError(
            f"data.root '{settings.root}' has true flows, which hold only for its own crops; set "
            '--config.data.aligned=True, or take the column flow out of index.csv'
        )
    options = {'aligned': settings.aligned, 'shading': settings.shading}
    return _of_files(settings, f"data.root '{settings.root}'", entries, options)


def _multipie(settings: ml_collections.ConfigDict) -> builder.Source:
    """CMU Multi-PIE (5.1) in a folder that holds multipie/data/sessionNN; a subject may have several neutral photos.

    The frontal camera 05_1 under the frontal flash 06, six expressions.
    """
    root = pathlib.Path(settings.manual_dir).expanduser()
    photos = []
    recordings = [(session, i, name) for session, names in _SESSIONS.items() for i, name in enumerate(names, 1)]
    for session, recording, expression in recordings if settings.manual_dir else ():
        for folder in sorted(root.glob(f'multipie/data/session{session}/multiview/*/{recording:02}/{_CAMERA}')):
            subject = folder.parts[-3]
            name = f'{subject}_{session}_{recording:02}_{_CAMERA.replace("_", "")}_{_ILLUMINATION}.png'
            file = (folder / name).relative_to(root).as_posix()
            strength = 0.0 if expression == index.NEUTRAL else 1.0
            photos.append(index.Entry(root, file, f'multipie_{subject}', expression, strength))
    if not photos:
        raise InputError(
            f"data.manual_dir '{settings.manual_dir}' has no folders multipie/data/sessionNN/multiview/"
            f'SUBJECT/RECORDING/{_CAMERA}; Multi-PIE is licensed by Carnegie Mellon University: '
            'order it at multipie.org, unpack it so that DIR/multipie/data/session01 exists, and give '
            '--config.data.manual_dir=DIR'
        )
    return _of_files(settings, f"data.manual_dir '{settings.manual_dir}'", photos, {})


def _of_files(
    settings: ml_collections.ConfigDict, inputs: str, entries: Sequence[index.Entry], options: dict[str, Any]
) -> builder.Source:
    size, shading, frame = settings.image_size, settings.shading, None if settings.aligned else FRAMES[settings.frame]
    return builder.Source(
        settings.set,
        inputs,
        size,
        {'frame': frame, **options},
        index.fingerprint(entries),
        len(entries),
        lambda: crops.face_examples(entries, size, frame, shading),
    )


_SOURCES = {'synthetic': _synthetic, 'photos': _photos, 'multipie': _multipie}
