"""`fvae study`."""

from collections.abc import Sequence

from fvae_jax.evaluation import command


def run(argv: Sequence[str]) -> int:
    """Runs `fvae study`."""
    command.study(argv)
    return 0
