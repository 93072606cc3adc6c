"""The conformance kit: suites that prove a backend, on every graph that breaks implementations.

Run it on any installed backend, from anywhere:

    pytest --pyargs heddle.testing --heddle-backend NAME

or subclass the suites in a backend's own tests, `class TestOps(OpsSuite): backend = MyBackend({})`.

plugin.py             pytest's options
test_backend.py       every suite on the backend that --heddle-backend names
suites/               what a backend must do: its ops, containers, layers, inputs, programs, samplers
products/             models x samplers x features x types x devices, drawn so that all pairs occur
cases/                what the suites run through: tables of ops, layers, programs, inputs, samples, graphs
examples.py           how many examples a test of hypothesis takes
compare.py            how close is close enough; gradients.py, by differences; dtypes.py
reference_backend.py  ReferenceBackend: numpy alone, the smallest complete engine
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "BackendSuite": "suites.backend",
    "ContainersSuite": "suites.containers",
    "InputsSuite": "suites.inputs",
    "LayerLaws": "suites.layer_laws",
    "LayerValues": "suites.layers",
    "LayersSuite": "suites.layers",
    "OpsSuite": "suites.ops",
    "ProductsSuite": "suites.products",
    "ProgramSuite": "suites.program",
    "ReferenceBackend": "reference_backend",
    "SamplerStatistics": "suites.sampler_statistics",
    "SamplerSuite": "suites.sampler",
    "Suite": "suites.suite",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Load a suite on first use: pytest imports this package at every start, for its options."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
