"""The plain module as an MLflow model, loaded from this very file by `mlflow.pyfunc`."""

import os

import mlflow
import numpy as np
from plain_network import PlainScorer

from lstm_fcn.modelfile import find_model


class PlainModel(mlflow.pyfunc.PythonModel):
    def load_context(self, context):  # noqa: ARG002
        batch_size = int(os.environ["PLAIN_BATCH_SIZE"])
        self.scorer = PlainScorer(find_model("mitbih").network(), batch_size)

    def predict(self, context, model_input, params=None):  # noqa: ARG002
        return self.scorer.probabilities(np.stack(model_input.iloc[:, 0])).tolist()


mlflow.models.set_model(PlainModel())
