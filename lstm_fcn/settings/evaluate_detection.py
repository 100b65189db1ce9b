"""Settings of jobs/evaluate_detection.py: detected beats against reference beats."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from lstm_fcn.data.labels import CLASSES
from lstm_fcn.evaluation.detection import WINDOW
from lstm_fcn.settings.sources import JobSettings, Names


class EvaluateDetectionSettings(JobSettings):
    """Compare detected beats with annotated ones of the same records, and their predictions with the labels."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_DETECTION_")

    beats: str = Field(
        description="detected beats with their times: a beat table of prepare.py --detect, or what score.py made of it"
    )
    reference: str = Field(description="annotated beats of the same records: a beat table of prepare.py")
    output: str = Field(description="folder for 'records' and 'counts' (Parquet); must not be there yet")
    where: str | None = Field(None, description="SQL condition on both, e.g. \"record != '207'\"")
    classes: Names = Field(list(CLASSES), description="names of the labels 0, 1, ... of the reference")
    window: float = Field(WINDOW, gt=0, le=1, description="seconds that two of one beat may be apart (EC57: 0.15)")
    draws: int = Field(1000, ge=100, le=100_000, description="of the bootstrap over records behind the intervals")
    seed: int = Field(0, ge=0, lt=2**32, description="of these draws")
