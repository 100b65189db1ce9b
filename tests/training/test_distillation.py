import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from lstm_fcn.data.beats import NOT_KNOWN, Beats
from lstm_fcn.errors import DataError, ModelError, SettingsError, StoppedError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.config import Distillation, NetworkConfig, Optimization
from lstm_fcn.model.file import Model, load_model, parse_model, serialize, write_model
from lstm_fcn.model.provenance import describe, describe_data
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.settings.train import TrainSettings
from lstm_fcn.training.distillation import distilled_loss, known_beats, load_teachers, teach
from lstm_fcn.training.estimator import LSTMFCNClassifier
from lstm_fcn.training.job import TrainingRun
from lstm_fcn.training.loop import train
from lstm_fcn.training.sampling import hold_out_as, select
from lstm_fcn.training.training_set import TrainingSet
from lstm_fcn.training.validation import loss_of, measure
from tests.beat_tables import BEATS, bumps, make_beats, waves
from tests.models import SMALL, make_network, model_of

CLASSES = [str(i) for i in range(5)]
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 1.5, 3.0])
FOLD = Optimization(validation_share=0.25, validation_fold=2)


def fitted_as(optimization: Optimization, beats: Beats, seed: int = 0) -> Model:
    """A model whose file says that it was fitted so; its weights are random."""
    torch.manual_seed(seed)
    network = make_network(**SMALL)
    torch.nn.init.normal_(network.head.bias, std=1 + seed)
    fitted, _ = select(beats, optimization, CLASSES)
    header = describe("teacher", network, optimization, describe_data(fitted, 5, "here"), {}, classes=CLASSES)
    return parse_model(serialize(network, header), "teacher")


def the_loss(logits: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor, **hyperparameters: float) -> float:
    return float(distilled_loss(logits, labels, targets, WEIGHTS, Distillation(**hyperparameters)))


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(12, 5, generator=generator)
    targets = torch.softmax(torch.randn(12, 5, generator=generator), dim=1)
    return logits, torch.arange(12) % 5, targets


def test_a_teacher_may_speak_of_the_beats_that_it_held_out_and_of_no_others():
    beats = make_beats(80)
    known = known_beats(fitted_as(FOLD, beats), beats)
    fitted, held_out = hold_out_as(FOLD, beats)
    assert (known[fitted].all(), known[held_out].any()) == (True, False)
    assert known_beats(fitted_as(Optimization(), beats), beats).all()
    assert known_beats(fitted_as(Optimization(sampling="under"), beats), beats).all()


def test_a_teacher_of_other_beats_may_speak_of_all_with_a_warning_where_they_may_be_the_same(
    caplog: pytest.LogCaptureFixture,
):
    beats, others = make_beats(80), bumps([16] * 5)
    assert not known_beats(fitted_as(FOLD, others), beats).any()
    assert "was fitted to other beats" in caplog.text
    caplog.clear()
    records = [replace(each, records=np.full(80, name, object)) for each, name in ((beats, "a"), (others, "b"))]
    assert not known_beats(fitted_as(FOLD, records[1]), records[0]).any()
    assert not caplog.text


def test_the_targets_are_the_mean_of_those_that_may_speak_and_missing_where_none_may():
    beats, more = make_beats(80), bumps([2] * 5)
    more = replace(more, labels=np.full(10, NOT_KNOWN))
    twice = [fitted_as(FOLD, beats, seed=0), fitted_as(FOLD, beats, seed=1)]
    lesson = teach([*twice, fitted_as(Optimization(), beats, seed=2)], beats, more)
    said = [Engine(teacher).probabilities(np.concatenate([beats.series, more.series])) for teacher in twice]
    fitted, held_out = hold_out_as(FOLD, beats)
    np.testing.assert_allclose(lesson.beats.targets[held_out], np.mean(said, axis=0)[held_out], atol=1e-6)
    assert np.isnan(lesson.beats.targets[fitted]).all()
    assert lesson.teaching.model_dump(exclude={"teachers", "distillation"}) == {"beats": 20, "unlabelled": 10}
    assert len(lesson.teaching.teachers) == 3
    third = Engine(fitted_as(Optimization(), beats, seed=2)).probabilities(more.series)
    np.testing.assert_allclose(lesson.unlabelled.targets, (said[0][80:] + said[1][80:] + third) / 3, atol=1e-6)


def test_unlabelled_beats_that_are_among_the_labelled_are_left_out():
    beats = make_beats(80)
    more = Beats(np.concatenate([beats.series[:3], bumps([1] * 5).series]), np.full(8, NOT_KNOWN))
    assert len(teach([fitted_as(FOLD, beats)], beats, more).unlabelled) == 5


def test_teachers_that_know_all_beats_are_refused():
    beats = make_beats(80)
    with pytest.raises(DataError, match="every teacher was fitted to all of these beats.*--validation-fold 1, 2, 3, 4"):
        teach([fitted_as(Optimization(), beats)], beats)


def test_models_that_cannot_teach_are_refused(tmp_path: Path):
    data = TrainingSet(make_beats(20), tuple("NSVFQ"), [], "all")
    file = tmp_path / "other.safetensors"
    model = model_of(make_network(length=50))
    write_model(file, model.network(), model.header)
    with pytest.raises(ModelError, match="takes series of 50 values, found 187"):
        load_teachers([str(file)], Optimization(), data)
    with pytest.raises(ModelError, match="takes the contexts of beats"):
        load_teachers(["new-patients"], Optimization(), data)
    with pytest.raises(SettingsError, match="expected no prior correction with teachers"):
        load_teachers(["mitbih"], Optimization(prior_correction=True), data)
    several = replace(data, beats=replace(data.beats, labels=np.ones((20, 5), np.int64)))
    with pytest.raises(SettingsError, match="found several labels a series"):
        load_teachers(["mitbih"], Optimization(), several)


def test_without_a_share_or_without_targets_the_label_is_all(batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]):
    logits, labels, targets = batch
    expected = float(loss_of(make_network(**SMALL), logits, labels, WEIGHTS))
    assert the_loss(logits, labels, targets, teacher_share=0) == pytest.approx(expected)
    assert the_loss(logits, labels, torch.full_like(targets, torch.nan), teacher_share=0.7) == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_teachers_are_right_whatever_the_weights(
    temperature: float, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
):
    _, labels, targets = batch
    right = targets.log().requires_grad_()
    distilled_loss(right, labels, targets, WEIGHTS, Distillation(teacher_share=1, temperature=temperature)).backward()
    assert right.grad.abs().max() < 1e-6


def test_a_beat_without_a_label_is_learned_from_the_teachers_by_their_share(
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
):
    logits, labels, targets = batch
    unknown = torch.full_like(labels, NOT_KNOWN)
    whole = the_loss(logits, labels, targets, teacher_share=1)
    assert the_loss(logits, unknown, targets, teacher_share=0.25) == pytest.approx(0.25 * whole)
    mixed = the_loss(logits, labels, targets, teacher_share=0.25)
    labels_alone = the_loss(logits, labels, targets, teacher_share=0)
    assert mixed == pytest.approx(0.75 * labels_alone + 0.25 * whole)


def test_a_beats_own_weight_counts_for_labels_and_teachers(batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]):
    logits, labels, targets = batch
    first = torch.zeros(12)
    first[0] = 12
    weighed = distilled_loss(logits, labels, targets, WEIGHTS, Distillation(), first)
    assert float(weighed) == pytest.approx(the_loss(logits[:1], labels[:1], targets[:1]))


def test_teachers_that_are_right_outweigh_labels_that_are_not():
    beats = bumps([40] * 5)
    wrong = np.random.default_rng(0).permutation(beats.labels)
    taught = replace(beats, labels=wrong, targets=np.eye(5, dtype=np.float32)[beats.labels])
    config = NetworkConfig(length=187, classes=5, hidden_size=8, filters_1=8, filters_2=8, filters_3=8)
    optimization = Optimization(epochs=12, batch_size=20, lr=0.005)
    network, epochs = train(taught, config, optimization, distillation=Distillation(teacher_share=1))
    assert measure(network, beats, None)["train_accuracy"] > 0.95
    assert epochs[-1].train_accuracy < 0.5


def test_the_accuracy_of_an_epoch_is_that_of_the_beats_with_labels():
    beats = bumps([20] * 5)
    labels = np.where(np.arange(100) % 2, beats.labels, NOT_KNOWN)
    taught = replace(beats, labels=labels, targets=np.eye(5, dtype=np.float32)[beats.labels])
    config = NetworkConfig(length=187, classes=5, hidden_size=8, filters_1=8, filters_2=8, filters_3=8)
    _, epochs = train(taught, config, Optimization(epochs=12, batch_size=20, lr=0.005))
    assert epochs[-1].train_accuracy > 0.5  # dropout allows no more than 0.7; half of the beats have labels


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TrainingRun]:
    """Make ready `train.py` on a small table, with four more beats that have no labels."""
    folder = tmp_path_factory.mktemp("taught")
    for name, beats, labels in (("beats", bumps([12] * 5), True), ("more", bumps([1] * 4, seed=9), False)):
        columns = {"id": range(len(beats)), "label": beats.labels if labels else [None] * len(beats)}
        table = pa.table({**columns, "beat": beats.series.tolist()}, schema=BEATS)
        pq.write_table(table, folder / f"{name}.parquet")

    def run(name: str, *arguments: str) -> TrainingRun:
        sizes = ["--hidden-size=4", "--filters-1=4", "--filters-2=4", "--filters-3=4", "--epochs=2", "--batch-size=20"]
        paths = [f"--beats={folder}/beats.parquet", "--rows=all", f"--model={folder}/{name}.safetensors"]
        given = [each.replace("FOLDER", str(folder)) for each in arguments]
        return TrainingRun(load_settings(TrainSettings, [*paths, *sizes, *given], "train.py"))

    for fold in ("1", "2"):
        run(f"fold_{fold}", "--validation-share=0.5", f"--validation-fold={fold}").execute(lambda: False)
    return run


def test_a_student_learns_from_the_folds_of_its_teachers_and_its_file_says_so(
    taught: Callable[..., TrainingRun], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    student = taught(
        *("student", "--teacher=FOLDER/fold_1.safetensors,FOLDER/fold_2.safetensors"),
        *("--unlabelled=FOLDER/more.parquet", "--teacher-share=0.7"),
    )
    assert "teachers_a_beat=1.1 beats_without=0" in caplog.text
    student.execute(lambda: False)
    header = load_model(str(student.settings.model)).header
    teaching = header.training_data.teaching
    assert [each.split("@")[0] for each in teaching.teachers] == ["fold_1", "fold_2"]
    assert (teaching.beats, teaching.unlabelled) == (60, 4)
    assert header.training_data.class_counts == [12] * 5
    assert teaching.distillation.teacher_share == 0.7


def test_a_teacher_of_all_beats_teaches_by_mixed_ones(taught: Callable[..., TrainingRun]):
    taught("teacher_of_all").execute(lambda: False)
    one = ("--teacher=FOLDER/teacher_of_all.safetensors",)
    with pytest.raises(DataError, match="or mix beats, which no teacher was fitted to"):
        taught("student_of_all", *one)
    student = taught("student_of_all", *one, "--unlabelled=FOLDER/more.parquet", "--mixed-beats=1.5")
    mixed = len(student.lesson.unlabelled) - 4
    assert 80 < mixed <= 90
    student.execute(lambda: False)
    teaching = load_model(str(student.settings.model)).header.training_data.teaching
    assert (teaching.beats, teaching.unlabelled, teaching.distillation.mixed_beats) == (0, mixed + 4, 1.5)


def test_a_warm_start_learns_from_teachers_too(taught: Callable[..., TrainingRun]):
    student = taught("warm", "--init-from=FOLDER/fold_1.safetensors", "--teacher=FOLDER/fold_2.safetensors")
    student.execute(lambda: False)
    data = load_model(str(student.settings.model)).header.training_data
    assert data.parent.startswith("fold_1@")
    assert [each.split("@")[0] for each in data.teaching.teachers] == ["fold_2"]


def test_an_interrupted_training_does_not_go_on_with_other_teachers(taught: Callable[..., TrainingRun]):
    steps = iter([False, True])
    with pytest.raises(StoppedError):
        taught("student_of_1", "--teacher=FOLDER/fold_1.safetensors").execute(lambda: next(steps))
    with pytest.raises(SettingsError, match="teachers"):
        taught("student_of_1", "--teacher=FOLDER/fold_2.safetensors").execute(lambda: False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mixed-beats=1"], "--mixed-beats goes with --teacher"),
        (["--teacher-share=0.2"], "--teacher-share goes with --teacher"),
        (["--unlabelled=more"], "--unlabelled goes with --teacher"),
        (["--validation-fold=5", "--validation-share=0.25"], "expected a validation_fold of 1 to 4"),
        (["--validation-fold=1"], "expected a validation_fold"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(arguments: list[str], message: str):
    with pytest.raises(SettingsError, match=message):
        load_settings(TrainSettings, ["--beats=beats", "--model=m.safetensors", *arguments], "train.py")


def test_the_classifier_learns_from_teachers(tmp_path: Path):
    X, y = waves(60)
    small = {"hidden_size": 4, "filters_1": 4, "filters_2": 4, "filters_3": 4, "epochs": 2, "batch_size": 20}
    files = [tmp_path / f"{fold}.safetensors" for fold in (1, 2)]
    for fold, file in enumerate(files, start=1):
        LSTMFCNClassifier(**small, validation_share=0.5, validation_fold=fold).fit(X, y).save(file)
    student = LSTMFCNClassifier(**small, teacher=files).fit(X[::-1], y[::-1])
    assert student.model_.header.training_data.teaching.beats == 60
    weights = np.where(y == y[0], 2.5, 1.0)
    student = LSTMFCNClassifier(**small, teacher=files, mixed_beats=2).fit(X, y, sample_weight=weights)
    assert 110 <= student.model_.header.training_data.teaching.unlabelled <= 120
    with pytest.raises(ValueError, match="expected a validation_fold of 1 to 2"):
        LSTMFCNClassifier(**small, validation_share=0.5, validation_fold=3).fit(X, y)
