"""What each process of tests/training/test_hosts.py does: python at_fault.py FAULT; the last one is at fault."""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from fvae_jax.training import parallel

FAULTS = {
    'device memory': lambda: jnp.zeros(1 << 44).block_until_ready(),
    'host memory': lambda: np.zeros(1 << 50),
    'argument': lambda: jax.jit(jnp.sin).lower(0.0).compile({'no_such_option': 1}),
}


def main(fault: str) -> None:
    """Takes steps together; in the third one the last process runs into its fault."""
    parallel.join_hosts()

    def train():
        for step in range(1000):
            parallel.barrier('step')
            if step == 3 and not parallel.is_main_process():
                FAULTS[fault]()
            parallel.any_process(False, 0)

    parallel.with_hosts(train)


if __name__ == '__main__':
    main(sys.argv[-1])
