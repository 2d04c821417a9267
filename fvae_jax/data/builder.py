"""How every set of faces is stored: one schema, written by TFDS, read without TensorFlow."""

import abc
import collections
import contextlib
import dataclasses
import fcntl
import hashlib
import io
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tqdm import tqdm

from fvae_jax import cache as cache_lib
from fvae_jax.errors import InputError

_SPLIT = 'faces'  # people are divided when pairs are made, by a hash of their names
_RECORDS = 'records.json'
_REPORT = 'build_report.json'
_TEXTS = ('identity', 'expression', 'origin', 'file', 'reference')


class Record(NamedTuple):
    """What is known of an example without reading its image; the fields are those of `FaceSet`."""

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
      expected: how many examples there may be at most, for the progress bar; None if unknown.
      skipped: {'file', 'reason'} of everything that could not be used.
    """

    expected: int | None = None
    skipped: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def skip(self, file: str, reason: str) -> None:
        """Notes a file that is left out, and why."""
        self.skipped.append({'file': file, 'reason': reason})

    def summary(self, name: str, size: int, records: list[Record]) -> dict[str, Any]:
        """The content of build_report.json."""
        people = collections.defaultdict(collections.Counter)
        for record in records:
            people[record.identity][record.expression] += 1
        return {
            'set': name,
            'size': size,
            'examples': len(records),
            'identities': len(people),
            'expressions': dict(sorted(sum(people.values(), collections.Counter()).items())),
            'by_identity': {identity: dict(sorted(counts.items())) for identity, counts in sorted(people.items())},
            'skipped': self.skipped,
        }


class FaceData:
    """Random access to a built set; safe for threads, and pickled by its folder alone.

    Attributes:
      records: the `Record` of every example, in order.
      report: the content of build_report.json.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = pathlib.Path(folder)
        self._held = cache_lib.Hold(self._folder)
        self._source = tfds.builder_from_directory(self._folder).as_data_source(_SPLIT)
        rows = json.loads((self._folder / _RECORDS).read_text())
        self.records = tuple(Record(*row) for row in rows)
        self.report = json.loads((self._folder / _REPORT).read_text())

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Reads one example: the fields of `FaceSet` as strings, numbers and read-only arrays."""
        example = self._source[range(len(self))[index]]
        return {**example, **{key: example[key].decode() for key in _TEXTS}}

    def __reduce__(self) -> tuple[Callable[..., 'FaceData'], tuple[pathlib.Path]]:
        return FaceData, (self._folder,)

    def __repr__(self) -> str:
        return f"FaceData('{'/'.join(self._folder.parts[-3:])}', {len(self)} examples)"


class FaceSet(tfds.core.ShardBasedBuilder):
    """Base of all sets: a subclass yields examples, this class stores them.

    An example has
      image: (size, size, 3) uint8 RGB, the aligned crop.
      identity, expression: names; 'neutral' is the expression that the others start from.
      strength: float32, how much of the expression; 0 for neutral, 1 unless the set says otherwise.
      origin: 'real' or 'synthetic'.
      landmarks: (5, 2) float32, (x, y) in crop pixels, in the order of `align`; NaN where unknown.
      file: the source file, relative to its root.
      reference: the file of the example of the same person that the flow starts from, its own where other flows start
        from it, or '' where no flow is known. As a rule it is the neutral picture.
      displacement: (size, size, 2) float16, crop pixels: out(p) ≈ reference(p + displacement(p)).
      exposed: (size, size) bool, pixels that the reference does not have.

    It is a shard-based builder because TFDS's generator-based one sorts in memory and asks for
    TensorFlow beyond a gigabyte. The records keep the order in which they were yielded.
    """

    VERSION = tfds.core.Version('1.1.0')  # part of the place; raise it when crops change

    def __init__(self, *, size: int, cache: str | os.PathLike, source: str, options: dict[str, Any], fingerprint: str):
        """Names the place of the set.

        Args:
          size: side of the crops, px.
          cache: folder that holds the built sets.
          source: what the examples are made from, as messages name it.
          options: whatever else changes the examples; JSON values.
          fingerprint: changes when the input files change.
        """
        self._size = size
        self._cache = cache
        self._source = source
        options_text = json.dumps(options, sort_keys=True)
        digest = hashlib.sha256(f'{options_text}\n{fingerprint}'.encode()).hexdigest()[:16]
        config = tfds.core.BuilderConfig(name=f'{size}px-{digest}', description=f'{source}: {options_text}')
        with _quiet():
            super().__init__(data_dir=cache, config=config)

    @abc.abstractmethod
    def _face_examples(self, report: BuildReport) -> Iterable[dict[str, Any]]:
        """Yields the examples of the class docstring; landmarks and flow may be left out."""

    def build(self) -> FaceData:
        """Builds the set unless it is there already, and opens it.

        The set gets its final name only when it is complete, and one process builds at a time.

        Raises:
          InputError: no example is usable, or the cache cannot be written.
        """
        held = cache_lib.Hold(pathlib.Path(self.data_dir))  # before looking, so that what is seen stays
        if not self.data_path.exists():
            with self._lock():
                if not self.data_path.exists():
                    self._build()
        data = FaceData(self.data_dir)
        del held
        cache_lib.trim(pathlib.Path(self._cache).glob('*/*px-*/[0-9]*.*.*'), cache_lib.limit())
        return data

    def _build(self) -> None:
        for leftover in pathlib.Path(self.data_dir).parent.glob('incomplete.*'):
            shutil.rmtree(leftover)  # of a killed build: the lock says that none is running
        with _quiet(), contextlib.redirect_stdout(io.StringIO()):
            self.download_and_prepare(file_format='array_record')
        report = json.loads((pathlib.Path(self.data_dir) / _REPORT).read_text())
        skipped = report['skipped']
        left_out = (
            f'; skipped {len(skipped)}, the first is {_reason(skipped[0])}, all are in '
            f'{os.path.join(self.data_dir, _REPORT)}'
            if skipped
            else ''
        )
        print(f'{self.name}: {report["examples"]} faces of {report["identities"]} people{left_out}', flush=True)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Lets one process at a time build this set; the system frees a dead process's lock."""
        folder = pathlib.Path(self.data_dir).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = open(folder / '.lock', 'w', encoding='utf-8')
        except OSError as error:
            raise InputError(
                f"data.cache '{self._cache}' cannot be written ({error.strerror}); "
                'name another folder with --config.data.cache=DIR'
            ) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f'{self.name}: waiting for another process that builds it', flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _info(self) -> tfds.core.DatasetInfo:
        size, raw = self._size, tfds.features.Encoding.BYTES  # raw bytes are the quickest to read
        features = tfds.features.FeaturesDict(
            {
                'image': tfds.features.Tensor(shape=(size, size, 3), dtype=np.uint8, encoding=raw),
                'strength': np.float32,
                'landmarks': tfds.features.Tensor(shape=(5, 2), dtype=np.float32),
                'displacement': tfds.features.Tensor(shape=(size, size, 2), dtype=np.float16, encoding=raw),
                'exposed': tfds.features.Tensor(shape=(size, size), dtype=np.bool_, encoding=raw),
                **{key: tfds.features.Text() for key in _TEXTS},
            }
        )
        return _LocalInfo(builder=self, features=features, disable_shuffling=True)

    def _shard_iterators_per_split(self, dl_manager):
        del dl_manager  # nothing is downloaded
        return {_SPLIT: [self._keyed_examples]}

    def _keyed_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        report, records = BuildReport(), []
        unknown = {
            'landmarks': np.full((5, 2), np.nan, np.float32),
            'reference': '',
            'displacement': np.zeros((self._size, self._size, 2), np.float16),
            'exposed': np.zeros((self._size, self._size), bool),
        }
        with tqdm(desc=f'building {self.name}', unit=' faces', delay=2, leave=False, disable=None) as bar:
            for example in self._face_examples(report):
                example = unknown | example
                example.update(strength=float(np.float32(example['strength'])))
                records.append(Record(*(example[field] for field in Record._fields)))
                yield len(records), example
                bar.total = report.expected
                bar.update(len(records) + len(report.skipped) - bar.n)
        if not records:
            first = '; '.join(_reason(skipped) for skipped in report.skipped[:3])
            raise InputError(f'{self._source} has no usable photo among {len(report.skipped)}: {first}')
        # TFDS writes into a temporary folder and renames it at the end; these files travel along.
        folder = pathlib.Path(self.data_dir)
        (folder / _RECORDS).write_text(json.dumps(records))
        summary = report.summary(self.name, self._size, records)
        (folder / _REPORT).write_text(json.dumps(summary, indent=1))


class _LocalInfo(tfds.core.DatasetInfo):
    """Dataset info that is never looked for on the servers of TFDS."""

    def initialize_from_bucket(self) -> None:
        pass


def _reason(skipped: dict[str, str]) -> str:
    return f'{skipped["file"]} ({skipped["reason"]})'


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TFDS's remarks on custom configurations out of the log."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
