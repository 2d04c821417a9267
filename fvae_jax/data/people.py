"""Who trains, who validates and who tests: the people of a set."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from fvae_jax.data import pairs as pairs_lib, pipeline, sets
from fvae_jax.errors import InputError

_LOG = logging.getLogger('fvae_jax')


class Split(NamedTuple):
    """The identities of each part, sorted. Nobody is in two parts."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


class Faces(NamedTuple):
    """A data set and how its people are divided."""

    data: pairs_lib.FaceSource
    split: Split

    def pairs(self, part: str, limit: int | None = None) -> np.ndarray:
        """The ordered pairs of 'train', 'validation' or 'test' people; at most `limit`, spread evenly."""
        pairs = pairs_lib.ordered_pairs(self.data.records, getattr(self.split, part))
        return pipeline.thin(pairs, limit or len(pairs))

    def record(self) -> dict[str, Any]:
        """What a run remembers of its faces, to go on with the same ones.

        Returns:
          The names of each part; 'digest', of everybody's labels and part; 'images', of the content of the files.
        """
        digest = hashlib.sha256(repr((self.data.records, self.split)).encode()).hexdigest()
        return {'digest': digest, 'images': self.data.content, **self.split._asdict()}


def open_faces(config: ml_collections.ConfigDict) -> Faces:
    """Builds or opens the config's data set and divides its people."""
    data, settings = sets.open_set(config.data), config.data
    # People with one expression only cannot be tested, nor trained on.
    everyone = {record.identity for record in data.records}
    names = {data.records[source].identity for source, _ in pairs_lib.ordered_pairs(data.records, everyone)}
    if alone := len(everyone) - len(names):
        _LOG.info('%d of %d people have one expression only and are left out', alone, len(everyone))
    shares = settings.test_share, settings.validation_share
    return Faces(data, split_identities(sorted(names), *shares, settings.test_people))


def _part(identities: Sequence[str], salt: str, share: float, spare: int, first: Sequence[str] = ()) -> set[str]:
    """The `share` of the names: `first`, then those with the smallest hashes; one at least, and `spare` are left."""

    def rank(identity: str) -> tuple[bool, bytes]:
        return identity not in first, hashlib.sha256(f'{salt}:{identity}'.encode()).digest()

    count = min(max(1, len(first), round(share * len(identities))), len(identities) - spare)
    return set(sorted(identities, key=rank)[:count])


def split_identities(
    identities: Sequence[str], test_share: float, validation_share: float, test_people: Sequence[str] = ()
) -> Split:
    """Divides people by a hash of their names: the same people are always divided alike (5.2, 5.4).

    Args:
      identities: Names, repeated or not.
      test_share: Share of all people kept for the final test.
      validation_share: Share of the remaining people that early stopping looks at.
      test_people: Names that are among the test people, whatever their hash.

    Raises:
      InputError: There are fewer than three people, or nobody is left to train on, or a name is unknown.
    """
    names = sorted(set(identities))
    if len(names) < 3:
        raise InputError(
            f'the set has {len(names)} identities; at least 3 are needed, to train, to validate and to test'
        )
    for name in sorted(set(test_people) - set(names)):
        raise InputError(f'data.test_people names {name!r}, who is not in the set or has no pair of expressions')
    if len(set(test_people)) > len(names) - 2:
        raise InputError(
            f'data.test_people names {len(set(test_people))} of {len(names)} people; leave two at least '
            'to train and to validate'
        )
    test = _part(names, 'test', test_share, spare=2, first=sorted(set(test_people)))
    rest = [name for name in names if name not in test]
    validation = _part(rest, 'validation', validation_share, spare=1)
    train = tuple(name for name in rest if name not in validation)
    return Split(train, tuple(sorted(validation)), tuple(sorted(test)))
