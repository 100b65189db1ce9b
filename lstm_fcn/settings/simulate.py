"""Settings of jobs/simulate.py: simulated records to try the other jobs on."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from lstm_fcn.settings.sources import JobSettings


class SimulateSettings(JobSettings):
    """Write simulated ECG records (WFDB or EDF), to try the other jobs on."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_SIMULATE_")

    output: Path = Field(description="local folder to write the records to")
    records: int = Field(10, ge=1, le=99, description="how many: s01, s02, ...")
    seconds: int = Field(300, ge=10, le=86_400, description="length of each record")
    fs: int = Field(360, ge=60, le=2000, description="sampling frequency, Hz")
    form: Literal["wfdb", "edf"] = Field("wfdb", description="of the files; edf: one EDF+ file a record")
    unannotated: int = Field(0, ge=0, description="records without annotations, the last ones")
    seed: int = Field(0, ge=0, lt=2**32, description="of the simulated patients and their beats")
