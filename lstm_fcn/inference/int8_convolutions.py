"""The convolution blocks in int8, by ONNX Runtime.

Static quantization: the outputs of each block are counted in 255ths of the largest one seen in calibration, the
weights of each filter in 63rds of its largest. With 7 bits instead of 8 the products are right on every processor:
those without VNNI add pairs of them in 16 bits, which 2 x 255 x 63 does not overflow. The first convolution, a
fiftieth of the work, stays in float32.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from lstm_fcn.inference.folding import Convolution

# It reports its use to its makers unless this is set when it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

_STEPS = 255
_WEIGHT_STEPS = 63
_LARGEST_BIAS = 2**30
_OPSET = 19
_IR_VERSION = 9


class Int8Convolutions:
    """Three folded convolution blocks and the sum over their last output.

    Parameters
    ----------
    layers : sequence of Convolution
    maxima : sequence of float
        The largest output of each block.
    threads : int
    """

    def __init__(self, layers: Sequence[Convolution], maxima: Sequence[float], threads: int) -> None:
        self._beginning = _session(_graph(layers, maxima, border=False), threads)
        self._whole = _session(_graph(layers, maxima, border=True), threads)

    def sums(self, series: Tensor, border: bool) -> Tensor:
        """Sum over the columns of the last block's output, as `lstm_fcn.inference.padding.Convolutions` says."""
        session = self._whole if border else self._beginning
        (sums,) = session.run(None, {"series": series.contiguous().numpy()})
        return torch.from_numpy(sums)


def _session(model: onnx.ModelProto, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _graph(layers: Sequence[Convolution], maxima: Sequence[float], border: bool) -> onnx.ModelProto:
    """Write the blocks down: series (B, 1, 1, W) to sums (B, filters)."""
    scales = [np.float32(largest / _STEPS) for largest in maxima]
    constants: dict[str, Any] = {f"step_{i}": scale for i, scale in enumerate(scales)}
    constants |= {"zero": np.uint8(0), "columns": np.array([2, 3])}
    first = layers[0]
    constants |= {"weight_0": first.weight.numpy(), "bias_0": first.bias.numpy()}
    # Counting from zero cuts off what is negative: the ReLU of every block.
    nodes = [
        helper.make_node("Conv", ["series", "weight_0", "bias_0"], ["maps"], pads=_pads(first, border)),
        helper.make_node("QuantizeLinear", ["maps", "step_0", "zero"], ["counts_0"]),
    ]
    for i, layer in enumerate(layers[1:], start=1):
        constants |= _quantized(layer, scales[i - 1], i)
        before, own = [f"counts_{i - 1}", f"step_{i - 1}", "zero"], [f"step_{i}", "zero"]
        weights = [f"weight_{i}", f"weight_step_{i}", f"weight_zero_{i}"]
        inputs = [*before, *weights, *own, f"bias_{i}"]
        nodes.append(helper.make_node("QLinearConv", inputs, [f"counts_{i}"], pads=_pads(layer, border)))
    nodes += [
        helper.make_node("DequantizeLinear", ["counts_2", "step_2", "zero"], ["outputs"]),
        helper.make_node("ReduceSum", ["outputs", "columns"], ["sums"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("series", TensorProto.FLOAT, ["B", 1, 1, "W"])],
        [helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["B", len(layers[2].bias)])],
        [numpy_helper.from_array(np.asarray(value, order="C"), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def _pads(layer: Convolution, border: bool) -> list[int]:
    left, right = layer.padding
    return [0, left, 0, right if border else 0]


def _quantized(layer: Convolution, step: np.float32, number: int) -> dict[str, NDArray[Any]]:
    """Count the weights of each filter in steps of its own, and the bias in those of the products."""
    weight, bias = layer.weight.double().numpy(), layer.bias.double().numpy()
    steps = np.abs(weight).max(axis=(1, 2, 3)) / _WEIGHT_STEPS  # (filters,)
    # A filter of next to no weights would count its bias beyond 32 bits.
    steps = np.maximum(steps, np.abs(bias) / (float(step) * _LARGEST_BIAS))
    steps[steps == 0] = 1
    steps = steps.astype(np.float32).astype(np.float64)  # as ONNX Runtime takes them
    return {
        f"weight_{number}": np.rint(weight / steps[:, None, None, None]).astype(np.int8),
        f"weight_step_{number}": steps.astype(np.float32),
        f"weight_zero_{number}": np.zeros(len(steps), np.int8),
        f"bias_{number}": np.rint(bias / (steps * float(step))).astype(np.int32),
    }
