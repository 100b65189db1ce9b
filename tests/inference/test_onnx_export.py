import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray

from lstm_fcn.inference.engine import Engine
from lstm_fcn.inference.onnx_export import OPSET, onnx_file
from lstm_fcn.model.file import Model, load_model
from lstm_fcn.model.network import LSTMFCN
from tests.beat_tables import make_beats, series_of
from tests.models import SMALL, make_network, model_of, networks

EVEN = {"kernel_size_1": 8, "kernel_size_2": 4, "kernel_size_3": 2}


def by_onnx(model: Model, series: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(onnx_file(model), providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probability"], {"beat": series})
    return probabilities


def by_torch(network: LSTMFCN, series: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network(torch.from_numpy(series)).numpy()


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"num_layers": 2},
        {"num_layers": 3, "hidden_size": 5},
        EVEN,
        {"kernel_size_1": 7, "kernel_size_2": 1, "kernel_size_3": 3, "length": 60},
        {"task": "multilabel", "classes": 3},
        {"task": "binary", "classes": 2},
    ],
)
def test_the_graph_gives_the_networks_probabilities(config: dict[str, int | str], batch: int):
    network = make_network(**{**SMALL, **config})
    length = network.config.length
    series = series_of([length // (i + 1) for i in range(batch)], length)
    found, expected = by_onnx(model_of(network), series), by_torch(network, series)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(network=networks())
def test_the_graph_of_any_network_gives_its_probabilities(network: LSTMFCN):
    length = network.config.length
    series = series_of([0, length // 2, length], length)
    np.testing.assert_allclose(by_onnx(model_of(network), series), by_torch(network, series), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["mitbih", "mitbih-inter-patient", "mitbih-small"])
def test_a_pretrained_model_gives_its_probabilities(name: str):
    model, series = load_model(name), make_beats(50).series
    for rows in (series, series[:7], series[:1]):
        np.testing.assert_allclose(by_onnx(model, rows), by_torch(model.network(), rows), rtol=0, atol=1e-5)
        np.testing.assert_allclose(by_onnx(model, rows), Engine(model).probabilities(rows), rtol=0, atol=1e-5)


def test_the_file_is_sound_and_says_which_opset_it_needs(model: Model):
    proto = onnx.load_from_string(onnx_file(model))
    onnx.checker.check_model(proto, full_check=True)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", OPSET)]
    (series,), (probability,) = proto.graph.input, proto.graph.output
    for value, name, width in ((series, "beat", 187), (probability, "probability", 5)):
        batch, columns = value.type.tensor_type.shape.dim
        assert (value.name, batch.dim_param, columns.dim_value) == (name, "batch", width)
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_the_metadata_say_which_model_it_is_and_what_its_probabilities_stand_for():
    model = load_model("mitbih")
    session = onnxruntime.InferenceSession(onnx_file(model), providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert (about["name"], about["sha256"], about["task"]) == ("mitbih", model.sha256, "multiclass")
    assert json.loads(about["classes"]) == ["N", "S", "V", "F", "Q"]
    assert json.loads(about["class_names"])[2] == "ventricular ectopic"
    assert json.loads(about["labels"]) == [0, 1, 2, 3, 4]
    assert json.loads(about["sampling_frequency"]) == 120
    assert [json.loads(about[name]) for name in ("lowest", "highest")] == [0, 1]


def test_the_same_model_gives_the_same_bytes(model: Model):
    assert onnx_file(model) == onnx_file(model)
    other = make_network(**SMALL)
    other.head.bias.data[0] += 1
    assert onnx_file(model_of(other)) != onnx_file(model_of(make_network(**SMALL)))
