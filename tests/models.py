"""Small networks with random weights, the models that hold them, and what a processor needs for some."""

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from lstm_fcn.data.beats import BEAT_LENGTH, Beats
from lstm_fcn.data.labels import CLASSES, long_names
from lstm_fcn.model.config import ContextConfig, ContextOptimization, NetworkConfig, Optimization
from lstm_fcn.model.context_network import ContextLSTMFCN
from lstm_fcn.model.file import Model, parse_model, serialize
from lstm_fcn.model.header import Header, Scaling, TrainingData
from lstm_fcn.model.network import LSTMFCN
from lstm_fcn.model.provenance import describe, describe_data
from tests.beat_tables import make_beats

needs_bfloat16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor does not compute with bfloat16"
)

SMALL = {"hidden_size": 8, "filters_1": 8, "filters_2": 16, "filters_3": 8}


def make_network(**config: int | str) -> LSTMFCN:
    """A network with random weights, and BatchNorm statistics that are not those it starts with."""
    torch.manual_seed(0)
    network = LSTMFCN(NetworkConfig(**{"length": BEAT_LENGTH, "classes": 5, **config}), mean=0.3, std=0.7)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.running_mean, module.running_var, module.weight, module.bias):
                torch.nn.init.uniform_(values, 0.5, 1.5)
    return network.eval()


@st.composite
def networks(draw: st.DrawFn) -> LSTMFCN:
    """Any network with any weights, BatchNorm statistics and scaling, kernels longer than the series among them."""
    sizes = {f"filters_{i}": draw(st.integers(1, 9)) for i in (1, 2, 3)}
    kernels = {f"kernel_size_{i}": draw(st.integers(1, 24)) for i in (1, 2, 3)}
    config = NetworkConfig(
        length=draw(st.integers(1, 300)),
        classes=draw(st.integers(2, 6)),
        task=draw(st.sampled_from(["multiclass", "multilabel"])),
        num_layers=draw(st.integers(1, 3)),
        hidden_size=draw(st.integers(1, 9)),
        **sizes,
        **kernels,
    )
    torch.manual_seed(draw(st.integers(0, 2**31)))
    network = LSTMFCN(config, draw(st.sampled_from([0.0, 0.2, -3.0])), draw(st.sampled_from([1.0, 0.3, 4.0])))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.running_mean, module.weight, module.bias):
                torch.nn.init.normal_(values)
            torch.nn.init.uniform_(module.running_var, 0.1, 2)
    return network.eval()


def header_of(network: LSTMFCN, name: str) -> Header:
    data = describe_data(make_beats(10), 5, "nowhere", version="versionAsOf=3")
    return describe(name, network, Optimization(lr=0.01), data, {"train_accuracy": 0.5})


def model_of(network: LSTMFCN) -> Model:
    classes = [str(i) for i in range(network.config.classes)]
    shape = (10,) if network.config.task != "multilabel" else (10, len(classes))
    some = Beats(np.zeros((10, network.config.length), np.float32), np.zeros(shape, np.int64))
    data = describe_data(some, len(classes), "nowhere")
    header = describe("m", network, Optimization(), data, {}, classes=classes)
    return parse_model(serialize(network, header), "m")


def context_model(seed: int = 0) -> Model:
    """A model that takes contexts, with random weights."""
    torch.manual_seed(seed)
    network = ContextLSTMFCN(ContextConfig(form="context_1", filters_1=4, filters_2=4, filters_3=4, hidden_size=4))
    header = Header(
        name="contexts",
        network=network.config,
        optimization=ContextOptimization(),
        scaling=Scaling(),
        classes=list(CLASSES),
        class_names=long_names(CLASSES),
        labels=list(range(len(CLASSES))),
        sampling_frequency=120.0,
        training_data=TrainingData(source="nowhere", rows="all", class_counts=[6, 2, 2, 0, 0], fingerprint="0" * 64),
        metrics={},
        versions={},
    )
    return parse_model(serialize(network.eval(), header), "contexts")
