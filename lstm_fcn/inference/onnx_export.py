"""A model as an ONNX file: series in, probabilities out, for runtimes without torch.

The graph is written node by node from the folded layers. torch's own exporter would need one more package
(onnxscript), and what it writes is another graph with another release of torch.
"""

import json
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import lstm_fcn
from lstm_fcn.inference.folding import SingleStepLSTM, folded_blocks
from lstm_fcn.model.file import INPUT, OUTPUT, Model
from lstm_fcn.model.network import LSTMFCN

OPSET = 13
"""The first one with today's Softmax. Nothing in the graph needs a later one, so that old servers read it too: ONNX
Runtime from 1.6 (2020) on, and what is built on it."""

_IR_VERSION = 7  # which came with that opset


def onnx_file(model: Model) -> bytes:
    """Return the bytes of an ONNX file, always the same ones for the same model.

    Input `beat` is (batch, length), output `probability` (batch, classes), both float32. The scaling of the values
    is part of the graph. The metadata hold `Model.card`; what is no text there is JSON here.
    """
    network = model.network()
    graph = _Graph()
    scaled = _scaling(graph, network)
    features = graph.add("features", "Concat", _lstm(graph, network, scaled), _blocks(graph, network, scaled), axis=1)
    head = (network.head.weight.detach().numpy(), network.head.bias.detach().numpy())
    logits = graph.add("logits", "Gemm", features, *head, transB=1)
    if network.config.task == "multilabel":
        graph.add(OUTPUT, "Sigmoid", logits)
    else:
        graph.add(OUTPUT, "Softmax", logits, axis=1)
    proto = graph.finish(network.config.length, network.config.classes)
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in model.card().items()}
    helper.set_model_props(proto, texts)
    return bytes(proto.SerializeToString(deterministic=True))


class _Graph:
    """Nodes and constants so far. Each node has one output, which has the node's name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, name: str, operator: str, *inputs: str | NDArray[Any], **attributes: Any) -> str:
        """Add a node, whose inputs are other nodes' names or constants, and give its name."""
        names = [
            value if isinstance(value, str) else self._constant(f"{name}_{i}", value) for i, value in enumerate(inputs)
        ]
        self._nodes.append(helper.make_node(operator, names, [name], name, **attributes))
        return name

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def finish(self, length: int, classes: int) -> onnx.ModelProto:
        """Make the model of it."""
        graph = helper.make_graph(
            self._nodes,
            "lstm_fcn",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", length])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", classes])],
            self._constants,
        )
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="lstm-fcn",
            producer_version=lstm_fcn.__version__,
        )


def _scaling(graph: _Graph, network: LSTMFCN) -> str:
    """Scale the series (B, L). It cannot go into the weights: the convolutions pad with zeros after it."""
    shifted = graph.add("shifted", "Sub", INPUT, np.array(network.mean, np.float32))
    return graph.add("scaled", "Div", shifted, np.array(network.std, np.float32))


def _lstm(graph: _Graph, network: LSTMFCN, features: str) -> str:
    """Add the layers' single step, (B, L) to (B, hidden)."""
    for number, (weight, bias) in enumerate(SingleStepLSTM(network.lstm).layers, start=1):
        layer = f"lstm_{number}"
        gates = zip(("into", "cell", "out"), np.split(weight.numpy(), 3), np.split(bias.numpy(), 3), strict=True)
        into, cell, out = (graph.add(f"{layer}_{name}", "Gemm", features, w, b, transB=1) for name, w, b in gates)
        entered = graph.add(f"{layer}_entered", "Sigmoid", into)
        offered = graph.add(f"{layer}_offered", "Tanh", cell)
        kept = graph.add(f"{layer}_kept", "Tanh", graph.add(f"{layer}_memory", "Mul", entered, offered))
        features = graph.add(layer, "Mul", graph.add(f"{layer}_opened", "Sigmoid", out), kept)
    return features


def _blocks(graph: _Graph, network: LSTMFCN, scaled: str) -> str:
    """Add the convolution blocks and the mean over their columns, (B, L) to (B, filters_3)."""
    maps = graph.add("row", "Unsqueeze", scaled, np.array([1]))  # (B, 1, L)
    for i, (weight, bias, padding) in enumerate(folded_blocks(network), start=1):
        filtered = graph.add(f"block_{i}_conv", "Conv", maps, weight.numpy()[:, :, 0], bias.numpy(), pads=list(padding))
        maps = graph.add(f"block_{i}", "Relu", filtered)  # (B, filters, L)
    return graph.add("pooled", "ReduceMean", maps, axes=[2], keepdims=0)
