"""One's own photos: a folder with an index.csv, or with photos named IDENTITY/EXPRESSION.jpg."""

import ml_collections

from fvae_jax.data import crops, index
from fvae_jax.data.builder import Source
from fvae_jax.errors import InputError
from fvae_jax.ops.frame import FRAMES


def source(settings: ml_collections.ConfigDict) -> Source:
    """Reads the list of photos.

    Args:
      settings: `config.data`: `root` is a folder, or several separated by commas; with `aligned` the photos are taken
        as they are, which flows need, because they hold for the crops that they were made for; `exclude`, expressions
        to leave out.

    Raises:
      InputError: A folder is missing, its index.csv cannot be read, or it has flows for crops that are not taken.
    """
    root, aligned, size = settings.root, settings.aligned, settings.image_size
    frame = None if aligned else FRAMES[settings.frame]
    entries = index.read_roots(root, settings.exclude)
    if not aligned and any(entry.flow for entry in entries):
        raise InputError(
            f"data.root '{root}' has true flows, which hold only for its own crops; set --config.data.aligned=True, "
            'or take the column flow out of index.csv'
        )
    return Source(
        'photos',
        f"data.root '{root}'",
        size,
        {'aligned': aligned, 'frame': frame, 'shading': settings.shading},
        index.fingerprint(entries),
        len(entries),
        lambda: crops.face_examples(entries, size, frame, settings.shading),
    )
