from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from jobs import train_context
from lstm_fcn.context.form import CONTEXT_FORM, FEATURE_GROUPS, FEATURES
from lstm_fcn.errors import DataError, StoppedError
from lstm_fcn.model.config import ContextConfig, ContextOptimization
from lstm_fcn.model.file import read_model
from lstm_fcn.training.contexts.branches import fit
from lstm_fcn.training.contexts.data import beat_weights, read_context_beats
from lstm_fcn.training.contexts.folds import (
    FOLDS,
    best_offsets,
    confusion_of,
    log_probabilities,
    macro_f1,
    record_folds,
)
from lstm_fcn.training.contexts.runs import run_beats
from tests.context_beats import make_context_beats, make_contexts

SHORT = ContextOptimization(rhythm_steps=60, rhythm_batch_size=64, shape_steps=40, shape_batch_size=64)
TINY = ContextConfig(form="context_1", filters_1=8, filters_2=8, filters_3=8, hidden_size=4)


def write_table(path: Path, records: list[str], group: str | None = None, seed: int = 0) -> str:
    labels = np.resize([0, 1, 0, 2, 0, 0, 1, 0, 0, 0], 40)
    tables = []
    for number, record in enumerate(records):
        contexts = list(make_contexts(labels, seed + number))
        rows = {"record": record, "sample": np.arange(40) * 100, "label": labels, "group": group}
        tables.append(pd.DataFrame(rows).assign(**{CONTEXT_FORM: contexts}))
    pd.concat(tables).to_parquet(path)
    return str(path)


def test_both_leads_of_a_record_are_beats_of_one_record(tmp_path: Path):
    names = [f"r{i}" for i in range(6)]
    paths = [write_table(tmp_path / f"{lead}.parquet", names, seed=lead) for lead in (0, 1)]
    beats = read_context_beats(paths)
    assert len(beats) == 480
    assert beats.names == tuple(names)
    assert np.bincount(beats.records).tolist() == [80] * 6
    assert np.bincount(beats.leads).tolist() == [240, 240]


def test_groups_that_are_left_out_are_not_read_and_records_without_a_group_are(tmp_path: Path):
    paths = [
        write_table(tmp_path / "a.parquet", [f"a{i}" for i in range(5)]),
        write_table(tmp_path / "b.parquet", ["b0"], group="DS2"),
        write_table(tmp_path / "c.parquet", ["c0"], group="DS1"),
    ]
    assert set(read_context_beats(paths, ["DS2"]).names) == {"a0", "a1", "a2", "a3", "a4", "c0"}


def test_beats_whose_window_is_not_whole_are_left_out(tmp_path: Path):
    path = Path(write_table(tmp_path / "a.parquet", [f"a{i}" for i in range(5)]))
    rows = pd.read_parquet(path).reset_index(drop=True)
    broken = rows[CONTEXT_FORM].iloc[7].copy()
    broken[3] = np.nan
    rows[CONTEXT_FORM] = [*rows[CONTEXT_FORM][:7], broken, *rows[CONTEXT_FORM][8:]]
    rows.to_parquet(path)
    assert len(read_context_beats([str(path)])) == 199


def test_too_few_records_of_a_class_are_refused(tmp_path: Path):
    path = write_table(tmp_path / "a.parquet", ["a0", "a1", "a2", "a3"])
    with pytest.raises(DataError, match="expected beats of class N from 5 records or more, found 4"):
        read_context_beats([path])


def test_a_record_counts_for_no_more_than_its_cap_and_fusion_beats_for_nothing():
    beats = make_context_beats()
    rows = beats.records != 9
    weights = beat_weights(beats, rows, most=5)
    assert not weights[(beats.labels > 2) | ~rows].any()
    for label in (0, 1, 2):
        of_record = [weights[(beats.labels == label) & (beats.records == r)].sum() for r in range(9)]
        np.testing.assert_allclose(of_record, of_record[0])
    uncapped = beat_weights(beats, rows, most=10_000)
    assert (uncapped[beats.labels == 1].sum() / uncapped[beats.labels == 0].sum()) ** 2 == pytest.approx(
        (beats.labels[rows] == 1).sum() / (beats.labels[rows] == 0).sum(), rel=0.01
    )


def test_folds_keep_records_whole_and_each_has_supraventricular_beats():
    beats = make_context_beats()
    folds = record_folds(beats, seed=0)
    for record in range(10):
        assert len(np.unique(folds[beats.records == record])) == 1
    assert np.unique(folds[beats.labels == 1]).tolist() == list(range(FOLDS))


def test_made_beats_come_in_runs_and_both_classes_alike():
    beats = make_context_beats()
    features, labels = run_beats(beats, np.ones(len(beats), dtype=bool), np.random.default_rng(0))
    assert np.bincount(labels).tolist() == [len(labels) // 2] * 2
    assert len(labels) > 100
    assert np.isfinite(features).all()
    column = {name: features[:, i] for i, name in enumerate(FEATURES)}
    early = labels == 1
    assert np.abs(column["pre/post"][early]).mean() < 0.05  # in a run the next interval is as short
    assert np.median(column["pre/p85"][early]) < -0.3  # and still far below the record's long ones
    assert np.median(column["pre/mean"][early]) > np.median(beats.feature("pre/mean")[beats.labels == 1]) + 0.05
    assert np.median(column["pre/mean"][~early]) > 0.05  # normal beats come late among runs


def test_records_without_early_beats_make_none():
    beats = make_context_beats()
    features, labels = run_beats(beats, beats.labels == 0, np.random.default_rng(0))
    assert len(features) == len(labels) == 0


def test_what_is_learned_holds_on_records_that_were_held_out():
    beats = make_context_beats()
    network = fit(beats, beats.records < 8, TINY, SHORT)
    held_out = (beats.records >= 8) & (beats.labels < 3)
    scores = log_probabilities(network, beats.contexts[held_out])
    odds = network.ventricular_odds(network.channels(torch.from_numpy(beats.contexts[held_out]))).detach().numpy()
    is_v = beats.labels[held_out] == 2
    assert np.median(odds[is_v]) > np.quantile(odds[~is_v], 0.95)
    assert macro_f1(confusion_of(scores, beats.labels[held_out], (0, 0, 0))) > 0.85


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    beats = make_context_beats(records=6)
    rows = np.ones(len(beats), dtype=bool)
    few = SHORT.model_copy(update={"rhythm_steps": 8, "shape_steps": 8})
    one, two = (fit(beats, rows, TINY, few).head.weight for _ in range(2))
    assert (one == two).all()
    assert (fit(beats, rows, TINY, few.model_copy(update={"seed": 1})).head.weight != one).any()


def test_offsets_are_those_with_the_best_macro_f1():
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 1, 2, 3], 4000, p=[0.9, 0.05, 0.04, 0.01])
    scores = rng.normal(0, 0.3, (4000, 3)).astype(np.float32)
    scores[np.arange(4000), np.minimum(labels, 2)] += 1
    scores[:, 1] += 2  # too many S
    _, s, v = best_offsets(scores, labels)
    assert -2.75 <= s <= -1.75
    assert abs(v) <= 0.75
    assert macro_f1(confusion_of(scores, labels, (0, s, v))) > macro_f1(confusion_of(scores, labels, (0, 0, 0))) + 0.1


def test_fusion_beats_count_as_errors_wherever_they_are_predicted():
    confusion = np.zeros((5, 5), np.int64)
    confusion[0, 0], confusion[1, 1], confusion[2, 2] = 10, 10, 10
    assert macro_f1(confusion) == 1
    confusion[3, 2] = 10
    assert macro_f1(confusion) == pytest.approx((1 + 1 + 2 / 3) / 3)


def test_the_job_writes_a_model_with_the_figures_of_its_cross_validation(tmp_path: Path):
    path = write_table(tmp_path / "a.parquet", [f"a{i}" for i in range(6)])
    model = tmp_path / "new.safetensors"
    steps = ["--rhythm-steps", "30", "--shape-steps", "20", "--rhythm-batch-size", "64", "--shape-batch-size", "32"]
    train_context.main(["--beats", path, "--model", str(model), "--threads", "1", *steps])
    header = read_model(model).header
    assert header.column == CONTEXT_FORM
    assert header.metrics.keys() == {"cv_macro_f1", "cv_accuracy", "cv_S_Se", "cv_S_+P", "cv_V_Se", "cv_V_+P"}
    assert header.metrics["cv_macro_f1"] > 0.8
    assert header.training_data.class_counts == [168, 48, 24, 0, 0]
    assert header.training_data.records == [f"a{i}" for i in range(6)]
    assert header.training_data.known_records is None
    assert header.training_data.features.farthest_one.keys() == FEATURE_GROUPS.keys()
    given = tmp_path / "given.safetensors"
    train_context.main(
        ["--beats", path, "--model", str(given), "--threads", "1", *steps, "--offsets", "[0, -1.5, 0.5]"]
    )
    assert read_model(given).any_network().offsets.tolist() == [0, -1.5, 0.5]
    assert read_model(given).header.metrics == {}


def test_a_training_that_is_stopped_says_where(tmp_path: Path):
    beats = make_context_beats(records=6)
    with pytest.raises(StoppedError, match="stopped in the rhythm branch at step 1: nothing was saved"):
        fit(beats, np.ones(len(beats), dtype=bool), TINY, SHORT, stop=lambda: True)
