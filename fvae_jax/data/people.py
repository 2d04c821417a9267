"""Who trains, who validates and who tests: the people of a set."""

import hashlib
import logging
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from fvae_jax.data import builder, pairs as pairs_lib, pipeline, sets, survey
from fvae_jax.errors import InputError, printable

_LOG = logging.getLogger('fvae_jax')


class Split(NamedTuple):
    """The identities of each part, sorted. Nobody is in two parts."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


class Faces(NamedTuple):
    """A data set and how its people are divided."""

    data: builder.FaceData
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
    try:
        return Faces(data, split_identities(sorted(names), *shares, settings.test_people, _together(data)))
    except InputError:
        for doubt in survey.doubts(data):  # may say why
            _LOG.warning('warning: %s', printable(doubt))
        raise


def _together(data: builder.FaceData) -> list[set[str]]:
    """The people who have an image in common, in groups."""
    groups: list[set[str]] = []
    for indices in data.repeated:
        group = {data.records[i].identity for i in indices}
        if len(group) > 1:
            group |= {name for other in groups if other & group for name in other}
            groups = [other for other in groups if not other & group] + [group]
    return groups


def _part(identities: Sequence[str], salt: str, share: float, spare: int, first: Sequence[str] = ()) -> set[str]:
    """The `share` of the names: `first`, then those with the smallest hashes; one at least, and `spare` are left."""

    def rank(identity: str) -> tuple[bool, bytes]:
        return identity not in first, hashlib.sha256(f'{salt}:{identity}'.encode()).digest()

    count = min(max(1, len(first), round(share * len(identities))), len(identities) - spare)
    return set(sorted(identities, key=rank)[:count])


def split_identities(
    identities: Sequence[str],
    test_share: float,
    validation_share: float,
    test_people: Sequence[str] = (),
    together: Sequence[Collection[str]] = (),
) -> Split:
    """Divides people by a hash of their names: the same people are always divided alike (5.2, 5.4).

    Args:
      identities: Names, repeated or not.
      test_share: Share of all people kept for the final test.
      validation_share: Share of the remaining people that early stopping looks at.
      test_people: Names that are among the test people, whatever their hash.
      together: Groups of names that stay in one part, because they have images in common.

    Raises:
      InputError: There are fewer than three people, or nobody is left to train on, or a name is unknown.
    """
    everyone = sorted(set(identities))
    first = {name: min(group) for group in together for name in group}  # stands for its group
    names = sorted({first.get(name, name) for name in everyone})
    if len(names) < 3:
        apart = ' without images in common' if first else ''
        raise InputError(
            f'the set has {len(names)} identities{apart}; at least 3 are needed, to train, to validate and to test'
        )
    for name in sorted(set(test_people) - set(everyone)):
        raise InputError(f'data.test_people names {name!r}, who is not in the set or has no pair of expressions')
    named = {first.get(name, name) for name in test_people}
    if len(named) > len(names) - 2:
        raise InputError(
            f'data.test_people names {len(named)} of {len(names)} people; leave two at least to train and to validate'
        )
    test = _part(names, 'test', test_share, spare=2, first=sorted(named))
    rest = [name for name in names if name not in test]
    validation = _part(rest, 'validation', validation_share, spare=1)

    def part(chosen: Collection[str]) -> tuple[str, ...]:
        return tuple(name for name in everyone if first.get(name, name) in chosen)

    return Split(part(set(rest) - validation), part(validation), part(test))
