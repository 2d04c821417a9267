"""What each process of tests/training/test_hosts.py does: python one_of_two.py OUT; trains and saves OUT.npz."""

import itertools
import sys

import jax
import numpy as np
from training import test_parallel

from fvae_jax.training import parallel


def main(out: str) -> None:
    """Trains under both strategies, in one part and in two, in both precisions."""
    parallel.join_hosts()
    found = {}
    for kind, parts in itertools.product(('jit', 'pmap'), (1, 2)):
        for dtype, count in (('float32', 3), ('float64', 20)):
            with jax.enable_x64(dtype == 'float64'):
                losses, state = test_parallel._train(kind, None, count, dtype, parts=parts)
                found[f'{kind} {parts} {dtype} losses'] = losses
                for i, leaf in enumerate(jax.tree.leaves((state.params, state.batch_stats))):
                    found[f'{kind} {parts} {dtype} {i:03d}'] = np.asarray(leaf)
    if parallel.is_main_process():
        np.savez(out, **found)
    parallel.barrier('saved')


if __name__ == '__main__':
    main(sys.argv[1])
