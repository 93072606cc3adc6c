# `make demo` sets up and runs the main job; `make test` sets up and passes the tests. Both reuse .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROJECTS := $(wildcard packages/*/pyproject.toml)

.PHONY: demo test test-fast lint bench docs clean

demo: $(VENV)/.demo
	$(BIN)/heddle train

# JAX sets up its process once and for all (devices, 64-bit mode), so engines are tested in processes of their own.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile
ENGINES := packages/jax-backend packages/dgl-dynamic

test: $(VENV)/.dev
	$(PYTEST) packages/jax-backend
	$(PYTEST) packages/dgl-dynamic
	$(PYTEST) $(ENGINES:%=--ignore=%)

test-fast: $(VENV)/.dev
	$(PYTEST) -m "not slow" $(ENGINES:%=--ignore=%)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

docs:
	@ls docs docs/decisions

clean:
	rm -rf $(VENV) runs multirun

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python requirements-demo.txt packages/core/pyproject.toml packages/torch-base/pyproject.toml packages/pyg-backend/pyproject.toml
	$(BIN)/python -m pip install --quiet -r requirements-demo.txt
	touch $@

$(VENV)/.dev: $(BIN)/python requirements-dev.txt $(PROJECTS)
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@ $(VENV)/.demo
