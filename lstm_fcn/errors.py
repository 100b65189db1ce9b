"""The errors that a user can mend. Each kind has an exit code of its own, for schedulers."""

import difflib
from collections.abc import Iterable

_EXTRA_OF_MODULE = {
    "pyspark": "spark",
    "wfdb": "records",
    "edfio": "records",
    "sleepecg": "records",
    "sklearn": "train",
    "imblearn": "train",
    "tqdm": "train",
    "matplotlib": "plots",  # which "train" and "report" hold too
    "jinja2": "report",
    "scipy": "report",
    "onnx": "int8",
    "onnxruntime": "int8",
    "mlflow": "mlflow",
}


class LstmFcnError(Exception):
    """An error whose message names what was expected, what was found and the way out."""

    exit_code = 1


class SettingsError(LstmFcnError):
    """A setting is unknown, impossible or missing."""

    exit_code = 2

    @classmethod
    def not_installed(cls, what: str, error: ModuleNotFoundError) -> "SettingsError":
        """Describe a package that something needs, as `describe_missing` does."""
        return cls(describe_missing(error, what) or str(error))


class ParameterError(SettingsError, ValueError):
    """A parameter of the estimator is impossible; a ValueError too, as scikit-learn has them."""


class DataError(LstmFcnError):
    """Records or a table are not what the job can work with."""

    exit_code = 3

    @classmethod
    def no_column(cls, table: str, name: str, found: Iterable[str]) -> "DataError":
        """Describe a column that is not there.

        Parameters
        ----------
        table : str
            What the table is.
        name : str
        found : iterable of str
            The columns that are there.
        """
        return cls(f"{table} has no column '{name}'; found: {', '.join(found)}")


class ModelError(LstmFcnError):
    """A model file is missing, damaged, not trusted or does not fit the data."""

    exit_code = 4


class StorageError(LstmFcnError):
    """A file cannot be written: the disk is full, or it may not be written there."""

    exit_code = 5


class BusyError(LstmFcnError):
    """Another run is writing to the same place."""

    exit_code = 6


class StoppedError(LstmFcnError):
    """The job was asked to stop and has saved how far it is; the same command goes on from there."""

    exit_code = 143


def describe_missing(error: ModuleNotFoundError, what: str = "this") -> str | None:
    """Say which package is needed and how to install it; None where it is none of this project's.

    Parameters
    ----------
    error : ModuleNotFoundError
    what : str
        What needs it.
    """
    extra = _EXTRA_OF_MODULE.get(str(error.name).partition(".")[0])
    if extra is None:
        return None
    return f"{what} needs {error.name}, which is not installed here: pip install 'lstm-fcn[{extra}]'"


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Name the known name that is closest to one that is not known.

    Parameters
    ----------
    name : str
    known : iterable of str
    otherwise : str
        What to say where none is close.
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{near[0]}'?" if near else otherwise
