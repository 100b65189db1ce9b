"""LSTM-FCN arrhythmia classification: records -> beats -> model -> predictions -> metrics."""

__version__ = "0.1.0"
