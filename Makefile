# `make demo` sets up and runs the main job; `make test` sets up and passes the tests. Both reuse .venv.
# `make test-all` adds what takes longer, `make prove` what takes hours or chance: docs/testing.md says which.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROJECTS := $(wildcard packages/*/pyproject.toml)

.PHONY: demo test test-all prove lint bench docs clean

demo: $(VENV)/.demo
	$(BIN)/heddle train

# JAX sets up its process once and for all (devices, 64-bit mode, code generator): engines and kernels are tested in their own.
ALONE := packages/jax-backend packages/dgl-dynamic packages/kernels
LEGS := rest jax kernels core dgl
where_jax := packages/jax-backend
where_dgl := packages/dgl-dynamic
where_kernels := packages/kernels
where_core := packages/core
where_rest := $(filter-out $(ALONE) $(where_core),$(wildcard packages/*)) tests examples

# `make test PKG=kernels` tests one package; an example's, `tests` and `examples` go by the same name.
ifdef PKG
LEGS := $(PKG)
where_$(PKG) := $(wildcard packages/$(PKG) examples/$(PKG) $(PKG))
ifeq ($(where_$(PKG)),)
$(error PKG: found $(PKG), expected one of $(notdir $(wildcard packages/*)) tests examples)
endif
endif

# `make -j3 --output-sync WORKERS=1 test` runs legs at the same time, each in one process; the last to begin, which would
# leave a core idle, in two.
WORKERS ?= 2
workers_dgl := 2
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(or $(workers_$*),$(WORKERS)) --dist loadscope --durations 10
# A simpler code generator: compiling is most of what these legs do. What is marked `codegen` goes by that of users in
# `make test-all`, as are tests of several engines, and every test of the JAX engine in `make prove`.
simple_jax := XLA_FLAGS=--xla_cpu_use_fusion_emitters=false
simple_jax-backend := $(simple_jax)
simple_kernels := XLA_FLAGS="--xla_force_host_platform_device_count=8 --xla_cpu_use_fusion_emitters=false"
quick_rest := $(simple_jax)
quick_tests := $(simple_jax)
codegen_jax = $(PYTEST) -m "codegen and not prove" $(where_$*)
codegen_jax-backend = $(codegen_jax)
proved_jax := -m ""
proved_jax-backend := $(proved_jax)

.PHONY: $(LEGS:%=test-%) $(LEGS:%=all-%) $(LEGS:%=prove-%)

test: $(LEGS:%=test-%)
test-all: $(LEGS:%=all-%)
prove: $(LEGS:%=prove-%)

$(LEGS:%=test-%): test-%: $(VENV)/.dev
	$(simple_$*) $(quick_$*) $(PYTEST) -m "not slow and not prove" $(where_$*)

$(LEGS:%=all-%): all-%: $(VENV)/.dev
	$(simple_$*) $(PYTEST) -m "not prove$(if $(codegen_$*), and not codegen)" $(where_$*)
	$(codegen_$*)

$(LEGS:%=prove-%): prove-%: $(VENV)/.dev
	$(PYTEST) $(or $(proved_$*),-m "prove or hypothesis") --hypothesis-profile prove --timeout 86400 -o faulthandler_timeout=0 \
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

PIP := $(BIN)/python -m pip install --quiet --no-compile

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Build tools once, in place of an environment for each package; modules are compiled when they are imported.
$(VENV)/.demo: $(BIN)/python requirements-demo.txt packages/core/pyproject.toml packages/torch-base/pyproject.toml packages/pyg-backend/pyproject.toml
	$(PIP) hatchling editables setuptools wheel
	$(PIP) --no-build-isolation -r requirements-demo.txt
	touch $@

# The kernels are compiled while pip, which takes one core, gets the rest. Modules are compiled beforehand, on all cores,
# but for libraries' tests and what no test imports: a warning of a compilation would be an error in a test.
NEVER := /site-packages/(.*/tests?/|pip/|mypy/|mypyc/|debugpy/)
$(VENV)/.dev: $(BIN)/python requirements-dev.txt $(PROJECTS)
	$(PIP) hatchling editables setuptools wheel
	grep -v 'packages/kernels$$' requirements-dev.txt > $(VENV)/others.txt
	$(PIP) --no-deps -e ./packages/kernels & kernels=$$!; \
	$(PIP) --no-build-isolation -r $(VENV)/others.txt && wait $$kernels
	-$(BIN)/python -m compileall -qq -j 0 -x '$(NEVER)' $(VENV)/lib
	touch $@ $(VENV)/.demo
