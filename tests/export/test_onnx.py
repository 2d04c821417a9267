"""The ONNX graphs in onnxruntime: what the Editor says of the same crops, for every form of model."""

import jax
import numpy as np
import onnx
import onnxruntime
import pytest
from export import variants
from scipy import special

from fvae_jax import bundle as bundle_lib
from fvae_jax.editing import editor as editor_lib, latent
from fvae_jax.errors import InputError
from fvae_jax.export import check, functions, onnx as onnx_lib

SMILE = {'smile': 1.0}


def run_all(run, bundle, crops, change):
    """All networks one after the other; latents are changed between."""
    encoded = run('encode', {'image': crops})
    arrays = {**encoded, 'latent': np.float32(encoded['latent'] + change)}
    for name, names in list(functions.inputs(bundle).items())[1:]:
        arrays.update(run(name, {key: arrays[key] for key in names}))
    return arrays


def smile(bundle):
    return latent.direction(bundle.statistics, 'smile', kind=bundle.config.latent.direction)


@pytest.fixture(scope='module')
def built_in():
    return bundle_lib.load()


@pytest.fixture(scope='module')
def portraits():
    return variants.crops(128)


def test_the_built_in_model_is_that_of_the_editor(built_in, portraits):
    editor = editor_lib.Editor(built_in)
    outputs = run_all(onnx_lib.runner(onnx_lib.models(built_in, half=False)), built_in, portraits, smile(built_in))
    for i, crop in enumerate(portraits):
        expected = variants.of_editor(editor, crop, SMILE)
        assert np.abs(expected['displacement']).max() > 3
        for name, value in expected.items():
            unit = 63.5 if name == 'displacement' else 1
            np.testing.assert_allclose(outputs[name][i] / unit, value / unit, atol=1e-4, err_msg=name)


def test_half_precision_keeps_the_built_in_models_pictures(built_in, portraits):
    whole, half = (onnx_lib.models(built_in, half) for half in (False, True))
    sizes = [sum(graph.ByteSize() for graph in graphs.values()) for graphs in (whole, half)]
    assert sizes[1] < 0.52 * sizes[0] and sizes[1] < 5e6
    reference = check.Reference(built_in, portraits)
    exact, rounded = (reference.difference(onnx_lib.runner(graphs)) for graphs in (whole, half))
    assert exact.numbers < 2e-5 and exact.picture < 0.01
    assert exact.picture < rounded.picture <= 1 and rounded.numbers < 1e-2


@pytest.mark.parametrize(
    'form', [pytest.param(form, marks=[pytest.mark.slow] * (form == '256 px')) for form in variants.FORMS]
)
def test_every_form_of_model(form):
    bundle = variants.bundle(form)
    size = bundle.config.data.image_size
    graphs = onnx_lib.models(bundle, half=False)
    run = onnx_lib.runner(graphs)
    found = check.Reference(bundle).difference(run)
    assert found.numbers < 1e-4 and found.picture < 0.1
    # `functions` and so the reference could be wrong as well; the Editor has ways of its own.
    crops = check.drawn_crops(size)[:2]
    outputs = run_all(run, bundle, crops, smile(bundle))
    config = bundle.config.copy_and_resolve_references()
    config.model.dtype = 'float32'
    expected = variants.of_editor(editor_lib.Editor(bundle._replace(config=config)), crops[1], SMILE)
    for name, value in expected.items():
        value, output = (special.expit(x) if 'logit' in name else x for x in (value, outputs[name][1]))
        np.testing.assert_allclose(output, value, atol=1e-4 * (size / 2 if name == 'displacement' else 1), err_msg=name)
    shown = {
        'mask': bundle.mask is not None,
        'color': bundle.config.model.content,
        'shading': bundle.config.model.shading,
    }
    assert ('mask' in graphs, 'color' in outputs, 'shading' in outputs) == tuple(shown.values())


def test_any_batch_and_each_crop_by_itself(built_in, portraits):
    run = onnx_lib.runner(onnx_lib.models(built_in))
    together = run_all(run, built_in, portraits, smile(built_in))
    alone = run_all(run, built_in, portraits[2:3], smile(built_in))
    for name, value in alone.items():
        np.testing.assert_allclose(value[0], together[name][2], atol=1e-4, err_msg=name)


def test_casts_are_done_while_loading(built_in, tmp_path):
    for name, graph in onnx_lib.models(built_in, half=True).items():
        assert any(node.op_type == 'Cast' for node in graph.graph.node)
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / f'{name}.onnx')
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=['CPUExecutionProvider'])
        assert not [node for node in onnx.load(tmp_path / f'{name}.onnx').graph.node if node.op_type == 'Cast']


def test_weights_stay_float32_where_half_precision_would_show(tmp_path):
    measured = onnx_lib.build(variants.bundle('all', loudness=4), tmp_path)  # moves of many pixels, at random
    assert 'half' not in measured and 'of JAX' in measured
    kinds = {value.data_type for value in onnx.load(tmp_path / 'decode.onnx').graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in kinds
    (tmp_path / 'calm').mkdir()
    assert 'half precision' in onnx_lib.build(variants.bundle('all', loudness=0.01), tmp_path / 'calm')
    kinds = {value.data_type for value in onnx.load(tmp_path / 'calm' / 'decode.onnx').graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds


@pytest.fixture(scope='module')
def compared():
    """A comparison, and JAX's own networks in place of an export."""
    bundle = variants.bundle('all')
    jitted = {name: jax.jit(function) for name, function in functions.networks(bundle).items()}
    return check.Reference(bundle), lambda name, arrays: jax.device_get(jitted[name](arrays))


@pytest.mark.parametrize('spoil', [lambda x: 1.02 * x, lambda x: np.full_like(x, np.nan)], ids=['wrong', 'nan'])
@pytest.mark.parametrize('output', ['displacement', 'alpha_logit', 'color', 'mask_logit'])
def test_the_comparison_sees_what_is_wrong(compared, output, spoil):
    reference, run = compared
    assert reference.require(run, 'the same') == (0, 0)

    def wrong(name, arrays):
        return {key: spoil(value) if key == output else value for key, value in run(name, arrays).items()}

    with pytest.raises(InputError, match='^the copy does not compute what JAX does: numbers differ by .*nothing is w'):
        reference.require(wrong, 'the copy')


def test_a_pixel_vae_is_refused():
    bundle = variants.bundle('all')
    bundle.config.model.decoder = 'pixels'
    with pytest.raises(InputError, match='predicts pixels .*export a model of'):
        check.Reference(bundle)
