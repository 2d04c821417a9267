"""How fast the input pipeline of `configs/photos.py` makes batches on one core: python -m benchmarks.pipeline

Run as a program of its own, so that all its threads share the one core that it is bound to.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from benchmarks import harness

_BATCHES = 12
_PEOPLE = 10  # the size of the set does not matter: images are read in any order


def pipeline(step: harness.Result) -> harness.Result:
    """The time of a batch beside the time in which the training step uses it up.

    Args:
      step: Of `network.train_step`.
    """
    command = [sys.executable, '-m', 'benchmarks.pipeline']
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    facts = json.loads(found.stdout.splitlines()[-1])
    if not facts['same']:
        raise harness.Disagreement('pipeline: a batch made again is another one')
    seconds = facts['seconds']
    return harness.summarize(
        'pipeline',
        'a batch of 16 pairs at 128 px on one core, jitter and color transfer',
        'what our training step takes for it',
        0.2,
        seconds,
        [step.ours_ms / 1000] * len(seconds),
        'a batch made again is the same bit for bit',
        {'pairs_per_second': facts['pairs'] / statistics.median(seconds)},
    )


def main() -> None:
    """Prints the seconds of each batch as JSON."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import cv2
    import numpy as np

    from configs import photos
    from fvae_jax.data import pairs as pairs_lib, pipeline as pipeline_lib, sets

    cv2.setNumThreads(1)
    config = photos.get_config()
    config.data.set, config.data.identities = 'synthetic', _PEOPLE
    faces = sets.open_set(config.data)
    everyone = sorted({record.identity for record in faces.records})
    pairs = pairs_lib.ordered_pairs(faces.records, everyone)
    size = config.train.batch_size
    start = lambda: pipeline_lib.training_batches(faces, pairs, config, slice(0, size))
    first, again = next(start()), next(start())
    same = all(np.array_equal(first[name], again[name]) for name in first)
    batches, seconds = start(), []
    next(batches)  # what is prefetched while threads start is not timed: four batches and one in hand
    time.sleep(1)
    for _ in range(5):
        next(batches)
    for _ in range(_BATCHES):
        begin = time.perf_counter()
        next(batches)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps({'seconds': seconds, 'pairs': size, 'same': same}))
    os._exit(0)  # the loader's threads have no end


if __name__ == '__main__':
    main()
