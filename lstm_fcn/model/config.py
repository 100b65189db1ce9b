"""The hyperparameters by their published names, with their bounds, and the ways to score: one definition for all."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from lstm_fcn.context.form import CONTEXT_LENGTH
from lstm_fcn.data.labels import CLASSES

Task = Literal["binary", "multiclass", "multilabel"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]
ScoringDevice = Literal["cpu", "cuda"]
ScoringPrecision = Literal["float32", "int8"]

Rarity = Literal["none", "fourth-root", "sqrt", "balanced"]
ClassWeights = Rarity | dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]

SCORING_BATCH_SIZE = 64
"""Series a forward pass. Small on purpose: the activations of larger batches fall out of the cache."""


class Architecture(BaseModel, frozen=True, extra="forbid"):
    """What decides the network besides the data."""

    task: Task = Field(
        "multiclass", description="binary: two classes; multiclass: one class a series; multilabel: any number of them"
    )
    num_layers: int = Field(1, ge=1, le=8, description="layers of the LSTM")
    hidden_size: int = Field(128, ge=1, le=2048, description="hidden units of the LSTM")
    dropout: float = Field(0.8, ge=0, lt=1, description="share of the LSTM's outputs dropped in training")
    filters_1: int = Field(128, ge=1, le=2048, description="filters of the first convolution")
    filters_2: int = Field(256, ge=1, le=2048, description="filters of the second convolution")
    filters_3: int = Field(128, ge=1, le=2048, description="filters of the third convolution")
    kernel_size_1: int = Field(8, ge=1, le=128, description="taps of the first convolution")
    kernel_size_2: int = Field(5, ge=1, le=128, description="taps of the second convolution")
    kernel_size_3: int = Field(3, ge=1, le=128, description="taps of the third convolution")


class Optimization(BaseModel, frozen=True, extra="forbid"):
    """How the network is fitted."""

    lr: float = Field(0.001, gt=0, le=1, description="learning rate of Adam; with one-cycle, its peak")
    batch_size: int = Field(256, ge=1, le=65536, description="beats a training step")
    epochs: int = Field(100, ge=1, le=100_000, description="passes over the training beats")
    seed: int = Field(0, ge=0, lt=2**32, description="of the weights, the order of the beats and every draw")
    schedule: Literal["constant", "one-cycle"] = Field(
        "constant", description="learning rate over the steps; one-cycle: up in the first quarter, then down to zero"
    )
    weight_decay: float = Field(0.0, ge=0, le=10, description="of AdamW, on the weights without the biases")
    averaging: float = Field(
        0.0, ge=0, lt=1, description="decay of a running average of the weights, which is kept instead; 0: none"
    )
    sampling: Literal["none", "under"] = Field(
        "none", description="under: draw from each class as many beats as the rarest has"
    )
    class_weights: ClassWeights = Field(
        "none", description="of the loss: by that root of 1 / (beats of the class), or CLASS=WEIGHT,...; others weigh 1"
    )
    prior_correction: bool = Field(
        False,
        description="give the probabilities of the classes as frequent as they are among all training beats, not as "
        "sampling and weights make them",
    )
    validation_share: float = Field(
        0.0, ge=0, le=0.5, description="share of the training beats held out to choose the best epoch by macro-F1"
    )
    validation_by: Literal["beat", "record"] = Field(
        "beat", description="hold out beats of every class, or whole records"
    )
    validation_fold: int = Field(
        0,
        ge=0,
        le=1000,
        description="which of the 1 / validation-share parts to hold out, from 1, the same parts whatever the seed; 0: "
        "draw one by the seed",
    )
    early_stopping: int = Field(
        0, ge=0, le=100_000, description="epochs without a better validation macro-F1 before stopping; 0: never"
    )

    @model_validator(mode="after")
    def _one_of_the_folds(self) -> "Optimization":
        folds = round(1 / self.validation_share) if self.validation_share else 0
        if self.validation_fold > folds:
            raise ValueError(
                f"expected a validation_fold of 1 to {folds}, as many as validation_share makes, "
                f"found {self.validation_fold}"
            )
        return self

    @field_validator("sampling", "class_weights", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        # On the command line `none` is how a setting is emptied.
        return "none" if value is None else value


class Distillation(BaseModel, frozen=True, extra="forbid"):
    """How much teachers count, where there are some."""

    teacher_share: float = Field(
        0.5, ge=0, le=1, description="with --teacher: their share of the loss; the labels have the rest"
    )
    temperature: float = Field(
        2.0, gt=0, le=100, description="with --teacher: above 1, their small probabilities count for more"
    )
    mixed_beats: float = Field(
        0.0, ge=0, le=100, description="with --teacher: beats mixed of two of a record, so many times the fitted ones"
    )


class NetworkConfig(Architecture, frozen=True, extra="forbid"):
    """Everything that decides the network's shapes."""

    length: int = Field(ge=1, le=1_000_000, description="values of a series")
    classes: int = Field(ge=2, le=10_000, description="number of classes")


class ContextConfig(BaseModel, frozen=True, extra="forbid"):
    """The shapes of a network that takes the contexts of beats (`lstm_fcn.context`), and predicts AAMI classes."""

    form: Literal["context_1"] = Field("context_1", description="of the contexts, and the column that holds them")
    hidden_size: int = Field(64, ge=1, le=2048, description="hidden units of the LSTM")
    filters_1: int = Field(32, ge=1, le=2048, description="filters of the first convolution")
    filters_2: int = Field(64, ge=1, le=2048, description="filters of the second convolution")
    filters_3: int = Field(64, ge=1, le=2048, description="filters of the third convolution")
    kernel_size_1: int = Field(15, ge=1, le=128, description="taps of the first convolution")
    kernel_size_2: int = Field(9, ge=1, le=128, description="taps of the second convolution")
    kernel_size_3: int = Field(5, ge=1, le=128, description="taps of the third convolution")
    dense_1: int = Field(96, ge=1, le=2048, description="units of the first layer over the features")
    dense_2: int = Field(48, ge=1, le=2048, description="units of the second layer over the features")

    task: ClassVar[Task] = "multiclass"
    length: ClassVar[int] = CONTEXT_LENGTH
    classes: ClassVar[int] = len(CLASSES)


class ContextOptimization(BaseModel, frozen=True, extra="forbid"):
    """How a network that takes contexts is fitted: each branch by itself."""

    rhythm_steps: int = Field(250, ge=8, le=100_000, description="training steps of the rhythm branch")
    rhythm_lr: float = Field(0.004, gt=0, le=1, description="its highest learning rate")
    rhythm_batch_size: int = Field(1024, ge=1, le=65536, description="its beats a step")
    shape_steps: int = Field(600, ge=8, le=100_000, description="training steps of the shape branch")
    shape_lr: float = Field(0.003, gt=0, le=1, description="its highest learning rate")
    shape_batch_size: int = Field(512, ge=2, le=65536, description="its beats a step")
    weight_decay: float = Field(0.02, ge=0, le=10, description="of AdamW, on the weights without the biases")
    beats_a_record: int = Field(
        400, ge=1, description="of a class that a record counts for at most, however many it has"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of the weights and every draw")
