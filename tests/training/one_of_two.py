"""What each process of tests/training/test_hosts.py does: python one_of_two.py OUT; trains, evaluates, saves both."""

import itertools
import json
import pathlib
import pickle
import sys

import jax
from training import test_parallel

from configs import synthetic
from fvae_jax.data import people
from fvae_jax.training import evaluate as evaluate_lib, parallel, steps

# Precision, steps, and how far apart equal trainings may be.
TRAININGS = [('float32', 1, test_parallel.SINGLE), ('float64', 20, test_parallel.DOUBLE)]


def evaluate(folder: pathlib.Path) -> dict[str, float]:
    """Scores an untrained FVAE on pairs of drawn faces, which are built in the folder."""
    config = synthetic.get_config('tiny')
    config.data.cache = str(folder / 'cache')
    faces = parallel.main_first(lambda: people.open_faces(config))
    state = jax.jit(lambda: steps.create_state(config))()
    return evaluate_lib.FVAEEvaluator(faces, config).score(state, faces.pairs('train', 11))


def main(folder: pathlib.Path) -> None:
    """Trains under both strategies, in one part and in two, in both precisions."""
    parallel.join_hosts()
    for kind, parts in itertools.product(('jit', 'pmap'), (1, 2)):
        for dtype, count, _ in TRAININGS:
            with jax.enable_x64(dtype == 'float64'):
                found = test_parallel._train(kind, None, count, dtype, parts=parts)
            if parallel.is_main_process():
                (folder / f'{kind} {parts} {dtype}').write_bytes(pickle.dumps(found))
    (folder / f'scores {jax.process_index()}').write_text(json.dumps(evaluate(folder)))
    parallel.barrier('saved')


if __name__ == '__main__':
    main(pathlib.Path(sys.argv[1]))
