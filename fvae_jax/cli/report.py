"""`fvae report`."""

from collections.abc import Sequence

from fvae_jax.evaluation import command


def run(argv: Sequence[str]) -> int:
    """Runs `fvae report`."""
    command.report(argv)
    return 0
