"""One's own photos: a folder with an index.csv, or with photos named IDENTITY/EXPRESSION.jpg."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from fvae_jax.data import crops, index
from fvae_jax.data.builder import BuildReport, FaceSet
from fvae_jax.errors import InputError


class Photos(FaceSet):
    """The faces of one or several folders of photos, as `index.read_roots` reads them."""

    name = 'photos'

    def __init__(
        self, *, size: int, cache: str | os.PathLike, root: str, aligned: bool = False, exclude: Sequence[str] = ()
    ):
        """Reads the list of photos.

        Args:
          size: side of the crops, px.
          cache: folder that holds the built sets.
          root: a folder, or several separated by commas.
          aligned: the photos are aligned crops: take them as they are. Flows need it, because they
            hold for the crops that they were made for.
          exclude: expressions to leave out.

        Raises:
          InputError: a folder is missing or its index.csv cannot be read.
        """
        self._photos = index.read_roots(root, exclude)
        self._aligned = aligned
        if not aligned and any(photo.flow for photo in self._photos):
            raise InputError(
                f"data.root '{root}' has true flows, which hold only for its own "
                'crops; set --config.data.aligned=True, or take the column flow '
                'out of index.csv'
            )
        super().__init__(
            size=size,
            cache=cache,
            source=f"data.root '{root}'",
            options={'aligned': aligned},
            fingerprint=index.fingerprint(self._photos),
        )

    def _face_examples(self, report: BuildReport) -> Iterator[dict[str, Any]]:
        return crops.face_examples(self._photos, self._size, self._aligned, report)
