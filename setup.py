"""Packaging: `pip install .` for scoring, with extras for what only some users need."""

import runpy
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# Not required by itself: executors and Databricks bring their own, and serverless compute refuses what installs it.
SPARK = ["pyspark>=3.5,<5"]
# ECGs in files, and finding their beats.
ECG = ["wfdb>=4.1", "edfio>=0.4.4", "sleepecg>=0.5.7", "scipy>=1.11"]
PLOTS = ["matplotlib>=3.7"]
# The report is a template; its tests of significance are scipy's.
REPORT = [*PLOTS, "jinja2>=3.1", "scipy>=1.11"]
# scikit-learn 1.6 brought the tags and `validate_data` that the estimator uses, imbalanced-learn 0.13 goes with it.
TRAIN = ["scikit-learn>=1.6", "imbalanced-learn>=0.13", "tqdm>=4.60", *PLOTS]
# onnx writes the graphs down: the one that ONNX Runtime computes here, and the one that jobs/export.py gives away.
INT8 = ["onnx>=1.16", "onnxruntime>=1.17"]
# The part of MLflow that logs, loads and serves models; where `mlflow` is installed it is there.
MLFLOW = ["mlflow-skinny>=3"]
# What pyspark's own "connect" extra asks for; named here because 3.5 and 4.x spell it differently.
CONNECT = ["grpcio>=1.67", "grpcio-status>=1.67", "googleapis-common-protos>=1.65", "zstandard>=0.25"]
# databricks-bundles has Databricks' own definitions of a job, to hold the asset bundle against.
TEST = ["databricks-bundles>=0.260", "pytest>=8", "hypothesis>=6.100", "pytest-timeout>=2.3", "pytest-xdist>=3.6"]
TEST += CONNECT
# `make dist`: builds the wheel without asking an index for setuptools, and reads what the wheel requires.
DIST = ["setuptools>=77", "packaging>=24"]
# OpenVINO is one of the runtimes that scoring is compared with.
BENCH = ["psutil>=6", "openvino>=2025"]
LINT = ["ruff>=0.12", "mypy>=1.15", "pandas-stubs>=2.2", "types-PyYAML", "types-tqdm"]

setup(
    name="lstm-fcn",
    version=runpy.run_path(str(HERE / "lstm_fcn" / "__init__.py"))["__version__"],
    description="LSTM-FCN arrhythmia classification as a batch scoring job on Spark",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.10,<3.13",
    packages=find_packages(include=["lstm_fcn", "lstm_fcn.*"]),
    package_data={"lstm_fcn": ["data/*.npz", "model/pretrained/*.safetensors", "evaluation/report/*.j2", "py.typed"]},
    install_requires=[
        "numpy>=1.26",
        "pandas>=2.2,<3",
        "pyarrow>=15",
        "pydantic-settings[yaml]>=2.8",
        "safetensors>=0.4.3",
        "torch>=2.4",
    ],
    extras_require={
        "spark": SPARK,
        "records": ECG,
        "train": TRAIN,
        "plots": PLOTS,
        "report": REPORT,
        "int8": INT8,
        "mlflow": MLFLOW,
        "all": SPARK + ECG + TRAIN + REPORT + INT8 + MLFLOW,
        "bench": BENCH,
        "dev": SPARK + ECG + TRAIN + REPORT + INT8 + MLFLOW + DIST + TEST + LINT,
    },
)
