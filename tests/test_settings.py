from pathlib import Path

import pytest
import yaml

from lstm_fcn.errors import SettingsError
from lstm_fcn.settings.calibrate import CalibrateSettings
from lstm_fcn.settings.evaluate import EvaluateSettings
from lstm_fcn.settings.evaluate_detection import EvaluateDetectionSettings
from lstm_fcn.settings.export import ExportSettings
from lstm_fcn.settings.prepare import PrepareSettings
from lstm_fcn.settings.score import ScoreSettings
from lstm_fcn.settings.simulate import SimulateSettings
from lstm_fcn.settings.sources import JobSettings, load_settings
from lstm_fcn.settings.train import TrainSettings
from lstm_fcn.settings.train_context import TrainContextSettings
from lstm_fcn.settings.tune import TuneSettings

CONF = Path(__file__).parents[1] / "conf"
SETTINGS = {
    "evaluate": EvaluateSettings,
    "prepare": PrepareSettings,
    "score": ScoreSettings,
    "simulate": SimulateSettings,
    "study-published-figure": TrainSettings,
    "train-inter-patient": TrainSettings,
    "train-new-patients": TrainContextSettings,
    "train-mitbih": TrainSettings,
    "train-mitbih-small": TrainSettings,
    "train-short": TrainSettings,
    "train-undersampled": TrainSettings,
    "tune": TuneSettings,
}
REQUIRED = {
    CalibrateSettings: ["--model", "m", "--beats", "b", "--output", "o"],
    EvaluateSettings: ["--predictions", "p", "--output", "o"],
    EvaluateDetectionSettings: ["--beats", "b", "--reference", "r", "--output", "o"],
    ExportSettings: ["--model", "m", "--output", "m.onnx"],
    PrepareSettings: ["--records", "r", "--output", "o"],
    ScoreSettings: ["--beats", "b", "--model", "m", "--output", "o"],
    SimulateSettings: ["--output", "o"],
    TrainContextSettings: ["--beats", "b", "--model", "m"],
    TrainSettings: ["--beats", "b", "--model", "m"],
    TuneSettings: ["--beats", "b", "--output", "o", "--space", '{"hidden_size": [64, 128]}'],
}


def load(cls: type[JobSettings], *arguments: str) -> JobSettings:
    return load_settings(cls, [*REQUIRED[cls], *arguments], "job.py")


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "conf.yaml"
    file.write_text("epochs: 1\nlr: 0.1\nseed: 1\n")
    monkeypatch.setenv("LSTM_FCN_TRAIN_EPOCHS", "2")
    monkeypatch.setenv("LSTM_FCN_TRAIN_LR", "0.2")
    monkeypatch.setenv("LSTM_FCN_SCORE_BATCH_SIZE", "7")
    settings = load(TrainSettings, "--config", str(file), "--epochs", "3")
    assert (settings.epochs, settings.lr, settings.seed) == (3, 0.2, 1)
    assert settings.batch_size == 256


def test_every_conf_loads():
    assert {path.stem for path in CONF.glob("*.yaml")} == set(SETTINGS)
    for name, cls in SETTINGS.items():
        load(cls, "--config", str(CONF / f"{name}.yaml"))


@pytest.mark.parametrize("name", ["prepare", "score", "simulate"])
def test_a_default_conf_says_what_holds_without_it(name: str):
    written = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    defaults = {key: getattr(load(SETTINGS[name]), key) for key in written}
    assert written == defaults


def test_the_published_hyperparameters_are_the_defaults():
    settings = load(TrainSettings)
    config = settings.network(187, 5)
    assert (config.num_layers, config.hidden_size, config.dropout) == (1, 128, 0.8)
    assert (config.filters_1, config.filters_2, config.filters_3) == (128, 256, 128)
    assert (config.kernel_size_1, config.kernel_size_2, config.kernel_size_3) == (8, 5, 3)
    optimization = settings.optimization()
    assert (optimization.batch_size, optimization.lr, optimization.epochs) == (256, 0.001, 100)


@pytest.mark.parametrize("cls", list(REQUIRED))
def test_the_help_explains_every_option_with_its_default(cls: type[JobSettings], capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as stop:
        load_settings(cls, ["--help"], "job.py")
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name, field in cls.model_fields.items():
        default = (
            "required" if field.is_required() else f"default: {'none' if field.default is None else field.default}"
        )
        assert f"--{name.replace('_', '-')} " in text
        assert f"{field.description} ({default})" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epoch: 3", "unknown setting 'epoch'; did you mean 'epochs'"),
        ("zzz: 3", "unknown setting 'zzz'; known: .*epochs"),
        ("- 1", "expected lines like 'setting: value', found a list"),
        ("a: [", "cannot read the settings file"),
        ("epochs: many", "--epochs .*valid integer.*found 'many'; set it with --epochs, LSTM_FCN_TRAIN_EPOCHS or"),
        ("epochs: 0", "--epochs .*greater than or equal to 1, found 0"),
        ("dropout: 1.0", "--dropout .*less than 1, found 1.0"),
    ],
)
def test_a_wrong_file_is_refused_with_the_way_out(tmp_path: Path, content: str, message: str):
    file = tmp_path / "conf.yaml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=message):
        load(TrainSettings, "--config", str(file))


def test_no_such_file_is_refused():
    with pytest.raises(SettingsError, match=r"cannot read the settings file none\.yaml"):
        load(TrainSettings, "--config", "none.yaml")


def test_what_is_missing_is_named_with_its_meaning():
    with pytest.raises(SettingsError, match=r"--beats is missing \(beat table .*LSTM_FCN_TRAIN_BEATS"):
        load_settings(TrainSettings, ["--model", "m"], "train.py")


def test_an_unknown_flag_exits_with_2(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as stop:
        load(TrainSettings, "--epoch", "3")
    assert stop.value.code == SettingsError.exit_code
    assert "unrecognized arguments: --epoch 3" in capsys.readouterr().err


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LSTM_FCN_TRAIN_EPOCH", "3")
    with pytest.raises(SettingsError, match="'LSTM_FCN_TRAIN_EPOCH'; did you mean 'LSTM_FCN_TRAIN_EPOCHS'"):
        load(TrainSettings)
    load(ScoreSettings)


def test_the_environment_may_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "conf.yaml").write_text("epochs: 3")
    monkeypatch.setenv("LSTM_FCN_TRAIN_CONFIG", str(tmp_path / "conf.yaml"))
    assert load(TrainSettings).epochs == 3


def test_records_to_hold_out_are_named_alike_in_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert load(PrepareSettings, "--test-records", "s09,s10").test_records == ["s09", "s10"]
    (tmp_path / "conf.yaml").write_text("test_records: [100, s10]")
    assert load(PrepareSettings, "--config", str(tmp_path / "conf.yaml")).test_records == ["100", "s10"]
    monkeypatch.setenv("LSTM_FCN_PREPARE_TEST_RECORDS", "s09, s10")
    assert load(PrepareSettings).test_records == ["s09", "s10"]


def test_records_cannot_be_held_out_of_a_csv():
    with pytest.raises(SettingsError, match="--test-records goes with --records, --signals or --windows"):
        load_settings(PrepareSettings, ["--output", "o", "--csv", "c", "--test-records", "s01"], "prepare.py")


@pytest.mark.parametrize("sources", [[], ["--records", "r", "--csv", "c"]])
def test_prepare_takes_one_source(sources: list[str]):
    with pytest.raises(SettingsError, match="expected one of --records, --signals, --windows and --csv"):
        load_settings(PrepareSettings, ["--output", "o", *sources], "prepare.py")


@pytest.mark.parametrize("odd", [["--detect"], ["--annotator", "atr"]])
def test_windows_have_the_times_of_their_beats(odd: list[str]):
    with pytest.raises(SettingsError, match="the table of --windows has the times of its beats"):
        load_settings(PrepareSettings, ["--output", "o", "--windows", "w", *odd], "prepare.py")


def test_the_split_of_records_cannot_be_overruled_by_the_csvs():
    with pytest.raises(SettingsError, match="--csv-split goes with --csv"):
        load(PrepareSettings, "--csv-split", "test")


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (
            TrainSettings,
            ["--validation", "v", "--validation-share", "0.1"],
            "expected --validation or --validation-share",
        ),
        (TrainSettings, ["--validation-by", "record"], "--validation-by record goes with --validation-share"),
        (TrainSettings, ["--beats", "b.csv.gz", "--rows", "split=test"], "--rows goes with a beat table"),
        *(
            (cls, ["--beats", "out/beats", "--beats-options", "versionAsOf=1"], "the version of a table of the catalog")
            for cls in (TrainSettings, CalibrateSettings, TuneSettings)
        ),
        (TrainSettings, ["--beats", "ecg.beats", "--beats-options", "1"], "--beats-options as name=value,.* found 1"),
        (TrainSettings, ["--rows", "split"], "--rows .*String should match pattern"),
        (TrainSettings, ["--model", "s3://b/m"], "expected --model to be a local path, found s3:/b/m"),
        (ScoreSettings, ["--summary-by", "patient,hour"], "expected --summary-by record,hour, found patient,hour"),
        (ScoreSettings, ["--summary-by", ","], "--summary-by .* at least 1 item"),
        (ScoreSettings, ["--beat", "b", "--beat-prefix", "x"], "expected --beat or --beat-prefix, found both"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(cls: type[JobSettings], arguments: list[str], message: str):
    with pytest.raises(SettingsError, match=message):
        load(cls, *arguments)


@pytest.mark.parametrize(("model", "folder"), [("a/m.v1.safetensors", "a/m.v1.run"), ("m.run", "m.run.run")])
def test_each_model_has_a_run_folder_of_its_own(model: str, folder: str):
    assert load(TrainSettings, "--model", model).run_folder == Path(folder)
    assert load(TrainSettings, "--model", model, "--run", "r").run_folder == Path("r")


def test_int8_does_not_go_with_cuda():
    with pytest.raises(SettingsError, match="int8 computes on the processor; on CUDA use --precision float32"):
        load(ScoreSettings, "--precision", "int8", "--device", "cuda")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--beats", "b.csv", "--rows", "split=test"], "--rows goes with a beat table"),
        (["--output", "s3://bucket/m"], "expected --output to be a local path, found s3:/bucket/m"),
        (["--output", "conf"], "expected --output to name a file, found the folder conf"),
    ],
)
def test_a_calibration_that_could_not_work_is_refused_at_once(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(CONF.parent)
    with pytest.raises(SettingsError, match=message):
        load(CalibrateSettings, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected --output, --mlflow or --mlflow-uri, found none of them"),
        (["--output", "m.safetensors"], r"expected --output to end in \.onnx, found m\.safetensors"),
        (["--output", "conf"], "expected --output to name a file, found the folder conf"),
        (["--output", "s3://bucket/m.onnx"], r"expected --output to be a local path, found s3:/bucket/m\.onnx"),
        (["--mlflow", "dbfs:/m"], "expected --mlflow to be a local path, found dbfs:/m"),
        (["--mlflow", "m", "--mlflow-name", "ecg"], "--mlflow-name goes with --mlflow-uri"),
    ],
)
def test_an_export_that_could_not_work_is_refused_at_once(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(CONF.parent)
    with pytest.raises(SettingsError, match=message):
        load_settings(ExportSettings, ["--model", "m", *arguments], "export.py")


def test_the_home_folder_is_known_where_no_shell_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("LSTM_FCN_TRAIN_MODEL", "~/m.safetensors")
    (tmp_path / "c.yaml").write_text("beats: ~/beats")
    settings = load_settings(TrainSettings, ["--config", str(tmp_path / "c.yaml"), "--run=~/run"], "train.py")
    assert (settings.beats, settings.model, settings.run) == (
        "/home/me/beats",
        Path("/home/me/m.safetensors"),
        Path("/home/me/run"),
    )
