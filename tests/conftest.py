"""Eight fake CPU devices, strict rank promotion, a compilation cache, before JAX is imported; logging as it begins."""

import logging
import os
import pathlib

import pytest

_DEVICES = '--xla_force_host_platform_device_count=8'
if 'xla_force_host_platform_device_count' not in os.environ.get('XLA_FLAGS', ''):
    os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} {_DEVICES}'.strip()
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault('JAX_NUMPY_RANK_PROMOTION', 'raise')
# Tests train the same tiny networks again and again, some in processes of their own.
os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', str(pathlib.Path(__file__).parents[1] / '.cache' / 'xla'))
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0.3')


@pytest.fixture(autouse=True)
def untouched_logging():
    """Commands run in a test's process send what is logged to their own handler, where `caplog` does not see it."""
    logger = logging.getLogger('fvae_jax')
    logger.propagate = True
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
