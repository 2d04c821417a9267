"""A graph of ONNX operators as it is written down: layers of the networks, channels first.

ONNX's convolutions want channels first. A network is built that way throughout, and only its inputs and outputs are
turned, where they are small.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

# The oldest set with all that is used here; onnxruntime-web's WebGPU part lags behind the newest.
OPSET, IR_VERSION = 17, 8


class Graph:
    """Operators in the order in which they are added; values are known by name.

    Args:
      half: Whether weights are stored as float16 and cast to float32, which runtimes do once, as they load.
    """

    def __init__(self, half: bool):
        self._half = half
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, *shape: int) -> str:
        """Declares an input (B, *shape), float32."""
        self._inputs.append(_value(name, shape))
        return name

    def output(self, name: str, value: str, *shape: int) -> None:
        """Gives a value, (B, *shape) float32, out under a name."""
        self._nodes.append(helper.make_node('Identity', [value], [name], f'output {name}'))
        self._outputs.append(_value(name, shape))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Adds an operator; returns its output."""
        name = f'{kind.lower()}_{len(self._nodes)}'
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def constant(self, value: np.ndarray) -> str:
        """Adds a constant as it is."""
        name = f'constant_{len(self._initializers)}'
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weights(self, value: np.ndarray) -> str:
        """Adds float32 weights, in half precision where the graph stores it and they fit into it."""
        with np.errstate(over='ignore'):
            half = value.astype(np.float16)
        if not self._half or not np.isfinite(half).all():
            return self.constant(np.float32(value))
        return self.op('Cast', self.constant(half), to=onnx.TensorProto.FLOAT)

    def channels_first(self, x: str) -> str:
        """(B, H, W, C) → (B, C, H, W)."""
        return self.op('Transpose', x, perm=[0, 3, 1, 2])

    def channels_last(self, x: str) -> str:
        """(B, C, H, W) → (B, H, W, C)."""
        return self.op('Transpose', x, perm=[0, 2, 3, 1])

    def channels(self, x: str, start: int, stop: int) -> str:
        """Some of the channels of (B, C, H, W)."""
        return self.op('Slice', x, *(self.constant(np.int64([value])) for value in (start, stop, 1)))

    def without_channels(self, x: str) -> str:
        """(B, 1, H, W) → (B, H, W)."""
        return self.op('Squeeze', x, self.constant(np.int64([1])))

    def convolve(
        self, x: str, kernel: np.ndarray, bias: np.ndarray, stride: int = 1, pads: Sequence[int] | None = None
    ) -> str:
        """A convolution.

        Args:
          x: (B, C, H, W), of even sides where the stride is 2.
          kernel: (side, side, C, features).
          bias: (features,).
          stride: 1 or 2.
          pads: Pixels above, left, below and right; by default those of Flax's 'SAME'.
        """
        before, after = (len(kernel) - stride) // 2, (len(kernel) - stride + 1) // 2
        pads = [before, before, after, after] if pads is None else list(pads)
        weights, offset = self.weights(kernel.transpose(3, 2, 0, 1)), self.constant(np.float32(bias))
        return self.op('Conv', x, weights, offset, pads=pads, strides=[stride, stride])

    def convolve_upsampled(self, x: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        """Repeats every pixel twice, then convolves 3×3 ('SAME'), as `ops.convolution.convolve_upsampled` does.

        Four convolutions of the small image, one for each parity of row and column: in WebAssembly as quick as a
        transposed convolution, and half again as quick as one convolution and slices, or as `Resize` and a 3×3
        convolution.

        Args:
          x: (B, C, H, W).
          kernel: (3, 3, C, features).
          bias: (features,).

        Returns:
          Blocks: (B, 4 · features, H, W), parity of row, then of column, before the features; see `join`.
        """
        blocks = []
        for row in (0, 1):
            for column in (0, 1):
                merged = _merge(_merge(kernel, row).swapaxes(0, 1), column).swapaxes(0, 1)
                blocks.append(self.convolve(x, merged, bias, pads=[1 - row, 1 - column, row, column]))
        return self.op('Concat', *blocks, axis=1)

    def convolve_blocks(self, blocks: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        """A 5×5 convolution ('SAME') of the image that blocks stand for, as 3×3 over them.

        Args:
          blocks: (B, 4 C, H, W), as of `convolve_upsampled`.
          kernel: (5, 5, C, features).
          bias: (features,).

        Returns:
          (B, features, 2H, 2W).
        """
        *_, channels, features = kernel.shape
        # Six taps around a block for each parity of the output pixel.
        taps = np.zeros((6, 6, 2, 2, channels, 2, 2, features), np.float32)
        for row in (0, 1):
            for column in (0, 1):
                taps[row : row + 5, column : column + 5, 0, 0, :, row, column] = kernel
        taps = taps[:, :, 0, 0].reshape(3, 2, 3, 2, channels, 4 * features).transpose(0, 2, 1, 3, 4, 5)
        return self.join(self.convolve(blocks, taps.reshape(3, 3, 4 * channels, 4 * features), np.tile(bias, 4)))

    def join(self, blocks: str) -> str:
        """Blocks (B, 4 C, H, W) → (B, C, 2H, 2W)."""
        return self.op('DepthToSpace', blocks, blocksize=2)

    def model(self, name: str) -> onnx.ModelProto:
        """Returns the graph as a checked model."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._initializers)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=IR_VERSION, producer_name='fvae_jax'
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def _value(name: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ['batch', *map(int, shape)])


def _merge(kernel: np.ndarray, parity: int) -> np.ndarray:
    # An even output pixel 2i sees pixels i - 1, i, i; an odd one sees i, i, i + 1.
    return np.stack([kernel[0] + kernel[1], kernel[2]] if parity else [kernel[0], kernel[1] + kernel[2]])
