"""An exported model in the runtimes that people serve ONNX files with, on one thread, to compare against."""

import numpy as np
import onnxruntime
import openvino
from numpy.typing import NDArray

from lstm_fcn.inference.onnx_export import onnx_file
from lstm_fcn.model.file import INPUT, OUTPUT, Model


class OnnxScorer:
    """ONNX Runtime's float32 session, in batches of one size."""

    def __init__(self, model: Model, batch_size: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(onnx_file(model), options, providers=["CPUExecutionProvider"])
        self.batch_size = batch_size

    def probabilities(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(0, len(series), self.batch_size)
        batches = (series[start : start + self.batch_size] for start in starts)
        return np.concatenate([self.session.run([OUTPUT], {INPUT: batch})[0] for batch in batches])


class OpenVinoScorer:
    """OpenVINO on the processor, in float32 as the others, in batches of one size."""

    def __init__(self, model: Model, batch_size: int) -> None:
        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        self.compiled = core.compile_model(core.read_model(onnx_file(model)), "CPU", settings)
        self.batch_size = batch_size

    def probabilities(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(0, len(series), self.batch_size)
        batches = (series[start : start + self.batch_size] for start in starts)
        return np.concatenate([self.compiled(batch)[0].copy() for batch in batches])
