"""A run that begins with the weights of a model file."""

import functools
import shutil

import jax
import numpy as np
import pytest
from editing import models

from configs import synthetic
from fvae_jax import bundle
from fvae_jax.errors import InputError
from fvae_jax.training import experiment, steps


def _config(cache, start=''):
    config = synthetic.get_config('tiny')
    config.data.cache = str(cache)
    config.confidence.enabled = False
    # The compiled step of test_resume.py, whatever the number of steps; and weights stay those of the start.
    config.train.schedule, config.train.learning_rate, config.model.norm_momentum = 'constant', 1e-30, 0.0
    config.train.start = str(start)
    return config


@pytest.fixture(scope='module')
def first(tmp_path_factory, copy_run, set_cache):
    """The model of a run from random weights, and where its drawn faces are kept."""
    workdir = tmp_path_factory.mktemp('runs') / 'first'
    copy_run(workdir)
    return set_cache, workdir / 'model.safetensors'


def test_a_run_goes_on_from_a_model_and_forgets_where_it_lay(first, tmp_path):
    cache, model = first
    config = _config(cache, model)
    config.train.steps = 1
    experiment.train(config, tmp_path / 'second')
    begun, went_on = bundle.load(model), bundle.load(tmp_path / 'second' / 'model.safetensors')
    for before, after in zip(jax.tree.leaves(begun.fvae['params']), jax.tree.leaves(went_on.fvae['params'])):
        np.testing.assert_allclose(after, before, atol=1e-8)
    random = jax.jit(functools.partial(steps.create_state, config))()  # what it would have begun with
    weights = zip(jax.tree.leaves(begun.fvae['params']), jax.tree.leaves(random.params), strict=True)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in weights)
    assert went_on.config.train.start == '' and str(tmp_path) not in str(went_on.info)


def test_layers_that_the_start_lacks_are_new(first, tmp_path):
    cache, model = first
    config = _config(cache, model)
    config.train.steps = 1
    config.model.content = config.model.shading = True
    experiment.train(config, tmp_path / 'more')
    before, after = (bundle.load(path).fvae['params'] for path in (model, tmp_path / 'more' / 'model.safetensors'))
    flow, added = np.split(after['decoder']['out']['conv']['kernel'], [2], axis=-1)
    np.testing.assert_allclose(flow, before['decoder']['out']['conv']['kernel'], atol=1e-8)
    assert added.shape[-1] == 5 and added.std() == pytest.approx(0.01, rel=0.2)
    for name in ('encoder', 'source_pyramid'):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-8), before[name], after[name])
    # Content lies before shading, so a shading layer alone cannot get content.
    bundle.save(tmp_path / 'shaded.safetensors', models.random_bundle(shading=True))
    config.train.start = str(tmp_path / 'shaded.safetensors')
    with pytest.raises(InputError, match='are not those of this config'):
        experiment.train(config, tmp_path / 'refused')


def test_a_model_of_other_networks_is_refused(first, tmp_path):
    cache, model = first
    pixels = _config(cache, model)
    pixels.model.decoder = 'pixels'
    with pytest.raises(InputError, match='train.start: the networks of .* are not those of this config'):
        experiment.train(pixels, tmp_path / 'pixels')
    config = _config(cache, model)
    config.model.width = 6
    with pytest.raises(InputError, match='train.start: the networks of .* are not those of this config'):
        experiment.train(config, tmp_path)
    with pytest.raises(InputError, match='no model file'):
        experiment.train(_config(cache, 'nowhere.safetensors'), tmp_path)


def test_a_run_does_not_need_the_model_it_began_with_any_more(first, tmp_path):
    cache, model = first
    start = tmp_path / 'start.safetensors'
    shutil.copy(model, start)
    config = _config(cache, start)
    config.train.steps = 4
    scores = experiment.train(config, tmp_path / 'run')
    start.unlink()
    assert experiment.evaluate(config, tmp_path / 'run') == scores
    config.train.steps = 5
    experiment.train(config, tmp_path / 'run')
    assert (tmp_path / 'run' / 'checkpoints' / '5').is_dir()
    config.train.start = str(tmp_path / 'gone.safetensors')
    with pytest.raises(InputError, match='gone.safetensors'):
        experiment.train(config, tmp_path / 'new')
