import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from lstm_fcn import LSTMFCNClassifier
from lstm_fcn.context.form import CONTEXT_LENGTH, WINDOW
from lstm_fcn.errors import ModelError
from lstm_fcn.inference.calibration import calibrate
from lstm_fcn.inference.engine import Engine
from lstm_fcn.inference.onnx_export import onnx_file
from lstm_fcn.model.config import ContextOptimization
from lstm_fcn.model.context_network import ContextLSTMFCN
from lstm_fcn.model.file import METADATA_KEY, Model, parse_model, serialize, write_model
from lstm_fcn.training.contexts.distribution import describe_features
from tests.context_beats import make_context_beats, make_contexts
from tests.models import context_model

LABELS = np.resize([0, 1, 2], 150)


@pytest.fixture(scope="module")
def model() -> Model:
    return context_model()


def test_the_engine_gives_what_the_network_gives(model: Model):
    contexts = make_contexts(LABELS)
    contexts[3, :WINDOW] *= 100
    contexts[4, 2 * WINDOW :] = 1e6
    with torch.inference_mode():
        expected = model.any_network()(torch.from_numpy(contexts)).numpy()
    found = Engine(model, batch_size=64).probabilities(contexts)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(found[:, 0]) > 0.01


def test_fusion_and_unclassifiable_beats_are_never_predicted(model: Model):
    assert not Engine(model).probabilities(make_contexts(LABELS))[:, 3:].any()


def test_the_shape_speaks_of_v_alone(model: Model):
    contexts = make_contexts(LABELS)
    other = contexts.copy()
    other[:, :WINDOW] *= -3
    one, two = (Engine(model).probabilities(each) for each in (contexts, other))
    np.testing.assert_allclose(two[:, 1] / two[:, 0], one[:, 1] / one[:, 0], rtol=1e-4)
    assert np.abs(two[:, 2] - one[:, 2]).max() > 1e-4


def test_offsets_move_the_decision(model: Model):
    network = model.any_network()
    assert isinstance(network, ContextLSTMFCN)
    contexts = torch.from_numpy(make_contexts(LABELS))
    before = network(contexts)
    network.offsets.copy_(torch.tensor([0.0, 2.0, 0.0]))
    after = network(contexts)
    torch.testing.assert_close(torch.log(after[:, 1] / after[:, 0]), torch.log(before[:, 1] / before[:, 0]) + 2)


def test_a_model_file_says_which_column_it_takes_and_comes_back_whole(model: Model, tmp_path: Path):
    assert model.header.column == "context_1"
    network = model.any_network()
    write_model(tmp_path / "m.safetensors", network, model.header)
    again = parse_model((tmp_path / "m.safetensors").read_bytes(), "m")
    assert again.header == model.header
    for name, tensor in again.any_network().state_dict().items():
        torch.testing.assert_close(tensor, network.state_dict()[name])


@pytest.mark.parametrize("part", ["network", "optimization"])
@pytest.mark.parametrize("value", [5, [1], "contexts", None, {"form": 3}])
def test_a_header_that_lies_is_refused_with_the_place(model: Model, part: str, value: object):
    header = json.loads(model.header.model_dump_json()) | {part: value}
    content = safetensors.torch.save(model.any_network().state_dict(), {METADATA_KEY: json.dumps(header)})
    with pytest.raises(ModelError, match=f"m: its header is wrong at '{part}"):
        parse_model(content, "m")


@pytest.mark.parametrize(
    "change",
    [
        lambda features: features["edges"].pop("pre/mean"),
        lambda features: features["counts"].update({"pre/mean": [1]}),
        lambda features: features["farthest_ten"].update(other=1.0),
        lambda features: features["edges"].update({"pre/mean": list(range(10))}),
    ],
)
def test_distributions_that_are_not_of_the_features_are_refused(model: Model, change: Callable[[dict], object]):
    header = json.loads(model.header.model_dump_json())
    header["training_data"]["features"] = describe_features(make_context_beats()).model_dump()
    content = safetensors.torch.save(model.any_network().state_dict(), {METADATA_KEY: json.dumps(header)})
    assert parse_model(content, "m").header.training_data.features is not None
    change(header["training_data"]["features"])
    content = safetensors.torch.save(model.any_network().state_dict(), {METADATA_KEY: json.dumps(header)})
    with pytest.raises(ModelError, match="m: its header is wrong at 'training_data.features"):
        parse_model(content, "m")


def test_a_form_of_another_version_is_refused(model: Model):
    content = model.content.replace(b"context_1", b"context_2")
    with pytest.raises(ModelError, match="its header is wrong at 'network"):
        parse_model(content, "m")


def test_weights_of_other_shapes_are_refused(model: Model):
    header = model.header.model_copy(update={"network": model.header.network.model_copy(update={"dense_1": 7})})
    content = serialize(model.any_network(), header)
    with pytest.raises(ModelError, match=r"expected rhythm.0.weight to be F32 \[7, 68\]"):
        parse_model(content, "m")
    assert METADATA_KEY in json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]


def test_what_is_for_models_of_series_says_so(model: Model, tmp_path: Path):
    series = np.zeros((8, CONTEXT_LENGTH), np.float32)
    file = tmp_path / "m.safetensors"
    write_model(file, model.any_network(), model.header)
    for attempt in (
        model.network,
        lambda: calibrate(model, series),
        lambda: onnx_file(model),
        lambda: LSTMFCNClassifier.load(str(file)),
        lambda: Engine(model, precision="int8"),
    ):
        with pytest.raises(ModelError, match="takes the contexts of beats"):
            attempt()


def test_settings_of_a_training_travel_in_the_header(model: Model):
    assert isinstance(model.header.optimization, ContextOptimization)
