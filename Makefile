# make demo    a first study on generated skeletons, from a fresh machine to a table
# make test    the test suite, from a fresh machine
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types check bench schemas clean

$(BIN)/skeltune: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "needs Python 3.11 to 3.13: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

demo: $(BIN)/skeltune
	$(BIN)/skeltune plan search_spaces/studies/demo.yaml
	$(BIN)/skeltune run search_spaces/studies/demo.yaml

test: $(BIN)/skeltune
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" -n auto --maxprocesses 8
	$(BIN)/pytest -m slow -n auto --maxprocesses 2 --dist loadfile

lint: $(BIN)/skeltune
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(BIN)/skeltune
	$(BIN)/mypy

check: lint types test

schemas: $(BIN)/skeltune
	$(BIN)/skeltune schema --out search_spaces/schemas

bench: $(BIN)/skeltune
	$(BIN)/python -m tests.benchmarks.bench_models
	$(BIN)/python -m tests.benchmarks.bench_pipeline
	$(BIN)/python -m tests.benchmarks.bench_sharing
	$(BIN)/python -m tests.benchmarks.bench_large
	$(BIN)/python -m tests.benchmarks.bench_parsing
	$(BIN)/python -m tests.benchmarks.bench_orchestration

clean:
	rm -rf $(VENV) build *.egg-info
