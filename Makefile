# make demo    a first study on generated skeletons, from a fresh machine to a table
# make test    the test suite, from a fresh machine
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types check bench schemas clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "needs Python 3.11 to 3.13: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

demo: .venv/installed
	$(BIN)/skeltune plan search_spaces/studies/demo.yaml
	$(BIN)/skeltune run search_spaces/studies/demo.yaml

test: .venv/installed
	$(BIN)/pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/mypy

check: lint types test

schemas: .venv/installed
	$(BIN)/skeltune schema --out search_spaces/schemas

bench: .venv/installed
	$(BIN)/python -m tests.benchmarks.bench_pipeline
	$(BIN)/python -m tests.benchmarks.bench_orchestration

clean:
	rm -rf .venv build *.egg-info
