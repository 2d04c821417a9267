"""fvae_jax: facial expression editing by flow variational autoencoders (Yeh et al. 2016) in JAX and Flax."""

__version__ = '0.1.0'
