"""StableHLO: used by a program that has jax alone, and compiled for every platform."""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from export import variants
from jax import export

from fvae_jax.editing import editor as editor_lib
from fvae_jax.export import check, functions, load, stablehlo

# What another program might do: everything that it knows of the model is in the folder.
_PROGRAM = """
import sys
import numpy as np
from load import load

networks, latents = load()
with np.load(sys.argv[1]) as file:
    crops = file['crops']
face = networks['encode']({'image': crops})
edited = {**face, 'latent': face['latent'] + latents['smile']}
np.savez(sys.argv[2], **{k: v for k, v in edited.items() if 'feature' not in k}, **networks['decode'](edited),
         **(networks['mask'](edited) if 'mask' in networks else {}))
print([name for name in ('flax', 'fvae_jax', 'ml_collections', 'onnx') if name in sys.modules])
"""


@pytest.mark.parametrize('form', ['all', 'no mask', 'bottleneck', 'bfloat16'])
def test_a_program_with_jax_alone_gets_what_the_editor_gets(form, tmp_path):
    bundle = variants.bundle(form)
    folder = tmp_path / 'export'
    folder.mkdir()
    assert stablehlo.build(bundle, folder).startswith('numbers within ')
    crops = variants.crops(64)
    np.savez(tmp_path / 'in.npz', crops=crops)
    (folder / 'program.py').write_text(_PROGRAM)
    elsewhere = {name: value for name, value in os.environ.items() if not name.startswith('JAX_NUMPY_')}
    found = subprocess.run(
        [sys.executable, folder / 'program.py', tmp_path / 'in.npz', tmp_path / 'out.npz'],
        cwd=tmp_path,
        env=elsewhere,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == '[]'
    config = bundle.config.copy_and_resolve_references()
    config.model.dtype = 'float32'
    editor = editor_lib.Editor(bundle._replace(config=config))
    with np.load(tmp_path / 'out.npz') as outputs:
        for i, crop in enumerate(crops):
            expected = variants.of_editor(editor, crop, {'smile': 1.0})
            assert set(outputs) == set(expected)
            for name, value in expected.items():
                unit = 31.5 if name == 'displacement' else 1
                np.testing.assert_allclose(outputs[name][i] / unit, value / unit, atol=1e-4, err_msg=name)


def test_every_platform_and_any_batch(tmp_path):
    bundle = variants.bundle('all')
    stablehlo.build(bundle, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'README.md',
        'decode.stablehlo',
        'encode.stablehlo',
        'latents.bin',
        'load.py',
        'mask.stablehlo',
        'model.json',
    ]
    for name in functions.inputs(bundle):
        exported = export.deserialize(bytearray((tmp_path / f'{name}.stablehlo').read_bytes()))
        assert exported.platforms == ('cpu', 'cuda', 'tpu')
        assert {str(value.shape[0]) for value in (*exported.in_avals, *exported.out_avals)} == {'batch'}
    networks, _ = load.load(tmp_path)
    crops = check.drawn_crops(64)
    three, one = (networks['encode']({'image': some})['latent'] for some in (crops, crops[1:2]))
    np.testing.assert_allclose(three[1], one[0], atol=1e-5)


def test_weights_that_fit_are_stored_in_half_precision(tmp_path):
    bundle = variants.bundle('all')
    halved = bundle._replace(
        **{name: jax.tree.map(lambda x: np.float32(np.float16(x)), getattr(bundle, name)) for name in ('fvae', 'mask')}
    )
    sizes = []
    for name, model in (('whole', bundle), ('halved', halved)):
        (tmp_path / name).mkdir()
        stablehlo.build(model, tmp_path / name)
        sizes.append((tmp_path / name / 'encode.stablehlo').stat().st_size)
    parts = [bundle.fvae['params'][part] for part in ('encoder', 'source_pyramid')]
    weights = sum(value.size for value in jax.tree.leaves(parts))
    assert sizes[0] - sizes[1] > weights


def test_the_loader_is_the_file_of_the_package(tmp_path):
    stablehlo.build(variants.bundle('no mask'), tmp_path)
    assert (tmp_path / 'load.py').read_bytes() == pathlib.Path(load.__file__).read_bytes()
