"""The hyperparameters by their published names, with their bounds: one definition for settings and files."""

from pydantic import BaseModel, Field


class Architecture(BaseModel, frozen=True, extra="forbid"):
    """What decides the network's shapes besides the data."""

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

    lr: float = Field(0.001, gt=0, le=1, description="learning rate of Adam")
    batch_size: int = Field(256, ge=2, le=65536, description="beats a training step")
    epochs: int = Field(100, ge=1, le=100_000, description="passes over the training beats")
    seed: int = Field(0, ge=0, lt=2**32, description="of the undersampling, the weights, the order of the beats")


class NetworkConfig(Architecture, frozen=True, extra="forbid"):
    """Everything that decides the network's shapes."""

    length: int = Field(ge=1, le=1_000_000, description="values of a series")
    classes: int = Field(ge=2, le=10_000, description="classes to tell apart")
