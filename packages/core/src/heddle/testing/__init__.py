"""The conformance kit: suites that prove a backend, on every graph that breaks implementations.

Run it on any installed backend, from anywhere:

    pytest --pyargs heddle.testing --heddle-backend NAME

or subclass the suites in a backend's own tests, `class TestOps(OpsSuite): backend = MyBackend({})`.

plugin.py               pytest's options
test_backend.py         every suite on the backend that --heddle-backend names
suite.py                Suite: what the suites share
backend_suite.py        BackendSuite: describe, value_and_grad
ops_suite.py            OpsSuite: op_cases.py's table, ops_contract.py's single rules, ops_large.py's large graphs
containers_suite.py     ContainersSuite: to_native, from_native
layers_suite.py         LayersSuite: LayerValues on layer_cases.py's table, and LayerLaws of layer_laws.py
inputs_suite.py         InputsSuite: what models say they read, on input_cases.py's graphs
program_suite.py        ProgramSuite: training, states and optimisers, on program_cases.py's tasks
sampler_suite.py        SamplerSuite and SamplerStatistics: samplers, see heddle.sample
graphs.py               the graphs
compare.py              how close is close enough; gradients.py, by differences; dtypes.py
reference_backend.py    ReferenceBackend: numpy alone, the smallest complete engine
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "BackendSuite": "backend_suite",
    "ContainersSuite": "containers_suite",
    "InputsSuite": "inputs_suite",
    "LayerLaws": "layer_laws",
    "LayerValues": "layers_suite",
    "LayersSuite": "layers_suite",
    "OpsSuite": "ops_suite",
    "ProgramSuite": "program_suite",
    "ReferenceBackend": "reference_backend",
    "SamplerStatistics": "sampler_statistics",
    "SamplerSuite": "sampler_suite",
    "Suite": "suite",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Load a suite on first use: pytest imports this package at every start, for its options."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
