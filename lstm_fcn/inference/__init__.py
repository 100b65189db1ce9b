"""A model made ready to score fast: numpy in, probabilities out.

Read `engine`, then `folded_network`, `folding` (fewer operations), `padding` (no work on the padding), and the two
ways to compute the convolutions. `calibration` prepares a model for int8; `onnx_export` and `mlflow_export` give it to
other runtimes.
"""
