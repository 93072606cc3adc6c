"""load_pickle: arrays, sparse matrices and plain containers out of a pickle that nobody vouches for."""

import collections
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.formats.text_files import read_bytes
from heddle.errors import DataError, problem

PLAIN_KINDS = "biufcSU"
"""Kinds of dtype that hold no Python objects; a forged dtype of another kind could corrupt memory."""

MOST_CELLS = 2**31
"""A sparse matrix of more cells isn't made dense."""


class Dtype:
    """Stands in for numpy.dtype while unpickling, since the real one trusts its pickled state."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.dtype = np.dtype(code) if isinstance(code, str) else np.dtype("O")
        if self.dtype.kind not in PLAIN_KINDS:
            raise DataError(f"a pickled dtype {code!r}")

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if state[2:5] != (None, None, None) or order not in ("<", ">", "|", "="):
            raise DataError(f"a pickled dtype with the state {state!r}")
        self.dtype = self.dtype.newbyteorder(order)


class PickledArray(np.ndarray):
    """An array whose pickled state is checked before numpy sees it; `numpy.asarray` makes it a plain one."""

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        data = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(dtype, Dtype) or not isinstance(data, bytes):
            raise DataError("a pickled array of Python objects")
        checked: Any = (1, shape, dtype.dtype, bool(fortran), data)
        super().__setstate__(checked)


class Sparse:
    """Stands in for a scipy.sparse matrix: its format, shape and arrays, without scipy."""

    format = ""

    def __setstate__(self, state: Any) -> None:
        self.parts = {str(key).lstrip("_"): value for key, value in dict(state).items()}

    def toarray(self, dtype: Any = np.float32) -> np.ndarray:
        """Return the dense [rows, columns] array; repeated entries add up as in scipy.

        Raises:
            DataError: parts that don't fit together, or a matrix too large to be dense.
        """
        try:
            rows, columns = (int(size) for size in self.parts["shape"])
            row, column = self._coordinates()
            values = np.asarray(self.parts["data"])
            if rows * columns > MOST_CELLS:
                raise ValueError(f"{rows} x {columns} is too large to be dense")
            positions = np.ravel_multi_index((row, column), (rows, columns))
            distinct, which = np.unique(positions, return_inverse=True)
            dense = np.zeros(rows * columns, dtype)
            dense[distinct] = np.bincount(which, values, len(distinct))
        except (KeyError, TypeError, ValueError, IndexError, MemoryError) as error:
            actual = f"a {self.format} matrix whose parts don't fit together ({error})"
            raise DataError(
                problem("pickle", actual, "a scipy.sparse matrix", "fetch the file again")
            ) from error
        return dense.reshape(rows, columns)

    def _coordinates(self) -> tuple[np.ndarray, np.ndarray]:
        if self.format == "coo":
            row, column = (
                self.parts["coords"] if "coords" in self.parts else map(self.parts.get, ("row", "col"))
            )
            return np.asarray(row), np.asarray(column)
        minor = np.asarray(self.parts["indices"])
        major = np.repeat(np.arange(len(self.parts["indptr"]) - 1), np.diff(self.parts["indptr"]))
        if len(major) != len(minor):
            raise ValueError(f"{len(minor)} indices for {len(major)} entries")
        return (major, minor) if self.format == "csr" else (minor, major)


class Csr(Sparse):
    format = "csr"


class Csc(Sparse):
    format = "csc"


class Coo(Sparse):
    format = "coo"


class Admitted:
    """A function a pickle may call, and may not change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise DataError("a pickle that rewrites a function")


def _token(*_: Any) -> None:
    raise DataError("a pickle that calls a type it may only name")


def _reconstruct_array(*_: Any) -> PickledArray:
    return np.ndarray.__new__(PickledArray, (0,), "b")


def _reconstruct_object(pickled_class: Any, *_: Any) -> Any:
    if not (isinstance(pickled_class, type) and issubclass(pickled_class, Sparse)):
        raise DataError(f"a pickled object of {pickled_class!r}")
    return pickled_class()


def _scalar(dtype: Any, data: Any) -> Any:
    data = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(data, dtype.dtype, count=1)[0]


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    return np.frombuffer(bytes(data), dtype.dtype).reshape(shape, order=order)


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    return str.encode(text, {"latin1": "latin1", "latin-1": "latin1"}[encoding])


_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"} | {
    f"numpy.{core}.{name}": name for core in ("core", "_core") for name in ("multiarray", "numeric")
}
_PLAIN_TYPES = (list, dict, set, frozenset, tuple, int, float, complex, bool, str, bytes, bytearray)
_PLAIN = {plain_type.__name__: plain_type for plain_type in _PLAIN_TYPES}
_FUNCTIONS = {
    ("multiarray", "_reconstruct"): Admitted(_reconstruct_array),
    ("multiarray", "scalar"): Admitted(_scalar),
    ("numeric", "_frombuffer"): Admitted(_from_buffer),
    ("_codecs", "encode"): Admitted(_encode),
    ("copyreg", "_reconstructor"): Admitted(_reconstruct_object),
    ("numpy", "ndarray"): Admitted(_token),
    ("numpy", "dtype"): Dtype,
    ("collections", "defaultdict"): collections.defaultdict,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "object"): Admitted(_token),
}
_SPARSE = {f"{matrix.format}_{shape}": matrix for matrix in (Csr, Csc, Coo) for shape in ("matrix", "array")}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = _MODULES.get(module, module)
        if module == "builtins" and name in _PLAIN:
            return _PLAIN[name]
        if module.startswith("scipy.sparse") and name in _SPARSE:
            return _SPARSE[name]
        admitted = _FUNCTIONS.get((module, name))
        if admitted is None:
            raise DataError(f"the global {module}.{name}")
        return admitted


def load_pickle(path: Path | str, *, encoding: str = "latin1") -> Any:
    """Read a pickle of numpy arrays, scipy.sparse matrices (as `Sparse`) and plain containers; run no code.

    Knows the module names of numpy before and after 2.0, and Python 2's pickles through `encoding`.

    Raises:
        DataError: names the first global that isn't admitted, or says where the pickle is cut or corrupt.
    """
    data = read_bytes(path)
    expected = "numpy arrays, scipy.sparse matrices, lists, dicts and numbers only"
    try:
        return _Unpickler(io.BytesIO(data), encoding=encoding).load()
    except DataError as error:
        do = "don't open this file with anything else: unpickling may run its code"
        raise DataError(problem(str(path), error, expected, do)) from None
    except Exception as error:
        actual = f"a cut or corrupt pickle of {len(data)} bytes ({type(error).__name__}: {error})"
        raise DataError(problem(str(path), actual, expected, "fetch the file again")) from error
