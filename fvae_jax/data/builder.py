"""How every set of faces is stored: one schema, written by TFDS, read without TensorFlow."""

import collections
import contextlib
import fcntl
import hashlib
import itertools
import json
import logging
import os
import pathlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from fvae_jax import cache as cache_lib
from fvae_jax.data import alike, lips
from fvae_jax.errors import InputError
from fvae_jax.photo import output

_SCHEMA = 5  # part of the place; goes up when fields or crops change, or what is noted of them
_SPLIT = 'faces'  # people are divided when pairs are made, by a hash of their names
_RECORDS = 'records.json'
_REPORT = 'build_report.json'
_TEXTS = ('identity', 'expression', 'origin', 'file', 'reference')

_LOG = logging.getLogger('fvae_jax')


class Record(NamedTuple):
    """What is known of an example without reading its image; see `Source`."""

    identity: str
    expression: str
    strength: float
    origin: str
    file: str
    reference: str


class Skipped(NamedTuple):
    """A file that cannot be used, and why."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f'{self.file} ({self.reason})'


class Source(NamedTuple):
    """What a set is built from.

    An example has:

    * image: (size, size, 3) uint8 RGB, the aligned crop.
    * identity, expression: Names; 'neutral' is the expression that the others start from.
    * strength: float32, how much of the expression; 0 for neutral, 1 unless the set says otherwise.
    * origin: 'real' or 'synthetic'.
    * file: The source file, relative to its root.
    * reference: The file of the example of the same person that the flow starts from, its own where other flows start
        from it, or '' where no flow is known. As a rule it is the neutral picture.
    * displacement: (size, size, 2) float16, crop pixels: out(p) ≈ reference(p + displacement(p)); may be left out.
    * exposed: (size, size) bool, pixels that the reference does not have; may be left out.
    * shade: (size, size) float16, log of the ratio by which the moved pixels were made lighter or darker, counted from
        black; may be left out, and is 0 then.
    * lips: (n, 2) float32, crop px, the inner contour of the lips; may be left out, and is NaN then.
    * made_from: Changes with the content of the files that the example is made from; not stored.
    """

    name: str  # of the set
    inputs: str  # what the examples are made from, as messages name it
    size: int  # side of the crops, px
    options: dict[str, Any]  # whatever else changes the examples; JSON values
    fingerprint: str  # changes when the input files change, told without reading them
    count: int  # how many examples there are at most
    examples: Callable[[], Iterable[dict[str, Any] | Skipped]]  # yields the examples, and what is left out


class FaceData:
    """Random access to a built set; safe for threads.

    Attributes:
      records: The `Record` of every example, in order.
      content: Changes with what the examples were made from: a digest of photos and flows, byte by byte.
      report: The content of build_report.json.
      repeated: Of the examples that have the same crop, the indices.
      similar: Of the examples of two people that look the same but are not, the pairs of indices; see `alike`.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = pathlib.Path(folder)
        self._held = cache_lib.Hold(self._folder)
        self._source = tfds.builder_from_directory(self._folder).as_data_source(_SPLIT)
        stored = json.loads((self._folder / _RECORDS).read_text())
        self.records = tuple(Record(*row) for row in stored['records'])
        self.content = stored['content']
        self.repeated = tuple(map(tuple, stored['repeated']))
        self.similar = tuple(map(tuple, stored['similar']))
        self.report = json.loads((self._folder / _REPORT).read_text())

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Reads one example: the fields that `Source` lists as strings, numbers and read-only arrays."""
        example = self._source[range(len(self))[index]]
        return {**example, **{key: example[key].decode() for key in _TEXTS}}

    def __repr__(self) -> str:
        return f"FaceData('{'/'.join(self._folder.parts[-2:])}', {len(self)} examples)"


def build(source: Source, cache: str | os.PathLike) -> FaceData:
    """Opens a set in the folder of built sets, `cache`, after building it unless it is there already.

    The set gets its final name only when it is complete, and one process builds at a time.

    Raises:
      InputError: No example is usable, or the cache cannot be written.
    """
    made_by = json.dumps([_SCHEMA, source.options, source.fingerprint], sort_keys=True)
    digest = hashlib.sha256(made_by.encode()).hexdigest()[:16]
    folder = pathlib.Path(cache) / source.name / f'{source.size}px-{digest}'
    held = cache_lib.Hold(folder)  # before looking, so that what is seen stays
    if not folder.exists():
        with _lock(folder, source.name, cache):
            if not folder.exists():
                for leftover in folder.parent.glob(f'.{folder.name}.*.tmp'):
                    shutil.rmtree(leftover)  # of a killed build: the lock says that none is running
                with output.replacing_folder(folder) as unfinished:
                    report = _write(source, unfinished)
                told = f'{source.name}: {report["examples"]} faces of {report["identities"]} people'
                if skipped := [Skipped(**file) for file in report['skipped']]:
                    told += f'; skipped {len(skipped)}, the first is {skipped[0]}, all are in {folder / _REPORT}'
                _LOG.log(logging.WARNING if skipped else logging.INFO, '%s', told)
    data = FaceData(folder)
    del held
    cache_lib.trim(pathlib.Path(cache).glob('*/[0-9]*px-*'), cache_lib.limit())
    return data


@contextlib.contextmanager
def _lock(folder: pathlib.Path, name: str, cache: str | os.PathLike) -> Iterator[None]:
    """Lets one process at a time build a set; the system frees a dead process's lock."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = open(folder.with_name(f'.{folder.name}.lock'), 'w', encoding='utf-8')  # noqa: SIM115
    except OSError as error:
        raise InputError(
            f"data.cache '{cache}' cannot be written ({error.strerror}); "
            'name another folder with --config.data.cache=DIR'
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _LOG.info('%s: waiting for another process that builds it', name)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(source: Source, folder: pathlib.Path) -> dict[str, Any]:
    """Writes all examples into a folder, in the order in which they come; returns the content of build_report.json."""
    records, skipped, content, size = [], [], hashlib.sha256(), source.size
    same = collections.defaultdict(list)
    real, fingerprints = [], []
    arrays = {  # as they are where they are left out
        'image': np.zeros((size, size, 3), np.uint8),
        'displacement': np.zeros((size, size, 2), np.float16),
        'exposed': np.zeros((size, size), bool),
        'shade': np.zeros((size, size), np.float16),
        'lips': np.full((lips.POINTS, 2), np.nan, np.float32),
    }
    writer = _writer(arrays, folder)
    bar = {'desc': f'building {source.name}', 'unit': ' faces', 'delay': 2, 'leave': False, 'disable': None}
    for example in tqdm(source.examples(), total=source.count, **bar):
        if isinstance(example, Skipped):
            skipped.append(example)
            continue
        example = arrays | example | {'strength': float(np.float32(example['strength']))}
        content.update(example.pop('made_from').encode())
        same[hashlib.sha256(example['image'].tobytes()).digest()].append(len(records))
        if example['origin'] == 'real':  # what is made is like what it is made from, and drawn faces are alike
            real.append(len(records))
            fingerprints.append(alike.fingerprint(example['image']))
        records.append(Record(*(example[field] for field in Record._fields)))
        writer.add_examples({_SPLIT: [example]})
    writer.close_all()
    if not records:
        first = '; '.join(map(str, skipped[:3]))
        raise InputError(f'{source.inputs} has no usable photo among {len(skipped)}: {first}')
    people = collections.defaultdict(collections.Counter)
    for record in records:
        people[record.identity][record.expression] += 1
    report = {
        'set': source.name,
        'size': size,
        'examples': len(records),
        'identities': len(people),
        'expressions': dict(sorted(sum(people.values(), collections.Counter()).items())),
        'by_identity': {identity: dict(sorted(counts.items())) for identity, counts in sorted(people.items())},
        'skipped': [file._asdict() for file in skipped],
    }
    repeated = [indices for indices in same.values() if len(indices) > 1]
    known = {pair for indices in repeated for pair in itertools.combinations(indices, 2)}
    found = alike.pairs(np.array(fingerprints), [records[i].identity for i in real]) if real else []
    similar = [pair for pair in ((real[i], real[j]) for i, j in found) if pair not in known]
    stored = {'content': content.hexdigest(), 'records': records, 'repeated': repeated, 'similar': similar}
    (folder / _RECORDS).write_text(json.dumps(stored))
    (folder / _REPORT).write_text(json.dumps(report, indent=1))
    return report


def _writer(arrays: dict[str, np.ndarray], folder: pathlib.Path) -> tfds.core.SequentialWriter:
    raw = tfds.features.Encoding.BYTES  # the quickest to read
    features = {key: tfds.features.Text() for key in _TEXTS} | {'strength': np.float32}
    for name, array in arrays.items():
        features[name] = tfds.features.Tensor(shape=array.shape, dtype=array.dtype, encoding=raw)
    identity = tfds.core.DatasetIdentity(_SPLIT, tfds.core.Version(f'{_SCHEMA}.0.0'), str(folder), __name__)
    info = tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features))
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=2**31, file_format='array_record')
    writer.initialize_splits([_SPLIT])
    return writer
