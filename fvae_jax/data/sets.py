"""The one door to the sets of faces: build if needed, then open."""

import os
from collections.abc import Sequence

from fvae_jax import cache as cache_lib
from fvae_jax.data.builder import FaceData, FaceSet
from fvae_jax.errors import InputError

# The options that each set understands; all have a size and a cache.
_OPTIONS = {
    'synthetic': ('identities', 'seed', 'strengths'),
    'photos': ('root', 'aligned', 'exclude'),
    'multipie': ('manual_dir',),
}
_DEFAULTS = {
    'root': '',
    'aligned': False,
    'exclude': (),
    'manual_dir': '',
    'identities': None,
    'seed': None,
    'strengths': None,
}


def open_set(
    name: str,
    *,
    size: int,
    cache: str = '',
    root: str = '',
    aligned: bool = False,
    exclude: Sequence[str] = (),
    manual_dir: str = '',
    identities: int | None = None,
    seed: int | None = None,
    strengths: Sequence[float] | None = None,
) -> FaceData:
    """Opens a set of faces, after building it if it is new or its files have changed.

    Args:
      name: 'synthetic', 'photos' or 'multipie'.
      size: side of the crops, px.
      cache: folder that holds the built sets; '' is $FVAE_CACHE, or else ~/.cache/fvae_jax.
      root: photos: a folder, or several separated by commas.
      aligned: photos: they are aligned crops, taken as they are.
      exclude: photos: expressions to leave out.
      manual_dir: multipie: the folder that holds multipie/data/sessionNN.
      identities: synthetic: how many people; None is the set's own number.
      seed: synthetic: which people; None is the set's own seed.
      strengths: synthetic: strengths of each expression; None is the set's own choice.

    Returns:
      Random access to the examples, with `records` and `report`.

    Raises:
      InputError: the set is unknown, an option is not one of its own, or its input cannot be used.
    """
    if name not in _OPTIONS:
        raise InputError(f"data.set '{name}' is unknown; it is one of {', '.join(_OPTIONS)}")
    given = {
        'root': root,
        'aligned': aligned,
        'exclude': tuple(exclude),
        'manual_dir': manual_dir,
        'identities': identities,
        'seed': seed,
        'strengths': strengths,
    }
    for option, value in given.items():
        if option not in _OPTIONS[name] and value != _DEFAULTS[option]:
            meant = next(other for other, options in _OPTIONS.items() if option in options)
            raise InputError(
                f"data.{option} is {value!r}, which the set '{name}' does not have; "
                f'leave it out, or use --config.data.set={meant}'
            )
    options = {option: given[option] for option in _OPTIONS[name] if given[option] is not None}
    folder = os.path.expanduser(cache) if cache else cache_lib.folder()
    return _set_class(name)(size=size, cache=folder, **options).build()


def _set_class(name: str) -> type[FaceSet]:
    if name == 'synthetic':
        from fvae_jax.data.synthetic import Synthetic as Set
    elif name == 'photos':
        from fvae_jax.data.photos import Photos as Set
    else:
        from fvae_jax.data.multipie import Multipie as Set
    return Set
