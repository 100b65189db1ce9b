import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import ModelError, SettingsError
from lstm_fcn.model.file import read_model
from lstm_fcn.model.search_space import Range, parse_space
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.settings.tune import TuneSettings
from lstm_fcn.tuning.search import TrialClassifier, candidates, search
from lstm_fcn.tuning.trials import Outcome, TrialResult, Trials, fit_trial
from tests.beat_tables import noisy

SMALL = ("--filters-1", "4", "--filters-2", "4", "--filters-3", "4", "--hidden-size", "4")
CONF = Path(__file__).parents[2] / "conf" / "tune.yaml"
LR = json.dumps({"lr": {"low": 0.001, "high": 0.1, "log": True}})
FITTED, HELD_OUT = noisy(12, seed=0), noisy(4, seed=1)
SPLIT = np.arange(60), np.arange(60, 80)


def settings_of(*arguments: str, space: str = LR) -> TuneSettings:
    return load_settings(TuneSettings, ["--beats", "b", "--output", "o", "--space", space, *arguments], "tune.py")


def test_a_space_that_is_given_takes_the_place_of_the_files(monkeypatch: pytest.MonkeyPatch):
    given = json.dumps({"lr": {"low": 0.001, "high": 0.002}})  # the file's has log: true
    assert settings_of("--config", str(CONF), space=given).space == json.loads(given)
    monkeypatch.setenv("LSTM_FCN_TUNE_SPACE", LR)
    assert settings_of("--config", str(CONF), space=given).space == json.loads(given)
    with pytest.raises(SettingsError, match=r"--space .*: expected JSON: .* found '\{lr'"):
        settings_of(space="{lr")


def small_search(folder: Path, *arguments: str, space: str = LR):
    """A search on this machine, and how many trials it had to fit."""
    trials = Trials(folder, ("fitted", "held out"), partial(fit_trial, FITTED, HELD_OUT, threads=1))
    settings = settings_of(*SMALL, "--batch-size", "16", *arguments, space=space)
    return search(settings, "float32", SPLIT, trials, 1, CLASSES), trials.fitted


@pytest.mark.parametrize(("low", "high", "is_whole"), [(3, 8, True), (0.001, 0.1, False)])
@pytest.mark.parametrize("log", [False, True])
def test_a_range_is_drawn_from_evenly_and_with_both_ends(low: float, high: float, is_whole: bool, log: bool):
    random = np.random.RandomState(0)
    drawn = [Range(low, high, log, is_whole).rvs(random) for _ in range(4000)]
    assert low <= min(drawn) < low * 1.1
    assert high * 0.9 < max(drawn) <= high
    middle = np.sqrt(low * high) if log else (low + high) / 2
    assert np.mean(np.array(drawn) < middle) == pytest.approx(0.5, abs=0.1 if is_whole else 0.03)
    assert {type(value) for value in drawn} == {int if is_whole else float}
    if is_whole and not log:
        counts = np.bincount(drawn)[3:]
        assert counts.min() > 0.8 * counts.mean()


def test_values_are_read_as_their_hyperparameter_has_them():
    space = parse_space({"hidden_size": [8.0, 16], "lr": {"low": "1e-3", "high": 1, "log": True}})
    assert space["hidden_size"] == [8, 16]
    assert type(space["hidden_size"][0]) is int
    assert space["lr"] == Range(0.001, 1.0, log=True, is_whole=False)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "expected at least one hyperparameter in space, e.g. lr: {low"),
        ({"learning_rate": [1]}, "space: no hyperparameter 'learning_rate'; expected num_layers, hidden_size"),
        ({"filter_1": [1]}, "space: no hyperparameter 'filter_1'; did you mean 'filters_1'?"),
        ({"task": ["binary"]}, "space: no hyperparameter 'task'"),
        ({"lr": []}, "space: expected lr to be a list of values or a range, e.g. .*; found \\[\\]"),
        ({"lr": {"low": 0.1}}, "space: expected lr to be a list .* found {'low': 0.1}"),
        ({"lr": {"low": 0.1, "high": 0.2, "step": 1}}, "space: expected lr to be a list"),
        ({"lr": {"low": 0.2, "high": 0.1}}, "space: expected low of lr to be less than high, found 0.2 and 0.1"),
        ({"lr": {"low": 0.1, "high": 0.2, "log": "yes"}}, "space: expected log of lr to be true or false, found 'yes'"),
        ({"dropout": {"low": 0, "high": 0.5, "log": True}}, "space: expected low of dropout to be above 0 for log"),
        ({"dropout": [0.5, 1]}, "space: dropout: Input should be less than 1, found 1"),
        ({"kernel_size_1": {"low": 3, "high": 500}}, "space: kernel_size_1: .*less than or equal to 128, found 500"),
        ({"batch_size": [16.5]}, "space: batch_size: .* found 16.5"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_in_one_line(space: dict[str, Any], message: str):
    with pytest.raises(SettingsError, match=message) as refused:
        settings_of(space=json.dumps(space))
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lr", "0.1"], "lr: expected a fixed value or an entry in space, found both"),
        (["--search", "halving", "--max-jobs", "3"], "--search halving needs --max-jobs above 3 and as many --epochs"),
        (["--search", "halving", "--epochs", "2"], "--search halving needs --max-jobs above 3"),
        (["--beats", "b.csv", "--rows", "split=train"], "--rows goes with a beat table"),
        (["--output", "s3://bucket/o"], "expected --output to be a local path"),
        (["--validation-share", "0"], "--validation-share .* greater than 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(arguments: list[str], message: str):
    with pytest.raises(SettingsError, match=message):
        settings_of(*arguments)


def test_halving_divides_the_epochs_itself():
    with pytest.raises(SettingsError, match="--search halving divides --epochs itself; take epochs out of space"):
        settings_of("--search", "halving", space='{"epochs": [3, 9]}')


@pytest.mark.parametrize("epochs", [3, 8, 9, 30, 100])
@pytest.mark.parametrize("max_jobs", [4, 5, 13, 20, 41])
def test_the_trials_of_all_rungs_are_within_the_budget_and_one_candidate_more_would_not_be(max_jobs: int, epochs: int):
    from lstm_fcn.tuning.search import _searcher

    settings = settings_of("--search", "halving", "--max-jobs", str(max_jobs), "--epochs", str(epochs))
    asked = candidates(settings)

    def trials_with(count: int) -> int:
        def evaluate(parameters: Mapping[str, Any]) -> TrialResult:
            return TrialResult(parameters=dict(parameters), macro_f1=parameters["lr"], seconds=0)

        searcher = _searcher(settings, TrialClassifier(), count, SPLIT, 1)
        return sum(searcher.fit(np.arange(80).reshape(-1, 1), run=evaluate).n_candidates_)

    assert trials_with(asked) <= max_jobs < trials_with(asked + 1)


def test_a_search_extended_fits_only_what_is_new(tmp_path: Path):
    first, fitted = small_search(tmp_path, "--epochs", "1", "--max-jobs", "2")
    assert fitted == 2
    second, fitted = small_search(tmp_path, "--epochs", "1", "--max-jobs", "3")
    assert fitted == 1
    assert second.rows[:2] == first.rows


def test_trials_of_other_beats_or_settings_are_others(tmp_path: Path):
    small_search(tmp_path, "--epochs", "1", "--max-jobs", "1")
    assert small_search(tmp_path, "--epochs", "1", "--max-jobs", "1", "--seed", "1")[1] == 1
    assert small_search(tmp_path, "--epochs", "1", "--max-jobs", "1", "--class-weights", "sqrt")[1] == 1
    other = Trials(tmp_path, ("other", "held out"), partial(fit_trial, FITTED, HELD_OUT, threads=1))
    settings = settings_of(*SMALL, "--batch-size", "16", "--epochs", "1", "--max-jobs", "1")
    search(settings, "float32", SPLIT, other, 1, CLASSES)
    assert other.fitted == 1


def test_weights_of_single_classes_are_those_of_the_trials(tmp_path: Path):
    arguments = ("--epochs", "1", "--max-jobs", "1", "--class-weights", '{"V": 5, "N": 0.5}')
    found, _ = small_search(tmp_path, *arguments)
    record = found.rows[0].record
    given = record.parameters | {"class_weights": {2: 5.0, 0: 0.5}}
    again, fitted = small_search(tmp_path, *arguments)
    assert fitted == 0
    kept = Trials(tmp_path, ("fitted", "held out"), partial(fit_trial, FITTED, HELD_OUT, threads=1))
    assert kept.model(again.rows[0].record).content == fit_trial(FITTED, HELD_OUT, given, 1).model
    assert kept.model(record).header.optimization.class_weights == {"2": 5.0, "0": 0.5}


def test_a_space_smaller_than_the_budget_is_tried_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    found, fitted = small_search(tmp_path, "--epochs", "1", "--max-jobs", "5", space='{"num_layers": [1, 2]}')
    assert fitted == len(found.rows) == 2
    assert "the space holds only 2 different trials, not 5" in caplog.text


def test_a_trial_that_fails_is_a_row_and_is_tried_again_by_the_next_search(tmp_path: Path):
    def fit_some(parameters: Mapping[str, Any]) -> Outcome:
        impossible = {"kernel_size_1": 0} if parameters["num_layers"] == 2 else {}
        return fit_trial(FITTED, HELD_OUT, {**parameters, **impossible}, threads=1)

    space, trials = '{"num_layers": [1, 2]}', Trials(tmp_path, ("fitted", "held out"), fit_some)
    settings = settings_of(*SMALL, "--epochs", "1", "--max-jobs", "2", space=space)
    table = search(settings, "float32", SPLIT, trials, 1, CLASSES).table().to_pandas().set_index("num_layers")
    assert table["status"].to_dict() == {1: "done", 2: "failed"}
    assert table["best"].to_dict() == {1: True, 2: False}
    assert np.isnan(table.loc[2, "macro_f1"])
    assert table.loc[2, "error"].startswith(
        "ParameterError: kernel_size_1=0: Input should be greater than or equal to 1"
    )
    assert trials.fitted == 2
    found, fitted = small_search(tmp_path, "--epochs", "1", "--max-jobs", "2", "--batch-size", "256", space=space)
    assert fitted == 1
    assert [row.record.error for row in found.rows] == [None, None]


def test_a_search_whose_trials_all_failed_says_why(tmp_path: Path):
    def fit_none(parameters: Mapping[str, Any]) -> Outcome:
        return fit_trial(FITTED, HELD_OUT, {**parameters, "kernel_size_1": 0}, threads=1)

    settings = settings_of("--max-jobs", "8", "--epochs", "6", "--search", "halving")
    found = search(settings, "float32", SPLIT, Trials(tmp_path, (), fit_none), 1, CLASSES)
    assert len(found.rows) == 8
    with pytest.raises(ModelError, match="all 2 trials of the last rung failed, the first with: ParameterError: "):
        found.best_record()


def test_a_damaged_record_is_named_and_one_without_its_model_does_not_count(tmp_path: Path):
    small_search(tmp_path, "--epochs", "1", "--max-jobs", "1")
    (model,) = tmp_path.glob("*.safetensors")
    model.unlink()
    assert small_search(tmp_path, "--epochs", "1", "--max-jobs", "1")[1] == 1
    read_model(model)
    (record,) = tmp_path.glob("*.json")
    record.write_text("{")
    with pytest.raises(ModelError, match=r"the record .*\.json is damaged; delete it to try this again"):
        small_search(tmp_path, "--epochs", "1", "--max-jobs", "1")
