"""The parts of a procedural face; `fvae_jax.data.drawing` puts them together."""
