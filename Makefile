# `make demo` sets up and runs the main job; `make test` sets up and passes the tests. Both reuse .venv.
# `make test-all` adds what takes longer, `make prove` what takes hours or chance: docs/testing.md says which.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROJECTS := $(wildcard packages/*/pyproject.toml)

.PHONY: demo test test-all prove lint bench docs clean

demo: $(VENV)/.demo
	$(BIN)/heddle train

# JAX sets up its process once and for all (devices, 64-bit mode), so engines are tested in processes of their own.
ENGINES := packages/jax-backend packages/dgl-dynamic
LEGS := jax dgl rest
where_jax := packages/jax-backend
where_dgl := packages/dgl-dynamic
where_rest := $(filter-out $(ENGINES),$(wildcard packages/*)) tests examples

# `make test PKG=kernels` tests one package; an example's, `tests` and `examples` go by the same name.
ifdef PKG
LEGS := $(PKG)
where_$(PKG) := $(wildcard packages/$(PKG) examples/$(PKG) $(PKG))
ifeq ($(where_$(PKG)),)
$(error PKG: found $(PKG), expected one of $(notdir $(wildcard packages/*)) tests examples)
endif
endif

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope --durations 10
# A simpler code generator: compiling is most of what this engine's tests do. `make test-all` has the one of users.
XLA_jax := XLA_FLAGS=--xla_cpu_use_fusion_emitters=false
XLA_jax-backend := $(XLA_jax)

.PHONY: $(LEGS:%=test-%) $(LEGS:%=all-%) $(LEGS:%=prove-%)

test: $(LEGS:%=test-%)
test-all: $(LEGS:%=all-%)
prove: $(LEGS:%=prove-%)

$(LEGS:%=test-%): test-%: $(VENV)/.dev
	$(XLA_$*) $(PYTEST) -m "not slow and not prove" $(where_$*)

$(LEGS:%=all-%): all-%: $(VENV)/.dev
	$(PYTEST) -m "not prove" $(where_$*)

$(LEGS:%=prove-%): prove-%: $(VENV)/.dev
	$(PYTEST) -m "prove or hypothesis" --hypothesis-profile prove --timeout 86400 -o faulthandler_timeout=0 \
		--record benchmarks/results/prove-$*.txt $(where_$*)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_news.py

bench: $(VENV)/.dev
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

docs:
	@ls docs docs/decisions

clean:
	rm -rf $(VENV) .cache runs multirun

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python requirements-demo.txt packages/core/pyproject.toml packages/torch-base/pyproject.toml packages/pyg-backend/pyproject.toml
	$(BIN)/python -m pip install --quiet -r requirements-demo.txt
	touch $@

$(VENV)/.dev: $(BIN)/python requirements-dev.txt $(PROJECTS)
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@ $(VENV)/.demo
