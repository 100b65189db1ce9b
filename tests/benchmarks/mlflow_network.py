"""The plain module as an MLflow model, loaded from this very file by `mlflow.pyfunc`."""

import os

import mlflow
import numpy as np
import pandas as pd
from plain_network import PlainScorer

from lstm_fcn.model.file import load_model


class PlainModel(mlflow.pyfunc.PythonModel):
    def load_context(self, context: object) -> None:  # noqa: ARG002
        batch_size = int(os.environ["PLAIN_BATCH_SIZE"])
        self.scorer = PlainScorer(load_model("mitbih").network(), batch_size)

    def predict(self, context: object, model_input: pd.DataFrame, params: object = None) -> list[list[float]]:  # noqa: ARG002
        return self.scorer.probabilities(np.stack(model_input.iloc[:, 0])).tolist()


mlflow.models.set_model(PlainModel())
