"""Evaluations spread over devices: the same numbers, each pair counted once."""

import jax
import numpy as np
import pytest

from configs import synthetic
from fvae_jax.data import people
from fvae_jax.training import devices, evaluate, mask, steps


@pytest.fixture(scope='module')
def setting(set_cache):
    """The tiny config, its faces and an untrained FVAE."""
    config = synthetic.get_config('tiny')
    config.data.cache = str(set_cache)
    return config, people.open_faces(config), jax.jit(lambda: steps.create_state(config))()


@pytest.mark.parametrize('batch_size, count', [(8, 8), (4, 4), (12, 4), (7, 1), (64, 8)])
def test_a_batch_lies_on_as_many_devices_as_divide_it(batch_size, count):
    rows = np.arange(batch_size)
    placed = devices.own_devices(batch_size).shard({'rows': rows})['rows']
    assert len(placed.sharding.device_set) == count
    np.testing.assert_array_equal(placed, rows)


def test_the_numbers_do_not_depend_on_the_devices(setting):
    config, faces, state = setting
    pairs = faces.pairs('train', 11)

    def found(batch_size):
        own = config.copy_and_resolve_references()
        own.eval.batch_size = batch_size  # the last batch is filled up: 11 is no multiple
        evaluator = evaluate.FVAEEvaluator(faces, own)
        beta = mask.measure_beta(faces.data, pairs, own, state.variables)
        return {**evaluator.score(state, pairs), 'beta': beta}, evaluator.samples(state, pairs)

    (eight, pictures), (one, pictures_of_one) = found(8), found(9)
    assert one == pytest.approx(eight, rel=1e-5) and one.keys() == eight.keys() and one['psnr'] > 10
    assert np.abs(pictures.astype(int) - pictures_of_one).max() <= 1
    # The control: with the pair that fills the batch counted again the numbers are others.
    config = config.copy_and_resolve_references()
    config.eval.batch_size = 8
    filled = evaluate.FVAEEvaluator(faces, config).score(state, np.concatenate([pairs, pairs[-1:]]))
    assert filled['psnr'] != pytest.approx(eight['psnr'], rel=1e-5)
