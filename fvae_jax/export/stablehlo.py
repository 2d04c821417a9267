"""The networks of a model as StableHLO, by `jax.export`, weights inside, the batch symbolic."""

import pathlib
import shutil

import jax
import numpy as np
from jax import export

from fvae_jax import bundle as bundle_lib
from fvae_jax.export import check, facts, functions, load

PLATFORMS = ('cpu', 'cuda', 'tpu')

_README = f"""# The networks of an fvae_jax model as StableHLO

`encode`, `decode` and, where there is one, `mask`, serialized by jax {jax.__version__} for {', '.join(PLATFORMS)}; jax
promises to read them for six months at least. `load.py` shows how they are used and needs no more than `pip install
jax flatbuffers`: `from load import load`. `model.json` tells inputs, outputs, expressions, where the eyes belong in a
crop, and the licence.
"""


def build(bundle: bundle_lib.Bundle, folder: pathlib.Path, card: pathlib.Path | None = None) -> str:
    """Fills a folder, and compares what was written with JAX; see `folder.TARGETS`."""
    (batch,) = export.symbolic_shape('batch')
    shapes, networks, outputs = functions.shapes(bundle), functions.networks(bundle), {}
    for name, names in functions.inputs(bundle).items():
        given = {key: jax.ShapeDtypeStruct((batch, *shapes[key]), np.float32) for key in names}
        exported = export.export(jax.jit(networks[name]), platforms=PLATFORMS)(given)
        outputs[name] = sorted(jax.tree.unflatten(exported.out_tree, exported.out_avals))
        (folder / f'{name}.stablehlo').write_bytes(exported.serialize())
    shutil.copyfile(load.__file__, folder / 'load.py')
    (folder / 'README.md').write_text(_README, encoding='utf-8')
    facts.write(folder, bundle, '.stablehlo', outputs, card)
    loaded, _ = load.load(folder)
    found = check.Reference(bundle).require(
        lambda name, arrays: jax.device_get(loaded[name](arrays)), 'the StableHLO export'
    )
    return f'numbers within {found.numbers:.1g} of JAX'
