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

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
