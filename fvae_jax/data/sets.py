"""The one door to the sets of faces: build if needed, then open."""

import os

import ml_collections

from fvae_jax import cache as cache_lib
from fvae_jax.data import builder, multipie, photos
from fvae_jax.data.drawn import examples as drawn
from fvae_jax.errors import InputError

_SOURCES = {'synthetic': drawn.source, 'photos': photos.source, 'multipie': multipie.source}
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
