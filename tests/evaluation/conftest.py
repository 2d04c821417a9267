"""What the tests of the evaluation share: drawn people, a tiny run that is trained, and one with a content layer."""

import pytest
from editing import models

from configs import synthetic
from fvae_jax import bundle as bundle_lib
from fvae_jax.training import experiment, rundir


@pytest.fixture(scope='session')
def drawn_config(set_cache):
    """Settings of twelve drawn people at half and full strength, two of whom are for the test."""
    config = synthetic.get_config('tiny')
    config.data.cache, config.data.strengths = str(set_cache), (0.5, 1.0)
    return config


@pytest.fixture(scope='session')
def drawn_people(drawn_config):
    """The people, (data, split)."""
    return experiment.open_faces(drawn_config)


@pytest.fixture(scope='session')
def tiny_run(tmp_path_factory, copy_run, set_cache):
    """A trained run with one of its two VAEs."""
    folder = tmp_path_factory.mktemp('tiny') / 'run'
    copy_run(folder)
    config = synthetic.get_config('tiny')
    config.data.cache = str(set_cache)
    config.model.decoder, config.model.source_concat, config.confidence.enabled = 'pixels', 'none', False
    experiment.train(config, folder / 'vae')
    return folder


@pytest.fixture(scope='session')
def content_run(tmp_path_factory, drawn_config):
    """A run whose model has a content layer and is untrained, so loud that what it lays over a photo shows."""
    folder = tmp_path_factory.mktemp('content') / 'run'
    config = synthetic.get_config('tiny,content')
    config.data.cache, config.data.strengths = drawn_config.data.cache, drawn_config.data.strengths
    rundir.open_workdir(folder, config)
    bundle_lib.save(folder / 'model.safetensors', models.random_bundle(content=True))
    return folder
