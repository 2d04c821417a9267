"""The page of the built-in model, made once, and an editor to compare it with."""

import pytest
from export.using import served

import fvae_jax
from fvae_jax import bundle as bundle_lib


@pytest.fixture(scope='session')
def site(once):
    """The folder of the page."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    from fvae_jax.export import folder

    return once('site', lambda made: folder.write(bundle_lib.load(), 'web', made))


@pytest.fixture(scope='module')
def address(site):
    """Where it is served."""
    with served(site) as address:
        yield address


@pytest.fixture(scope='session')
def editor():
    """What it does in Python."""
    return fvae_jax.load()
