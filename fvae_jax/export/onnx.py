"""The networks of a model as ONNX graphs, written operator by operator from its weights.

What they compute, and in which shapes, is told in `functions`; only features, which are for the other graphs alone,
have their channels first. The batch is symbolic.

`jax2onnx` 0.17 makes such graphs from JAX itself. They have eight to twenty times as many operators and take a third
longer for a decode in onnxruntime, and in that of `encode` axes are mixed up; it also wants an older Orbax than ours.
"""

import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np
import onnx
import onnxruntime

from fvae_jax import bundle as bundle_lib
from fvae_jax.export import check, facts, functions
from fvae_jax.export.graph import OPSET, Graph
from fvae_jax.models import fvae
from fvae_jax.ops import warp

_EPSILON = 1e-5  # of Flax's batch normalization
_README = f"""# The networks of an fvae_jax model as ONNX (opset {OPSET})

`encode`, `decode` and, where there is one, `mask`. What `encode` gives goes into the others by its name. `model.json`
tells inputs, outputs, expressions, where the eyes belong in a crop, and the licence; `latents.bin` has what each
expression adds to the latent at strength 1. `displacement` says, in pixels of the crop, how far from its own place each
pixel is read; that of an edit is its difference from that of the unchanged latent.
"""


def build(bundle: bundle_lib.Bundle, folder: pathlib.Path, card: pathlib.Path | None = None) -> str:
    """Fills a folder with graphs and facts; see `folder.TARGETS`.

    Weights are stored in half precision unless pictures would change.
    """
    reference = check.Reference(bundle)
    graphs, halves = (models(bundle, half) for half in (False, True))
    found = reference.require(runner(graphs), 'the ONNX export')
    rounded = reference.difference(runner(halves))
    measured = f'numbers within {found.numbers:.1g} of JAX'
    if rounded.picture <= check.LIMIT.picture:
        graphs = halves
        measured += f', and pictures within {rounded.picture:.2g}/255 with its weights in half precision'
    for name, graph in graphs.items():
        (folder / f'{name}.onnx').write_bytes(graph.SerializeToString(deterministic=True))
    (folder / 'README.md').write_text(_README, encoding='utf-8')
    outputs = {name: [value.name for value in graph.graph.output] for name, graph in graphs.items()}
    facts.write(folder, bundle, '.onnx', outputs, card)
    return measured


def runner(graphs: dict[str, onnx.ModelProto]) -> check.Run:
    """Returns a function that runs one of the graphs, by name, in onnxruntime."""
    sessions = {
        name: onnxruntime.InferenceSession(graph.SerializeToString(), providers=['CPUExecutionProvider'])
        for name, graph in graphs.items()
    }

    def run(name: str, arrays: check.Arrays) -> check.Arrays:
        names = [value.name for value in sessions[name].get_outputs()]
        return dict(zip(names, sessions[name].run(names, dict(arrays))))

    return run


def models(bundle: bundle_lib.Bundle, half: bool = True) -> dict[str, onnx.ModelProto]:
    """Builds the graphs of a model by name, with weights in half precision or not; arithmetic is always float32."""
    builders = {'encode': _encode, 'decode': _decode, 'mask': _mask}
    graphs = {}
    for name in functions.inputs(bundle):
        graph = Graph(half)
        builders[name](graph, bundle)
        graphs[name] = graph.model(name)
    return graphs


def _encode(graph: Graph, bundle: bundle_lib.Bundle) -> None:
    shapes = functions.shapes(bundle)
    image = graph.channels_first(graph.input('image', *shapes['image']))
    encoder = _part(bundle.fvae, 'encoder')
    deepest = _stack(graph, image, _part(encoder, 'stack'))[-1]
    head = encoder['params']['mean']['conv']
    latent = graph.convolve(deepest, head['kernel'], head['bias'])
    graph.output('latent', graph.channels_last(latent), *shapes['latent'])
    for prefix, variables in (('feature', bundle.fvae), ('mask_feature', bundle.mask)):
        if variables is not None:
            for i, value in enumerate(_stack(graph, image, _part(variables, 'source_pyramid'))):
                name = f'{prefix}_{i}'
                if name in shapes:
                    graph.output(name, value, *np.roll(shapes[name], 1))


def _decode(graph: Graph, bundle: bundle_lib.Bundle) -> None:
    size, config = bundle.config.data.image_size, bundle.config
    head = _decoder(graph, bundle, 'decode', _part(bundle.fvae, 'decoder'))
    content, shading = config.model.content, config.model.shading
    flow = graph.channels(head, 0, 2) if content or shading else head
    graph.output('displacement', graph.channels_last(_displacement(graph, flow, config)), size, size, 2)
    if content:
        alpha = graph.op('Add', graph.channels(head, 2, 3), graph.constant(np.float32(fvae.ALPHA_BIAS)))
        graph.output('alpha_logit', graph.without_channels(alpha), size, size)
        graph.output('color', graph.channels_last(graph.op('Tanh', graph.channels(head, 3, 6))), size, size, 3)
    if shading:
        first, darkest = 6 if content else 2, graph.constant(np.float32(fvae.DARKEST))
        bounded = graph.op('Tanh', graph.op('Div', graph.channels(head, first, first + 1), darkest))
        graph.output('shading', graph.without_channels(graph.op('Mul', bounded, darkest)), size, size)


def _mask(graph: Graph, bundle: bundle_lib.Bundle) -> None:
    size = bundle.config.data.image_size
    head = _decoder(graph, bundle, 'mask', _part(bundle.mask, 'decoder'))
    graph.output('mask_logit', graph.without_channels(head), size, size)


def _part(variables: Any, name: str) -> dict[str, Any]:
    return {kind: variables[kind].get(name, {}) for kind in ('params', 'batch_stats')}


def _stack(graph: Graph, x: str, variables: Any) -> list[str]:
    """The strided stack of Figure 3, `models.fvae.Stack`."""
    outputs = []
    for i in range(len(variables['params'])):
        x = graph.op('Relu', graph.convolve(x, *_folded(variables, f'down{i + 1}'), stride=2))
        outputs.append(x)
    return outputs


def _decoder(graph: Graph, bundle: bundle_lib.Bundle, network: str, variables: Any) -> str:
    """`models.fvae.Decoder` with its inputs; returns (B, channels, H, W), before any tanh or sigmoid."""
    shapes, params = functions.shapes(bundle), variables['params']
    names = functions.inputs(bundle)[network]
    x = graph.channels_first(graph.input('latent', *shapes['latent']))
    features = {int(name.rpartition('_')[2]): graph.input(name, *np.roll(shapes[name], 1)) for name in names[1:]}
    deepest = max(features)
    x = graph.op('Concat', x, features[deepest], axis=1)
    for i in reversed(range(deepest)):
        blocks = graph.convolve_upsampled(x, *_folded(variables, f'up{i + 1}'))
        x = graph.op('Relu', graph.join(blocks))
        if i in features:
            x = graph.op('Concat', x, features[i], axis=1)
    last, out = params['up0']['conv'], params['out']['conv']
    x = graph.op('Relu', graph.convolve_upsampled(x, last['kernel'], last['bias']))
    return graph.convolve_blocks(x, out['kernel'], out['bias'])


def _folded(variables: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a convolution that does what a `models.blocks.ConvNormRelu` does before its ReLU."""
    params, running = variables['params'][name], variables['batch_stats'][name]['norm']
    kernel, norm = params['conv']['conv']['kernel'], params['norm']
    gain = np.float64(norm['scale']) / np.sqrt(np.float64(running['var']) + _EPSILON)
    return np.float32(kernel * gain), np.float32(norm['bias'] - running['mean'] * gain)


def _displacement(graph: Graph, head: str, config: ml_collections.ConfigDict) -> str:
    """The head (B, 2, H, W) as displacement in pixels: `models.fvae.flow_from_head` without the grid."""
    size, kind = config.data.image_size, config.flow.parameterization
    pixels = (size - 1) / 2
    scaled = lambda x, factor: graph.op('Mul', x, graph.constant(np.float32(factor)))
    if kind == 'residual':
        return scaled(graph.op('Tanh', head), config.flow.scale * pixels)
    grid = np.asarray(jax.device_get(warp.identity_grid(size, size))).transpose(2, 0, 1)
    if kind == 'absolute':
        flow = graph.op('Tanh', head)
    else:
        bent = graph.op('Add', head, graph.constant(np.arctanh(np.float32(0.99) * grid)))
        flow = scaled(graph.op('Tanh', bent), 1 / 0.99)
    return scaled(graph.op('Sub', flow, graph.constant(grid)), pixels)
