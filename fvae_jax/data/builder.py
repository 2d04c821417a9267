"""How every set of faces is stored: one schema, written by TFDS, read without TensorFlow."""

import collections
import contextlib
import dataclasses
import fcntl
import hashlib
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

from fvae_jax.errors import InputError
from fvae_jax.photo import output

_SCHEMA = 2  # part of the place; goes up when fields or crops change
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


@dataclasses.dataclass
class BuildReport:
    """What a build took and what it left out.

    Attributes:
      expected: How many examples there may be at most, for the progress bar; None if unknown.
      skipped: {'file', 'reason'} of everything that could not be used.
    """

    expected: int | None = None
    skipped: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def skip(self, file: str, reason: str) -> None:
        """Notes a file that is left out, and why."""
        self.skipped.append({'file': file, 'reason': reason})

    def summary(self, source: 'Source', records: list[Record]) -> dict[str, Any]:
        """The content of build_report.json."""
        people = collections.defaultdict(collections.Counter)
        for record in records:
            people[record.identity][record.expression] += 1
        return {
            'set': source.name,
            'size': source.size,
            'examples': len(records),
            'identities': len(people),
            'expressions': dict(sorted(sum(people.values(), collections.Counter()).items())),
            'by_identity': {identity: dict(sorted(counts.items())) for identity, counts in sorted(people.items())},
            'skipped': self.skipped,
        }


class Source(NamedTuple):
    """What a set is built from.

    An example has
      image: (size, size, 3) uint8 RGB, the aligned crop.
      identity, expression: Names; 'neutral' is the expression that the others start from.
      strength: float32, how much of the expression; 0 for neutral, 1 unless the set says otherwise.
      origin: 'real' or 'synthetic'.
      file: The source file, relative to its root.
      reference: The file of the example of the same person that the flow starts from, its own where other flows start
        from it, or '' where no flow is known. As a rule it is the neutral picture.
      displacement: (size, size, 2) float16, crop pixels: out(p) ≈ reference(p + displacement(p)); may be left out.
      exposed: (size, size) bool, pixels that the reference does not have; may be left out.
      made_from: Changes with the content of the files that the example is made from; not stored.

    Attributes:
      name: Of the set.
      inputs: What the examples are made from, as messages name it.
      size: Side of the crops, px.
      options: Whatever else changes the examples; JSON values.
      fingerprint: Changes when the input files change, told without reading them.
      examples: Yields the examples, and notes in the report what is left out.
    """

    name: str
    inputs: str
    size: int
    options: dict[str, Any]
    fingerprint: str
    examples: Callable[[BuildReport], Iterable[dict[str, Any]]]


class FaceData:
    """Random access to a built set; safe for threads, and pickled by its folder alone.

    Attributes:
      records: The `Record` of every example, in order.
      content: Changes with what the examples were made from: a digest of photos and flows, byte by byte.
      report: The content of build_report.json.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = pathlib.Path(folder)
        self._source = tfds.builder_from_directory(self._folder).as_data_source(_SPLIT)
        stored = json.loads((self._folder / _RECORDS).read_text())
        self.records = tuple(Record(*row) for row in stored['records'])
        self.content = stored['content']
        self.report = json.loads((self._folder / _REPORT).read_text())

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Reads one example: the fields that `Source` lists as strings, numbers and read-only arrays."""
        example = self._source[range(len(self))[index]]
        return {**example, **{key: example[key].decode() for key in _TEXTS}}

    def __reduce__(self) -> tuple[Callable[..., 'FaceData'], tuple[pathlib.Path]]:
        return FaceData, (self._folder,)

    def __repr__(self) -> str:
        return f"FaceData('{'/'.join(self._folder.parts[-2:])}', {len(self)} examples)"


def build(source: Source, cache: str | os.PathLike) -> FaceData:
    """Opens a set, after building it unless it is there already.

    The set gets its final name only when it is complete, and one process builds at a time.

    Args:
      source: What it is built from.
      cache: Folder that holds the built sets.

    Raises:
      InputError: No example is usable, or the cache cannot be written.
    """
    made_by = json.dumps([_SCHEMA, source.options, source.fingerprint], sort_keys=True)
    digest = hashlib.sha256(made_by.encode()).hexdigest()[:16]
    folder = pathlib.Path(cache) / source.name / f'{source.size}px-{digest}'
    if not folder.exists():
        with _lock(folder, source.name, cache):
            if not folder.exists():
                for leftover in folder.parent.glob(f'.{folder.name}.*.tmp'):
                    shutil.rmtree(leftover)  # of a killed build: the lock says that none is running
                with output.replacing_folder(folder) as unfinished:
                    report = _write(source, unfinished)
                _tell(source.name, report, folder)
    return FaceData(folder)


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
    """Writes all examples into a folder, in the order in which they come, and returns the report."""
    size, raw = source.size, tfds.features.Encoding.BYTES  # raw bytes are the quickest to read
    features = tfds.features.FeaturesDict(
        {
            'image': tfds.features.Tensor(shape=(size, size, 3), dtype=np.uint8, encoding=raw),
            'strength': np.float32,
            'displacement': tfds.features.Tensor(shape=(size, size, 2), dtype=np.float16, encoding=raw),
            'exposed': tfds.features.Tensor(shape=(size, size), dtype=np.bool_, encoding=raw),
            **{key: tfds.features.Text() for key in _TEXTS},
        }
    )
    identity = tfds.core.DatasetIdentity(_SPLIT, tfds.core.Version(f'{_SCHEMA}.0.0'), str(folder), __name__)
    info = tfds.core.DatasetInfo(builder=identity, features=features)
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=2**31, file_format='array_record')
    writer.initialize_splits([_SPLIT])
    report, records, content = BuildReport(), [], hashlib.sha256()
    unknown = {
        'reference': '',
        'displacement': np.zeros((size, size, 2), np.float16),
        'exposed': np.zeros((size, size), bool),
    }
    with tqdm(desc=f'building {source.name}', unit=' faces', delay=2, leave=False, disable=None) as bar:
        for example in source.examples(report):
            example = unknown | example | {'strength': float(np.float32(example['strength']))}
            content.update(example.pop('made_from').encode())
            records.append(Record(*(example[field] for field in Record._fields)))
            writer.add_examples({_SPLIT: [example]})
            bar.total = report.expected
            bar.update(len(records) + len(report.skipped) - bar.n)
    writer.close_all()
    if not records:
        first = '; '.join(_reason(skipped) for skipped in report.skipped[:3])
        raise InputError(f'{source.inputs} has no usable photo among {len(report.skipped)}: {first}')
    (folder / _RECORDS).write_text(json.dumps({'content': content.hexdigest(), 'records': records}))
    summary = report.summary(source, records)
    (folder / _REPORT).write_text(json.dumps(summary, indent=1))
    return summary


def _tell(name: str, report: dict[str, Any], folder: pathlib.Path) -> None:
    skipped, told = report['skipped'], f'{name}: {report["examples"]} faces of {report["identities"]} people'
    if skipped:
        _LOG.warning(
            '%s; skipped %d, the first is %s, all are in %s', told, len(skipped), _reason(skipped[0]), folder / _REPORT
        )
    else:
        _LOG.info('%s', told)


def _reason(skipped: dict[str, str]) -> str:
    return f'{skipped["file"]} ({skipped["reason"]})'
