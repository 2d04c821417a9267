"""Eight fake CPU devices, strict rank promotion, a compilation cache, before JAX is imported; logging as it begins; and
what tests of all kinds share: a built set and a run.
"""

import collections
import fcntl
import gc
import json
import logging
import os
import pathlib
import shutil
from importlib import metadata

import pytest

# Here, before any test imports it: what is imported already cannot be a plugin.
pytest_plugins = ('browser',)

_DEVICES, _QUICKLY = '--xla_force_host_platform_device_count=8', '--xla_backend_optimization_level=0'
# Half of what is left of compiling goes into MLIR, by which XLA makes its fused loops; its older way is quicker. Only
# where the flag is known to be there: XLA ends a process for one that it does not know.
if metadata.version('jaxlib').startswith('0.10.'):
    _QUICKLY += ' --xla_cpu_use_fusion_emitters=false'
_FLAGS = os.environ.get('XLA_FLAGS')
if 'xla_force_host_platform_device_count' not in (_FLAGS or ''):
    os.environ['XLA_FLAGS'] = f'{_FLAGS or ""} {_DEVICES}'.strip()
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault('JAX_NUMPY_RANK_PROMOTION', 'raise')
# Tracing makes a great many objects that stay: Python would look through them all again and again, a fifth of its time.
gc.set_threshold(50_000, 20, 50)
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

    config.option.loadscopereorder = False  # in the order of `pytest_collection_modifyitems`
    return scheduler.LoadFileScheduling(config, log) if config.getoption('dist') == 'load' else None


# Files that take longest, a minute or so, though some have few tests; those that share a run not one after the other,
# or the second waits until the first has trained it.
_LONGEST = (
    'test_page.py',
    'test_parallel.py',
    'test_edit_command.py',
    'test_start.py',
    'test_clip.py',
    'test_film_command.py',
    'test_graphics_card.py',
    'test_mirror.py',
    'test_resume.py',
    'test_damaged_files.py',
    'test_hosts.py',
    'test_readme.py',
)


def pytest_collection_modifyitems(config, items):
    """Long files first, then those with most tests: at the end no worker waits for one that has begun a long one."""
    if hasattr(config, 'workerinput'):
        counts = collections.Counter(item.path for item in items)
        rank = {name: number for number, name in enumerate(_LONGEST)}
        items.sort(key=lambda item: (rank.get(item.path.name, len(rank)), -counts[item.path], str(item.path)))


@pytest.fixture(autouse=True)
def untouched_logging():
    """Commands run in a test's process send what is logged to their own handler, where `caplog` does not see it."""
    logger = logging.getLogger('fvae_jax')
    logger.propagate = True
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope='session')
def shared(tmp_path_factory, worker_id):
    """A folder that all workers of pytest-xdist have in common."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder if worker_id == 'master' else folder.parent) / 'shared'
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope='session')
def set_cache(shared):
    """Where sets are built: equal ones once."""
    return shared / 'sets'


@pytest.fixture(scope='session')
def once(shared):
    """`once(name, make)`: a folder that `make(folder)` fills, by whichever worker comes first; nobody may change it."""

    def made(name, make):
        with open(shared / f'{name}.lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (shared / name).exists():
                make(shared / f'unfinished-{name}')
                (shared / f'unfinished-{name}').rename(shared / name)
        return shared / name

    return made


@pytest.fixture(scope='session')
def _trained(once, shared, set_cache):
    from configs import synthetic
    from fvae_jax.training import experiment

    def train(workdir):
        config = synthetic.get_config('tiny')
        config.data.cache = str(set_cache)
        (shared / 'scores.json').write_text(json.dumps(experiment.train(config, workdir)))

    return once('run', train)


@pytest.fixture(scope='session')
def copy_run(_trained):
    """`copy_run(folder)` makes a run of the tiny config and its mask, with sets in `set_cache`; its scores."""

    def copy(folder):
        shutil.copytree(_trained, folder)
        return json.loads((_trained.parent / 'scores.json').read_text())

    return copy
