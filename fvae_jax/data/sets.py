"""The one door to the sets of faces: what each is made of; build if needed, then open."""

import os
from collections.abc import Sequence
from typing import Any

import ml_collections

from fvae_jax import cache as cache_lib
from fvae_jax.data import builder, crops, index, multipie
from fvae_jax.data.drawn import examples as drawn
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import FRAMES

# Said of another set than theirs these would go unnoticed; the defaults are all empty.
_OWN = {'photos': ('root', 'aligned', 'exclude', 'exemplars', 'cavity', 'folds'), 'multipie': ('manual_dir',)}


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
    """Drawn people: `settings.identities` of them, with each expression at `settings.strengths`."""
    identities, strengths, size = settings.identities, tuple(settings.strengths), settings.image_size
    return builder.Source(
        settings.set,
        'the synthetic set',
        size,
        {'identities': identities, 'strengths': strengths},
        drawn.DRAWING,
        identities * len(drawn.frames(strengths)),
        lambda: drawn.draw(identities, size, strengths),
    )


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
    """CMU Multi-PIE, in the folder `settings.manual_dir`."""
    entries = multipie.find_photos(settings.manual_dir)
    return _of_files(settings, f"data.manual_dir '{settings.manual_dir}'", entries, {})


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
