"""LSTM-FCN arrhythmia classification: records -> beats -> model -> predictions -> metrics.

Read the rooms in this order: `data`, `model`, `training`, `inference`, `spark`, `evaluation`. `settings` holds what
each job can be asked; `console` runs a job on the command line.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstm_fcn.model.file import load_model
    from lstm_fcn.training.estimator import LSTMFCNClassifier

__version__ = "0.1.0"
__all__ = ["LSTMFCNClassifier", "load_model"]

_ROOMS = {"LSTMFCNClassifier": "lstm_fcn.training.estimator", "load_model": "lstm_fcn.model.file"}


def __getattr__(name: str) -> Any:
    # Late, since torch takes seconds to load.
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ROOMS[name]), name)
