import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import ModelError, StorageError
from lstm_fcn.model.file import METADATA_KEY, Model, parse_model, read_model, write_model
from lstm_fcn.model.provenance import describe_data, name_records
from tests.models import header_of, make_network


def rebuilt(model: Model, change: Callable[[dict], None], tensors: Callable[[dict], None] = lambda _: None) -> bytes:
    """The model's file with a header and weights that somebody tampered with."""
    header = json.loads(model.header.model_dump_json())
    weights = safetensors.torch.load(model.content)
    change(header)
    tensors(weights)
    return safetensors.torch.save(weights, {METADATA_KEY: json.dumps(header)})


def test_a_model_comes_back_as_it_was_written(tmp_path: Path):
    network = make_network(hidden_size=4, num_layers=2, filters_1=3, kernel_size_2=2)
    header = header_of(network, "two-layers")
    write_model(tmp_path / "m.safetensors", network, header)
    model = read_model(tmp_path / "m.safetensors")
    assert model.header == header
    series = torch.rand(3, 187)
    assert torch.equal(model.network()(series), network(series))
    assert model.reference == f"two-layers@{model.sha256[:12]}"
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def test_the_header_has_what_a_user_needs_to_know(model: Model):
    header = json.loads(model.header.model_dump_json())
    assert header["classes"] == ["N", "S", "V", "F", "Q"]
    assert header["sampling_frequency"] == 120.0
    assert header["network"]["length"] == 187
    assert header["scaling"] == {"mean": 0.3, "std": 0.7}
    assert set(header["versions"]) == {"lstm_fcn", "git", "torch", "python"}


def test_a_file_from_before_records_and_versions_were_named_is_read(model: Model):
    def forget(header: dict) -> None:
        for name in ("records", "made_for", "version"):
            header["training_data"].pop(name)

    data = parse_model(rebuilt(model, forget), "m").header.training_data
    assert (data.known_records, data.version) == (None, None)


def test_the_records_of_the_beats_are_named_and_those_of_the_parent(model: Model):
    beats = Beats(np.ones((3, 187), np.float32), np.arange(3), np.array(["b", "a", "b"], object))
    data = describe_data(beats, 5, "here", made_for="known records")
    assert data.known_records == ["a", "b"]
    parent = parse_model(rebuilt(model, lambda h: h["training_data"].update(records=["c", "a"])), "m")
    assert describe_data(beats, 5, "here", parent=parent).records == ["a", "b", "c"]
    assert describe_data(beats, 5, "here", parent=model).records is None  # it does not name its own
    assert describe_data(Beats(beats.series, beats.labels), 5, "here").records is None
    assert name_records(range(1000)) is not None
    assert name_records(range(1001)) is None
    assert name_records(["r" * 201]) is None


def test_a_failed_write_leaves_the_old_file_and_nothing_else(model: Model, tmp_path: Path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(model.content)
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="cannot write .*taken .*Is a directory; the one that was there is unch"):
        write_model(tmp_path / "taken", model.network(), model.header)  # a folder cannot be replaced by a file
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.safetensors", "taken"]
    assert read_model(path).sha256 == model.sha256


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match=r"none\.safetensors: No such file"):
        read_model(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    "save", [lambda path: torch.save({"a": 1}, path), lambda path: path.write_bytes(pickle.dumps(1))]
)
def test_a_pickle_is_refused_by_name(tmp_path: Path, save: Callable[[Path], None]):
    save(tmp_path / "m.pt")
    with pytest.raises(ModelError, match=r"m\.pt is a pickle .* expected a safetensors file"):
        read_model(tmp_path / "m.pt")


def test_no_length_of_the_header_makes_a_model_look_like_a_pickle(model: Model):
    starts = set()
    for extra in range(0, 256, 8):
        content = rebuilt(model, lambda h, extra=extra: h["versions"].update(more="x" * extra))
        starts.add(content[0])
        parse_model(content, "m")
    assert 0x80 in starts


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 500, 5000, -1, -1000])
def test_a_truncated_file_is_refused_by_name(model: Model, keep: int):
    with pytest.raises(ModelError, match=r"m\.safetensors is truncated"):
        parse_model(model.content[:keep], "m.safetensors")


def test_a_file_that_goes_on_after_its_end_is_refused(model: Model):
    with pytest.raises(ModelError, match="damaged"):
        parse_model(model.content + b"x", "m.safetensors")


@pytest.mark.parametrize("text", [b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_header_that_is_no_json_object_is_refused(text: bytes):
    with pytest.raises(ModelError, match="not a safetensors file"):
        parse_model(len(text).to_bytes(8, "little") + text, "m.safetensors")


def test_another_safetensors_file_is_refused():
    with pytest.raises(ModelError, match="has no 'lstm_fcn' header"):
        parse_model(safetensors.torch.save({"a": torch.ones(2)}), "m.safetensors")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda h: h.pop("classes"), "classes"),
        (lambda h: h.update(extra=1), "extra"),
        (lambda h: h.update(format=2), "format"),
        (lambda h: h["network"].update(num_layers=10**9), "network.num_layers"),
        (lambda h: h["network"].update(filters_1="8"), "network.filters_1"),
        (lambda h: h["network"].update(length=-1), "network.length"),
        (lambda h: h["scaling"].update(std=0.0), "scaling.std"),
        (lambda h: h.update(classes=["N"]), "expected 5 classes"),
        (lambda h: h.update(classes=["N"] * 5), "not distinct"),
        (lambda h: h["training_data"].update(fingerprint="x"), "training_data.fingerprint"),
        (lambda h: h["training_data"].update(records=["r"] * 1001), "training_data.records"),
        (lambda h: h["training_data"].update(records=["r" * 201]), "training_data.records.0"),
        (lambda h: h["training_data"].update(made_for="all"), "training_data.made_for"),
    ],
)
def test_a_header_that_lies_is_refused_with_the_place(model: Model, change: Callable[[dict], None], where: str):
    with pytest.raises(ModelError, match=where):
        parse_model(rebuilt(model, change), "m.safetensors")


def test_a_shape_that_the_hyperparameters_do_not_give_is_refused(model: Model):
    with pytest.raises(ModelError, match=r"block_1\.conv\.weight to be F32 \[9, 1, 1, 8\], found F32 \[8, 1, 1, 8\]"):
        parse_model(rebuilt(model, lambda h: h["network"].update(filters_1=9)), "m.safetensors")


def test_a_huge_claim_allocates_nothing(model: Model):
    biggest = dict.fromkeys(("filters_1", "filters_2", "filters_3", "hidden_size"), 2048)
    with pytest.raises(ModelError, match=r"lstm\.weight_ih_l0 to be F32 \[8192, 1000000\]"):
        parse_model(rebuilt(model, lambda h: h["network"].update(biggest, length=1_000_000)), "m.safetensors")


def test_missing_and_unknown_tensors_are_named(model: Model):
    with pytest.raises(ModelError, match=r"missing or unknown: head\.bias"):
        parse_model(rebuilt(model, lambda _: None, lambda t: t.pop("head.bias")), "m.safetensors")
    with pytest.raises(ModelError, match="missing or unknown: more"):
        parse_model(rebuilt(model, lambda _: None, lambda t: t.update(more=torch.ones(1))), "m.safetensors")


def test_weights_of_another_type_are_refused(model: Model):
    with pytest.raises(ModelError, match=r"head\.bias to be F32 \[5\], found F64 \[5\]"):
        parse_model(rebuilt(model, lambda _: None, lambda t: t.update({"head.bias": torch.ones(5).double()})), "m")


def test_weights_that_are_not_numbers_are_refused(model: Model):
    with pytest.raises(ModelError, match=r"head\.bias holds NaN"):
        parse_model(rebuilt(model, lambda _: None, lambda t: t["head.bias"].fill_(float("nan"))), "m")


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [
        ([3, 1, 2, 5, 4], [3, 1, 2, 5, 4]),
        ([1.0, 2.0, 3.0, 4.0, 5.0], [1, 2, 3, 4, 5]),
        ([0.5, 1.0, 2.0, 3.0, 4.0], [0, 1, 2, 3, 4]),
        ([1, 2, 3, 4, 2**40], [0, 1, 2, 3, 4]),
        (["a", "b", "c", "d", "e"], [0, 1, 2, 3, 4]),
    ],
)
def test_predictions_are_the_labels_where_these_are_integers(model: Model, labels: list, predictions: list[int]):
    found = parse_model(rebuilt(model, lambda header: header.update(labels=labels)), "m").header
    assert found.predictions == predictions
    assert (found.integer_labels is None) == (labels not in (predictions, [float(p) for p in predictions]))


@pytest.mark.parametrize(
    ("int8", "where"),
    [
        ({"maxima": [1.0, 1.0], "margin": 0.1, "beats": 1}, "int8.maxima"),
        ({"maxima": [1.0, 1.0, 0.0], "margin": 0.1, "beats": 1}, "int8.maxima.2"),
        ({"maxima": [1.0, 1.0, 1e300], "margin": 0.1, "beats": 1}, "int8.maxima.2"),
        ({"maxima": [1.0, 1.0, 1.0], "margin": -0.1, "beats": 1}, "int8.margin"),
        ({"maxima": [1.0, 1.0, 1.0], "margin": 0.1, "beats": 0}, "int8.beats"),
    ],
)
def test_a_calibration_that_is_impossible_is_refused(model: Model, int8: dict, where: str):
    with pytest.raises(ModelError, match=where):
        parse_model(rebuilt(model, lambda header: header.update(int8=int8)), "m.safetensors")
