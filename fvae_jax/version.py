"""The version, where files that `fvae_jax` itself imports can read it."""

__version__ = '0.2.0'
