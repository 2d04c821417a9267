"""`python -m fvae_jax` is the `fvae` command."""

from fvae_jax import cli

cli.run()
