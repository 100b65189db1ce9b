# `make demo` and `make test` set up all that they need, below this folder.
#   PYTHON=python3.11   the interpreter to build the environment with (3.10 to 3.12)
#   SPARK=4 or 3.5      which pyspark to install and use
#   TESTS=tests/spark   which tests to run, instead of all
#   MITDB=DIR           the MIT-BIH Arrhythmia Database; for `make demo` also MITDB=download

PYTHON ?= python3
SPARK ?= 4
TESTS ?=
MITDB ?=
export MITDB

VENV := .venv$(if $(filter-out 4,$(SPARK)),-spark-$(SPARK))
RUN := $(VENV)/bin/python

PACKAGED := LICENSE NOTICE README.md pyproject.toml setup.py $(shell find lstm_fcn -type f -not -name '*.pyc')

DEMO := out/demo
MODEL := mitbih
ifeq ($(MITDB),)
RECORDS := $(DEMO)/records
MODEL := $(DEMO)/model.safetensors
HOLD_OUT := --test-records s09,s10
else ifeq ($(MITDB),download)
RECORDS := out/mitdb
else
RECORDS := $(MITDB)
endif

.DEFAULT_GOAL := help
.PHONY: help setup lint test bench dist demo records clean
.DELETE_ON_ERROR:

help:  ## this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.installed  ## the virtual environment, with pinned dependencies

$(VENV)/.installed: setup.py conf/constraints.txt conf/constraints-spark-$(SPARK).txt
	@.ci/check-machine "$(PYTHON)"
	"$(PYTHON)" -m venv "$(VENV)"
	"$(RUN)" -m pip install --quiet --disable-pip-version-check \
	    -c conf/constraints.txt -c conf/constraints-spark-$(SPARK).txt -e ".[dev]"
	@touch "$@"

lint: setup  ## ruff and mypy
	"$(RUN)" -m ruff check .
	"$(RUN)" -m ruff format --check .
	"$(RUN)" -m mypy

test: lint  ## every test; with MITDB=DIR those on the real records too
	"$(RUN)" -m pytest $(TESTS)

bench: $(VENV)/.bench-installed  ## speed and memory against the usual ways (more than half an hour); with MITDB=DIR on the real beats
	"$(RUN)" tests/benchmarks/bench_training.py --output out/bench-training.json
	"$(RUN)" tests/benchmarks/bench_engine.py --output out/bench-engine.json
	"$(RUN)" tests/benchmarks/bench_job.py --output out/bench-job.json
	"$(RUN)" tests/benchmarks/bench_evaluation.py --output out/bench-evaluation.json
	"$(RUN)" tests/benchmarks/bench_tuning.py --output out/bench-tuning.json

$(VENV)/.bench-installed: $(VENV)/.installed
	"$(RUN)" -m pip install --quiet --disable-pip-version-check \
	    -c conf/constraints.txt -c conf/constraints-spark-$(SPARK).txt -c conf/constraints-bench.txt -e ".[dev,bench]"
	@touch "$@"

dist: dist/environment.tar.gz  ## the wheel, and the environment with which executors that have no Python run it

dist/environment.tar.gz: $(VENV)/.installed .ci/pack_environment.py $(PACKAGED)
	rm -rf dist build/lib
	"$(RUN)" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	"$(RUN)" .ci/pack_environment.py dist/*.whl "$@"

demo: records  ## records -> beats -> model -> predictions -> metrics -> report; with MITDB=DIR or download on real ones, pretrained
	"$(RUN)" jobs/prepare.py --records "$(RECORDS)" --output $(DEMO)/beats $(HOLD_OUT)
ifeq ($(MITDB),)
	"$(RUN)" jobs/train.py --config conf/train-short.yaml --beats $(DEMO)/beats --model $(MODEL)
endif
	"$(RUN)" jobs/score.py --beats $(DEMO)/beats --where "split = 'test'" --model $(MODEL) --output $(DEMO)/scored --pictures $(DEMO)/pictures
	"$(RUN)" jobs/evaluate.py --predictions $(DEMO)/scored --model $(MODEL) --beats $(DEMO)/beats --records "$(RECORDS)" --output $(DEMO)/report
	@echo
	@echo "Records used: $(if $(MITDB),MIT-BIH ($(RECORDS)),SIMULATED; these figures say nothing about patients)"
	@echo "Tables (Parquet): $(DEMO)/beats $(DEMO)/scored/predictions $(DEMO)/scored/metrics"
	@echo "Model:            $(MODEL)$(if $(MITDB), (pretrained))"
	@echo "Report:           $(DEMO)/report/report.html"
	@echo "Pictures:         $(DEMO)/pictures $(if $(MITDB),,$(DEMO)/model.run)"

records: setup
	rm -rf $(DEMO)
ifeq ($(MITDB),)
	@echo "No MITDB given: the demo runs on SIMULATED recordings."
	"$(RUN)" jobs/simulate.py --config conf/simulate.yaml --output $(RECORDS)
else ifeq ($(MITDB),download)
	"$(RUN)" -c "import wfdb; wfdb.dl_database('mitdb', '$(RECORDS)'); wfdb.dl_files('mitdb', '$(RECORDS)', ['102-0.atr'])"
endif

clean:  ## remove what make made
	rm -rf .venv .venv-spark-* out build dist *.egg-info
