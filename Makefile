# `make demo` and `make test` set up everything they need below this folder.
#   PYTHON=python3.11   the interpreter to build the environment with (3.10 to 3.12)
#   SPARK=4 or 3.5      which pyspark to install and test with
#   MITDB=DIR           the MIT-BIH Arrhythmia Database; for `make demo` also MITDB=download

PYTHON ?= python3
SPARK ?= 4
MITDB ?=
VENV := .venv$(if $(filter-out 4,$(SPARK)),-spark-$(SPARK))
BIN := $(VENV)/bin
export MITDB

.DEFAULT_GOAL := help
.PHONY: help setup lint test demo clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.installed  ## the virtual environment with pinned dependencies

$(VENV)/.installed: setup.py conf/constraints.txt conf/constraints-spark-$(SPARK).txt
	@conf/check-machine.sh "$(PYTHON)"
	"$(PYTHON)" -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check \
	  -c conf/constraints.txt -c conf/constraints-spark-$(SPARK).txt -e ".[dev]"
	@touch "$@"

lint: setup  ## ruff and mypy
	"$(BIN)/python" -m ruff check .
	"$(BIN)/python" -m ruff format --check .
	"$(BIN)/python" -m mypy

test: lint  ## every test; MITDB=DIR adds those on the real records
	"$(BIN)/python" -m pytest

demo: setup  ## records -> beats -> model -> predictions -> metrics, on simulated or real records
	@conf/demo.sh "$(BIN)/python" "$(MITDB)"

clean:  ## remove what make made
	rm -rf .venv .venv-spark-* out build *.egg-info
