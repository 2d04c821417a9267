"""Grain: this host's share of each global batch, prefetched, from any step on."""

import os
from collections.abc import Callable, Iterator

import grain
import ml_collections
import numpy as np

from fvae_jax.data import pairs as pairs_lib
from fvae_jax.data.builder import FaceData

# The stream has no end; Grain wants a length.
_ENDLESS = 1 << 40
_PREFETCH = 16
_MOST_THREADS = 16  # Python code in a pair keeps more of them waiting for each other


def _batches(
    load: Callable[[int], dict[str, np.ndarray]], count: int, size: int, prefetch: int
) -> Iterator[dict[str, np.ndarray]]:
    """What is loaded for 0, 1 … count - 1, a multiple of `size`, in threads: one for each core of this process."""
    threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=prefetch)
    return iter(grain.MapDataset.range(count).map(load).to_iter_dataset(options).batch(size, drop_remainder=True))


def training_batches(
    faces: FaceData, pairs: np.ndarray, config: ml_collections.ConfigDict, rows: slice, step: int = 0
) -> Iterator[dict[str, np.ndarray]]:
    """Returns an endless iterator over this host's share of the training batches.

    Position p of the stream belongs to row p mod batch_size of step p // batch_size, whatever the number
    of hosts and of threads: the global batch is the same for all of them, and so a run goes on by its step alone.
    Batches are those of `pairs.load_pair` with `index`, the positions, int32.

    Args:
      faces: The set.
      pairs: (pairs, 2) indices into it.
      config: The experiment.
      rows: This host's rows of a global batch.
      step: The steps that are done.
    """
    plan = pairs_lib.PairPlan(pairs, config.seed, config.data)
    share = rows.stop - rows.start
    flows = pairs_lib.PairFlows(faces)

    def load(local: int) -> dict[str, np.ndarray]:
        batch, row = divmod(int(local), share)
        position = (step + batch) * config.train.batch_size + rows.start + row
        example = pairs_lib.load_pair(faces, *plan.at(position), config.data, flows)
        return {**example, 'index': np.asarray(position % 2**31, np.int32)}

    return _batches(load, _ENDLESS, share, prefetch=4 * share)


def evaluation_batches(
    faces: FaceData, pairs: np.ndarray, config: ml_collections.ConfigDict
) -> Iterator[tuple[dict[str, np.ndarray], int]]:
    """Yields (batch, valid rows) over the given pairs in order; the last batch repeats its last pair."""
    size = config.eval.batch_size

    def load(i: int) -> dict[str, np.ndarray]:
        source, target = pairs[min(int(i), len(pairs) - 1)]
        return pairs_lib.load_pair(faces, int(source), int(target), pairs_lib.Augmentation(), config.data)

    count = -(-len(pairs) // size)
    for i, batch in enumerate(_batches(load, count * size, size, _PREFETCH)):
        yield batch, min(size, len(pairs) - i * size)


def thin(pairs: np.ndarray, limit: int) -> np.ndarray:
    """Returns at most `limit` of the pairs, spread evenly over all."""
    if len(pairs) <= limit:
        return pairs
    return pairs[np.linspace(0, len(pairs) - 1, limit).round().astype(int)]
