"""Eight fake CPU devices, strict rank promotion, a compilation cache, before JAX is imported; logging as it begins."""

import logging
import os
import pathlib

import pytest

_DEVICES, _QUICKLY = '--xla_force_host_platform_device_count=8', '--xla_backend_optimization_level=0'
_FLAGS = os.environ.get('XLA_FLAGS')
if 'xla_force_host_platform_device_count' not in (_FLAGS or ''):
    os.environ['XLA_FLAGS'] = f'{_FLAGS or ""} {_DEVICES}'.strip()
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault('JAX_NUMPY_RANK_PROMOTION', 'raise')
# Tests train the same tiny networks again and again, some in processes of their own.
os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', str(pathlib.Path(__file__).parents[1] / '.cache' / 'xla'))
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0')


def pytest_configure(config):
    """Quick tests compile far longer than they run: LLVM may leave out what makes programs fast.

    The long ones, and any whose XLA_FLAGS are given, run programs as everybody does.
    """
    if _FLAGS is None and config.getoption('markexpr') == 'not slow':
        os.environ['XLA_FLAGS'] = f'{_DEVICES} {_QUICKLY}'


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hands out whole files: what a module's fixtures made, and what was compiled for it, is made once."""
    from xdist import scheduler

    return scheduler.LoadFileScheduling(config, log) if config.getoption('dist') == 'load' else None


@pytest.fixture(autouse=True)
def untouched_logging():
    """Commands run in a test's process send what is logged to their own handler, where `caplog` does not see it."""
    logger = logging.getLogger('fvae_jax')
    logger.propagate = True
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
