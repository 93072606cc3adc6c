"""Suite: what all conformance suites share: the backend as a value, and the way to its arrays and back."""

from typing import Any

import array_api_compat
import numpy as np
import pytest

from heddle.engines.backend import Backend
from heddle.engines.capabilities import StatesDtypes
from heddle.graphs.graph import Array
from heddle.graphs.pytree import tree_map
from heddle.ops.graph_ops import GraphOps
from heddle.testing.dtypes import in_dtype

FLOAT_DTYPES = ("float32", "float64")


@pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning")
class Suite:
    """Tests of one backend, in which warnings about numbers or use are errors; a framework's deprecations are not.

    Subclass a suite, name the class Test..., and set `backend`:

    >>> class TestOps(OpsSuite):
    ...     backend = MyBackend({"name": "mine"})
    """

    backend: Backend

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run what takes a `dtype` in each float dtype that the backend computes in."""
        if "dtype" in metafunc.fixturenames:
            metafunc.parametrize("dtype", float_dtypes(metafunc.cls.backend))

    @property
    def ops(self) -> GraphOps:
        """The backend's primitives."""
        return self.backend.ops()

    def put(self, pytree: Any, dtype: str | None = None) -> Any:
        """Bring a pytree of numpy arrays to the engine, floats in `dtype` if it is given."""
        return tree_map(self.ops.asarray, pytree if dtype is None else in_dtype(pytree, dtype))

    def get(self, array: Array) -> np.ndarray:
        """Bring an engine's array back as a numpy array of its shape, in memory of its own."""
        return to_numpy(self.ops, array)


def float_dtypes(backend: Backend) -> tuple[str, ...]:
    """Return the float dtypes a backend computes in: its `float_dtypes` if it says so, else float32 and float64."""
    return tuple(backend.float_dtypes) if isinstance(backend, StatesDtypes) else FLOAT_DTYPES


def to_numpy(ops: GraphOps, array: Array) -> np.ndarray:
    """Copy an engine's array to numpy, of its shape, from any device and out of any gradient."""
    return np.array(view(ops, array))


def view(ops: GraphOps, array: Array) -> np.ndarray:
    """Return an engine's array as numpy, of its shape, sharing memory where the engine lets it."""
    plain = ops.stop_gradient(array)
    if array_api_compat.is_torch_array(plain) or array_api_compat.is_cupy_array(plain):
        plain = array_api_compat.to_device(plain, "cpu")
    return np.asarray(plain)
