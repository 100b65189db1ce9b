"""Labelled series in memory, with the names of their classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lstm_fcn.data.beats import Beats
from lstm_fcn.data.label_scheme import Label


@dataclass(frozen=True)
class TrainingSet:
    """Labelled beats and the names of their classes.

    Attributes
    ----------
    beats : Beats
    classes : tuple of str
    columns : sequence of str
        A name for each position of a series.
    rows : str
        Which rows of the source these are.
    labels : tuple, optional
        What stands for each class in the source, where it is not 0, 1, ...
    options : mapping
        That read the same version of the source again, if it is a table with versions.
    """

    beats: Beats
    classes: tuple[str, ...]
    columns: Sequence[str]
    rows: str
    labels: tuple[Label, ...] | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str | None:
        """The version of the source, as `--beats-options` takes it; None where it has none."""
        return ",".join(f"{name}={value}" for name, value in self.options.items()) or None
