"""Settings of jobs/evaluate.py: predictions with labels to a report."""

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from lstm_fcn.data.labels import CLASSES
from lstm_fcn.evaluation.metrics import OVERALL
from lstm_fcn.settings.sources import JobSettings, Names

_MOST_CLASSES = 50


class EvaluateSettings(JobSettings):
    """Evaluate predictions by their labels: metrics with intervals, and a report to read."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_EVALUATE_")

    predictions: str = Field(
        description="what to evaluate: the --output of score.py, any other Parquet table, or a table of the catalog"
    )
    output: str = Field(description="folder for 'report.html', 'metrics' (Parquet) and 'runs' (JSON)")
    metrics: str | None = Field(
        None,
        description="table of the catalog (schema.table) that the metrics are added to, in place of 'metrics' in the "
        "folder of --output; it is made where it is not there",
    )
    table_format: str | None = Field(
        None, description="format of a new table of --metrics, e.g. delta; without it, what its catalog makes"
    )
    where: str | None = Field(None, description="SQL condition on the predictions to evaluate, e.g. \"split = 'test'\"")
    label: str = Field("label", description="column with the true label: whole numbers of any type, or texts of digits")
    prediction: str = Field("prediction", description="column with the predicted label, of such a type too")
    probability: str | None = Field(
        "probability",
        description="column with the array (or pyspark.ml's vector) of the classes' probabilities, else p_1, p_2, "
        "...; or none",
    )
    record: str = Field("record", description="column with the record or patient; intervals are drawn over its values")
    by: Names = Field([], description="columns to give figures of each value of, e.g. split,group")
    classes: Names = Field(
        list(CLASSES), description="names of the labels 0, 1, ...; not with --model, which has its own"
    )
    model: str | None = Field(
        None,
        description="that made the predictions, name or file: for its facts and its view of the beats it got wrong",
    )
    beats: str | None = Field(
        None, description="beat table with the series, to show the beats that were predicted wrongly"
    )
    beat: str = Field("beat", description="column of --beats with the series, an array")
    keys: Names = Field(["record", "sample"], description="columns that identify a beat, in --beats and --against too")
    records: Path | None = Field(
        None, description="local folder of WFDB records, to show these beats in mV; needs the keys record and sample"
    )
    against: str | None = Field(None, description="other predictions of the same beats, to compare with")
    draws: int = Field(1000, ge=100, le=100_000, description="of the bootstrap behind the intervals")
    seed: int = Field(0, ge=0, lt=2**32, description="of these draws")

    @model_validator(mode="after")
    def _possible_together(self) -> "EvaluateSettings":
        if self.records is not None and (self.beats is None or self.keys[:2] != ["record", "sample"]):
            raise ValueError("--records goes with --beats, and with --keys that begin with record,sample")
        if self.model is not None and "classes" in self.model_fields_set:
            raise ValueError("expected --classes or --model, which has its own, found both")
        if not 2 <= len(self.classes) <= _MOST_CLASSES or len(set(self.classes)) != len(self.classes):
            raise ValueError(f"expected 2 to {_MOST_CLASSES} different --classes, found {','.join(self.classes)}")
        if OVERALL in self.classes:
            raise ValueError(f"no class can have the name '{OVERALL}', which stands for all of them")
        if not self.keys:
            raise ValueError("expected at least one column in --keys, found none")
        return self
