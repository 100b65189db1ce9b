"""Settings of jobs/prepare.py: ECGs, or beats that others cut, to a beat table."""

from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import CliImplicitFlag, SettingsConfigDict

from lstm_fcn.settings.sources import JobSettings, Names


class PrepareSettings(JobSettings):
    """Cut ECGs into a beat table: records in files (WFDB, EDF), a table of signals or windows, or the CSV form."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_PREPARE_")

    records: str | None = Field(
        None,
        description="folder with WFDB records (.hea and what they name) or EDF files, in it or below it",
    )
    signals: str | None = Field(
        None,
        description="instead of records: a table (of the catalog, or Parquet) with columns record, fs (Hz) and signal "
        "(array), and, if there are several rows of a record, lead, start (timestamp) or segment",
    )
    annotations: str | None = Field(
        None, description="with --signals: a table with the columns record, sample, symbol (WFDB); without it, --detect"
    )
    windows: str | None = Field(
        None,
        description="instead of records: a table of beats that somebody else cut, with columns record, fs (Hz), time_s "
        "(of the R peak in the recording), window (array, in one unit over the record), before_s (from its first "
        "sample to the R peak) and, if there are any, lead and symbol (WFDB)",
    )
    csv: str | None = Field(
        None,
        description="instead of records: a file like mitbih_test.csv, without a header (one of 0..187 and 'sep=,' are "
        "left out), or a folder of such files",
    )
    output: str = Field(
        description="beat table to write: a folder (Parquet), which must not be there yet, or a table of the catalog "
        "(schema.table), which is made, or which the records are added to; see --replace"
    )
    replace: CliImplicitFlag[bool] = Field(
        False,
        description="replace the beat table that is in the folder --output, or in a table of the catalog the rows of "
        "the records that are prepared now; as a scheduler's retry does; if this fails, the old rows stay",
    )
    table_format: str | None = Field(
        None, description="format of a new table of the catalog, e.g. delta; without it, what its catalog makes"
    )
    only: Names = Field([], description="records to take, by their names (below a folder: ward/a1); without it, all")
    lead: Names = Field(
        [],
        description="lead to take: names or positions (from 0) in the order of preference, e.g. MLII,II,0; without it, "
        "MLII or II, else the first ECG; of the MIT-BIH records the first signal, as in the published table",
    )
    annotator: str | None = Field(
        None,
        description="extension of the annotation files, e.g. atr or qrs (edf: the annotations of EDF+ files); without "
        "it, atr where there is one, and else the beats are detected",
    )
    detect: CliImplicitFlag[bool] = Field(
        False,
        description="detect the beats of all records, whatever annotations there are",
    )
    max_failed_records: int = Field(
        0, ge=0, description="records that may be unreadable; above it nothing is written, and all are named"
    )
    test_records: Names = Field(
        [], description="records to hold out whole, e.g. s09,s10; without it, MIT-BIH's published split"
    )
    csv_split: Literal["train", "test"] | None = Field(None, description="the split that the rows of --csv are")

    classes: Names = Field(
        [],
        description="with --csv: names of its labels 0, 1, ... in their order, e.g. normal,abnormal; without it they "
        "are AAMI's, N,S,V,F,Q, and all five must be there",
    )

    @model_validator(mode="after")
    def _one_source(self) -> "PrepareSettings":
        sources = ("records", "signals", "windows", "csv")
        given = [f"--{name}" for name in sources if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"expected one of --records, --signals, --windows and --csv, found {' and '.join(given) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _what_goes_with_csv(self) -> "PrepareSettings":
        if self.csv is None and self.csv_split is not None:
            raise ValueError("--csv-split goes with --csv; the split of records is known or --test-records")
        if self.csv is None and self.classes:
            raise ValueError("--classes goes with --csv; the symbols of records say their classes")
        if len(self.classes) == 1 or len(set(self.classes)) != len(self.classes):
            raise ValueError(f"expected two different --classes or more, found {','.join(self.classes)}")
        of_ecgs = {"test_records", "only", "lead", "detect", "max_failed_records", "annotator"}
        if self.csv is not None and of_ecgs & self.model_fields_set:
            odd = sorted(of_ecgs & self.model_fields_set)[0].replace("_", "-")
            raise ValueError(f"--{odd} goes with --records, --signals or --windows; a CSV file has beats, not ECGs")
        return self

    @model_validator(mode="after")
    def _where_the_beats_are_from(self) -> "PrepareSettings":
        if self.signals is None and self.annotations is not None:
            raise ValueError("--annotations goes with --signals")
        if self.windows is not None and (self.detect or self.annotator is not None):
            raise ValueError("--detect and --annotator are for ECGs; the table of --windows has the times of its beats")
        if self.detect and (self.annotator is not None or self.annotations is not None):
            raise ValueError("expected --detect or annotations, found both")
        if self.signals is not None and self.annotator is not None:
            raise ValueError("--annotator is for files; --signals has --annotations")
        return self
