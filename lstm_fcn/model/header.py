"""What a model file says of its model besides the weights."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from lstm_fcn.context.form import CONTEXT_FORM, FEATURE_GROUPS, FEATURES
from lstm_fcn.errors import ModelError
from lstm_fcn.model.config import ContextConfig, ContextOptimization, Distillation, NetworkConfig, Optimization


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


TAGS = ("series", "contexts")
"""What models take; by it the parts of a header are chosen."""


def _takes(network: Any) -> str:
    return TAGS[isinstance(network, ContextConfig) or (isinstance(network, dict) and "form" in network)]


def _fitted_to(optimization: Any) -> str:
    is_read = isinstance(optimization, dict) and "rhythm_steps" in optimization
    return TAGS[isinstance(optimization, ContextOptimization) or is_read]


class Scaling(_Part):
    """What the network does to a series first: subtract the mean, divide by the standard deviation."""

    mean: float = 0.0
    std: float = Field(1.0, gt=0)


class FeatureDistributions(_Part):
    """How the features of contexts are distributed in training."""

    edges: dict[str, Annotated[list[float], Field(max_length=9)]] = Field(
        description="feature -> its deciles, each once"
    )
    counts: dict[str, list[int]] = Field(description="feature -> the beats between these edges, one bin more")
    farthest_one: dict[str, float] = Field(
        description="group of features -> drift (mean stability index) of the training record that is farthest off"
    )
    farthest_ten: dict[str, float] = Field(description="the same of ten records at once, in some draws")

    @model_validator(mode="after")
    def _of_this_form(self) -> "FeatureDistributions":
        groups = (set(self.farthest_one), set(self.farthest_ten))
        if not set(self.edges) == set(self.counts) == set(FEATURES) or groups != (set(FEATURE_GROUPS),) * 2:
            raise ValueError(f"expected the features of {CONTEXT_FORM} and their groups")
        if any(len(self.counts[name]) != len(edges) + 1 for name, edges in self.edges.items()):
            raise ValueError("expected one count more than there are edges")
        return self


MOST_RECORDS = 1000
"""A model that was trained on more does not name them."""

LONGEST_RECORD_NAME = 200

Purpose = Literal["known records", "new records"]


class Teaching(_Part):
    """What a model learned from other models."""

    teachers: list[str] = Field(min_length=1, description="name and content hash of each")
    distillation: Distillation
    beats: int = Field(ge=0, description="of those that were fitted, how many a teacher spoke of")
    unlabelled: int = Field(0, ge=0, description="beats besides that have no label, mixed ones too")


class TrainingData(_Part):
    """The beats that the model has seen."""

    source: str
    rows: str = Field(description="which rows of it")
    version: str | None = Field(None, description="of a table with versions, as --beats-options reads it")
    class_counts: list[int] = Field(description="of the beats that were fitted, after sampling and holding out")
    fingerprint: str = Field(pattern="^[0-9a-f]{64}$")
    parent: str | None = Field(None, description="the model that the training began with")
    length_counts: list[int] | None = Field(None, description="of these beats by length, in equal bins")
    lowest: float | None = Field(None, description="value in these beats")
    highest: float | None = None
    records: list[Annotated[str, Field(max_length=LONGEST_RECORD_NAME)]] | None = Field(
        None, max_length=MOST_RECORDS, description="that these beats are from, where they are known and not too many"
    )
    made_for: Purpose | None = Field(
        None,
        description="'new records': it takes contexts, or whole records were held out to choose or evaluate it",
    )

    teaching: Teaching | None = Field(None, description="of a model that learned from others too")
    features: FeatureDistributions | None = Field(None, description="of a model that takes contexts")

    @property
    def known_records(self) -> list[str] | None:
        """The only records that the model is made for; None where it is made for others too, or they are not known."""
        return self.records if self.made_for == "known records" else None


class Int8Calibration(_Part):
    """What scoring in int8 needs to know of the values inside the network."""

    maxima: list[Annotated[float, Field(gt=1e-30, lt=1e30)]] = Field(
        min_length=3, max_length=3, description="of each convolution block's output"
    )
    margin: float = Field(ge=0, le=1, description="lead of the likeliest class up to which float32 decides")
    beats: int = Field(ge=1, description="on so many beats these were measured")


class Header(_Part):
    """All that is known of a model besides its weights."""

    format: Literal[1] = 1
    name: str = Field(min_length=1, max_length=200)
    network: Annotated[
        Annotated[NetworkConfig, Tag(TAGS[0])] | Annotated[ContextConfig, Tag(TAGS[1])], Discriminator(_takes)
    ]
    optimization: Annotated[
        Annotated[Optimization, Tag(TAGS[0])] | Annotated[ContextOptimization, Tag(TAGS[1])],
        Discriminator(_fitted_to),
    ]
    scaling: Scaling
    classes: list[str]
    class_names: list[str]
    labels: list[bool | int | float | str] = Field(description="what stands for each class in a label column")
    sampling_frequency: float | None = Field(gt=0, description="of the series, Hz, where it is known")
    feature_names: list[str] | None = Field(None, description="of the values of a series, where they had some")
    training_data: TrainingData
    metrics: dict[str, float]
    versions: dict[str, str]
    int8: Int8Calibration | None = None

    def require_int8(self) -> Int8Calibration:
        """Return the calibration for int8.

        Raises
        ------
        ModelError
            If the model has none, or takes the contexts of beats.
        """
        self.of_series()
        if self.int8 is None:
            raise ModelError(
                f"the model '{self.name}' is not calibrated for int8; do it with: "
                "python jobs/calibrate.py --model FILE --beats BEATS --output FILE"
            )
        return self.int8

    def of_series(self) -> tuple[NetworkConfig, Optimization]:
        """Return the hyperparameters of a model that takes series.

        Raises
        ------
        ModelError
            If it takes the contexts of beats.
        """
        if isinstance(self.network, ContextConfig) or isinstance(self.optimization, ContextOptimization):
            raise ModelError(
                f"the model {self.name} takes the contexts of beats (column {self.column}), and can only be scored and "
                "evaluated; what was asked for is for models of series alone, such as mitbih"
            )
        return self.network, self.optimization

    @property
    def takes_contexts(self) -> bool:
        """Whether the model takes the contexts of beats, not their series."""
        return isinstance(self.network, ContextConfig)

    @property
    def column(self) -> str:
        """Column of the beat table that the model takes."""
        return self.network.form if isinstance(self.network, ContextConfig) else "beat"

    @property
    def integer_labels(self) -> list[int] | None:
        """The labels, where all are whole numbers that fit into an int column."""
        whole = [int(label) for label in self.labels if type(label) in (int, float) and label == int(label)]
        return whole if len(whole) == len(self.labels) and max(map(abs, whole)) < 2**31 else None

    @property
    def predictions(self) -> list[int]:
        """What a column of predictions holds for each class: its label, or else its position."""
        return self.integer_labels or list(range(len(self.labels)))

    @model_validator(mode="after")
    def _one_name_a_class(self) -> "Header":
        if not len(self.classes) == len(self.class_names) == len(self.labels) == self.network.classes:
            raise ValueError(f"expected {self.network.classes} classes, as many names and as many labels")
        if len(set(self.classes)) != len(self.classes) or len(set(self.labels)) != len(self.labels):
            raise ValueError("the classes are not distinct")
        return self
