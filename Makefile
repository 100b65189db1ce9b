# `make demo` and `make test` set up all that they need, below this folder.
#   PYTHON=python3.11   the interpreter to build the environment with (3.10 to 3.12)
#   SPARK=4             which pyspark to install and use: 4 (4.1, which Delta and Iceberg support), 3.5 or newest
#   TESTS=tests/spark   which tests to run, instead of all
#   TORCH_INDEX=URL     the index to take torch from, as https://download.pytorch.org/whl/cpu, instead of pip's own
#   CUDA=yes            let `make dist` pack a CUDA build of torch
#   TABLE_JARS=DIR      the jars of Delta and Iceberg, for the tests on such tables (conf/README.md names them)
#   MITDB=DIR           the MIT-BIH Arrhythmia Database; for `make demo` also MITDB=download
#   SVDB=DIR            the MIT-BIH Supraventricular Arrhythmia Database, for `make new-patients`

PYTHON ?= python3
SPARK ?= 4
TESTS ?=
TORCH_INDEX ?=
CUDA ?=
MITDB ?=
TABLE_JARS ?=
SVDB ?=
export MITDB SVDB TABLE_JARS

VENV := .venv$(if $(filter-out 4,$(SPARK)),-spark-$(SPARK))
RUN := $(VENV)/bin/python
INSTALL = "$(RUN)" -m pip install --quiet --disable-pip-version-check \
    -c conf/constraints.txt -c conf/constraints-spark-$(SPARK).txt
TORCH_PAGE := $(TORCH_INDEX:/=)/torch/

# Without README.md, which the wheel quotes: a word changed there is no reason to pack 400 MiB again.
PACKAGED := LICENSE NOTICE pyproject.toml setup.py \
    $(shell find lstm_fcn -type f -not -name '*.pyc' -not -name README.md)

DEMO := out/demo
MODEL := new-patients
WHERE := group = 'DS2'
ifeq ($(MITDB),)
RECORDS := $(DEMO)/records
MODEL := $(DEMO)/model.safetensors
HOLD_OUT := --test-records s09,s10,s11,s12
WHERE := split = 'test'
else ifeq ($(MITDB),download)
RECORDS := out/mitdb
else
RECORDS := $(MITDB)
endif

.DEFAULT_GOAL := help
.PHONY: help setup lint test bench dist demo records new-patients mitbih-small clean
.DELETE_ON_ERROR:

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.installed  ## the virtual environment, with pinned dependencies

$(VENV)/.installed: setup.py conf/constraints.txt conf/constraints-spark-$(SPARK).txt
	@.ci/check-machine "$(PYTHON)"
	"$(PYTHON)" -m venv "$(VENV)"
ifneq ($(TORCH_INDEX),)
# First and alone, from this one page: the index may hold other packages too, and pip's settings other builds of torch.
	@PIP_FIND_LINKS="$(TORCH_PAGE)" $(INSTALL) --no-index --no-deps --upgrade torch || { \
	    echo "error: pip took no torch from $(TORCH_PAGE), where the one of conf/constraints.txt was expected" >&2; \
	    echo "    name an index that has it, as TORCH_INDEX=https://download.pytorch.org/whl/cpu" >&2; exit 1; }
endif
	$(INSTALL) -e ".[dev]"
	@"$(RUN)" .ci/torch_build.py report "$(VENV)"
	@touch "$@"

lint: setup  ## ruff and mypy
	"$(RUN)" -m ruff check .
	"$(RUN)" -m ruff format --check .
	"$(RUN)" -m mypy

test: $(if $(TESTS),setup,lint $(VENV)/spark-classes.jsa)  ## every test, ruff and mypy; with MITDB=DIR those on the real records too
	"$(RUN)" -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(TESTS)

# Making it takes what it saves in ten of the tests' Java processes, so it is made where all tests run.
$(VENV)/spark-classes.jsa: $(VENV)/.installed
	-@"$(RUN)" -m tests.class_archive

bench: $(VENV)/.bench-installed  ## speed and memory against the usual ways (more than half an hour); with MITDB=DIR on the real beats
	"$(RUN)" tests/benchmarks/bench_training.py --output out/bench-training.json
	"$(RUN)" tests/benchmarks/bench_engine.py --output out/bench-engine.json
	"$(RUN)" tests/benchmarks/bench_job.py --output out/bench-job.json
	"$(RUN)" tests/benchmarks/bench_evaluation.py --output out/bench-evaluation.json
	"$(RUN)" tests/benchmarks/bench_tuning.py --output out/bench-tuning.json

$(VENV)/.bench-installed: $(VENV)/.installed
	$(INSTALL) -c conf/constraints-bench.txt -e ".[dev,bench]"
	@touch "$@"

dist: dist/environment.tar.gz  ## the wheel, and the environment with which executors that have no Python run it

dist/environment.tar.gz: $(VENV)/.installed .ci/pack_environment.py $(PACKAGED)
ifneq ($(CUDA),yes)
	@"$(RUN)" .ci/torch_build.py require-cpu "$(VENV)"
endif
	rm -rf dist build/lib
	"$(RUN)" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	"$(RUN)" .ci/pack_environment.py dist/*.whl "$@"

demo: records  ## records -> beats -> model -> predictions -> metrics -> report; with MITDB=DIR or download on real ones, pretrained
	"$(RUN)" jobs/prepare.py --records "$(RECORDS)" --output $(DEMO)/beats $(HOLD_OUT)
ifeq ($(MITDB),)
	"$(RUN)" jobs/train.py --config conf/train-short.yaml --beats $(DEMO)/beats --model $(MODEL)
endif
	"$(RUN)" jobs/score.py --beats $(DEMO)/beats --where "$(WHERE)" --model $(MODEL) --output $(DEMO)/scored
ifeq ($(MITDB),)
	@echo "Beats of s11 and s12, which have no annotations: detected, and predicted as"
	@"$(RUN)" -c "import pandas; rows = pandas.read_parquet('$(DEMO)/scored/predictions'); rows = rows[rows.label.isna()]; print(pandas.crosstab(rows.record, rows.predicted_class))"
endif
	"$(RUN)" jobs/evaluate.py --predictions $(DEMO)/scored --model $(MODEL) --beats $(DEMO)/beats --records "$(RECORDS)" --output $(DEMO)/report
	@echo
	@echo "Records used: $(if $(MITDB),MIT-BIH ($(RECORDS)),SIMULATED; these figures say nothing about patients)"
	@echo "Tables (Parquet): $(DEMO)/beats $(DEMO)/scored/predictions $(DEMO)/scored/metrics"
	@echo "Model:            $(MODEL)$(if $(MITDB), (pretrained))"
	@echo "Report:           $(DEMO)/report/report.html"
ifeq ($(MITDB),)
	@echo "Pictures:         $(DEMO)/model.run"
endif

records: setup
	rm -rf $(DEMO)
ifeq ($(MITDB),)
	@echo "No MITDB given: the demo runs on SIMULATED recordings."
	"$(RUN)" jobs/simulate.py --config conf/simulate.yaml --records 12 --unannotated 2 --output $(RECORDS)
else ifeq ($(MITDB),download)
	"$(RUN)" -c "import wfdb; wfdb.dl_database('mitdb', '$(RECORDS)'); wfdb.dl_files('mitdb', '$(RECORDS)', ['102-0.atr'])"
endif

new-patients: setup  ## train the pretrained model `new-patients` anew; with MITDB=DIR and SVDB=DIR
	@test -d "$(MITDB)" -a -d "$(SVDB)" || { echo "error: make new-patients needs MITDB=DIR and SVDB=DIR" >&2; exit 2; }
	for lead in 0 1; do \
	    "$(RUN)" jobs/prepare.py --records "$(MITDB)" --lead $$lead --output out/new-patients/mitdb-$$lead --replace && \
	    "$(RUN)" jobs/prepare.py --records "$(SVDB)" --lead $$lead --output out/new-patients/svdb-$$lead --replace || exit 1; \
	done
	"$(RUN)" jobs/train_context.py --config conf/train-new-patients.yaml --model out/new-patients/new-patients.safetensors

mitbih-small: setup  ## train the pretrained model `mitbih-small` anew (two hours); with MITDB=DIR
	@test -d "$(MITDB)" || { echo "error: make mitbih-small needs MITDB=DIR" >&2; exit 2; }
	"$(RUN)" jobs/prepare.py --records "$(MITDB)" --output out/mitbih-small/beats --replace
	"$(RUN)" jobs/train.py --config conf/train-mitbih-small.yaml --beats out/mitbih-small/beats --model out/mitbih-small/first.safetensors
	"$(RUN)" jobs/train.py --init-from out/mitbih-small/first.safetensors --lr 0.003 --batch-size 64 --epochs 34 --threads 1 \
	    --teacher mitbih --teacher-share 0.8 --mixed-beats 2 --beats out/mitbih-small/beats --model out/mitbih-small/mitbih-small.safetensors
	"$(RUN)" jobs/calibrate.py --beats out/mitbih-small/beats \
	    --model out/mitbih-small/mitbih-small.safetensors --output out/mitbih-small/mitbih-small.safetensors

clean:  ## remove what make made
	rm -rf .venv .venv-spark-* out build dist *.egg-info
