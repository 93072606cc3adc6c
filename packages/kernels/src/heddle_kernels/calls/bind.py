"""Functions of a loaded library, called by the names of their arguments; a status other than 0 raises."""

import ctypes
from collections.abc import Callable, Iterable
from typing import Any

from heddle_kernels.calls.describe import Function

_RESULTS = {
    "status": ctypes.c_int,
    "int": ctypes.c_int,
    "const char*": ctypes.c_char_p,
    "int64_t": ctypes.c_int64,
}


class Native:
    """The functions of one library as attributes, without their prefix: `native.spmm(indptr=..., ...)`.

    Args:
        library: as ctypes loaded it.
        functions: their descriptions.
        prefix: of their names.
        raise_error: is called with a status other than 0.

    Raises:
        AttributeError: the library lacks one of the functions.
    """

    def __init__(
        self, library: Any, functions: Iterable[Function], prefix: str, raise_error: Callable[[int], Any]
    ):
        self.library = library
        for function in functions:
            sign(library, function)
            symbol = getattr(library, function.name)
            call = by_name(function, symbol, raise_error if function.returns == "status" else None)
            setattr(self, function.name.removeprefix(prefix), call)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(f"heddle_kernels: found no function {name!r} in {self.library}")


def sign(library: Any, function: Function) -> None:
    """Give a function of a library its types.

    Pointers and int64 are eight bytes wide alike, and ctypes is twice as fast on c_void_p as on c_int64.
    """
    native = getattr(library, function.name)
    wide = (ctypes.c_void_p, ctypes.c_int64)
    types = [argument.ctype for argument in function.arguments]
    native.argtypes = [ctypes.c_void_p if each in wide else each for each in types]
    native.restype = _RESULTS.get(function.returns)


def by_name(function: Function, native: Any, raise_error: Callable[[int], Any] | None) -> Callable[..., Any]:
    """Return a function that takes the arguments by name (a missing or an unknown one is a TypeError) and calls.

    It is made as text, as NamedTuples are: a call by name then costs a tenth of a microsecond.
    """
    names = ", ".join(function.names)
    name = function.name.removeprefix("heddle_")
    lines = [f"def {name}({names}):", f"    status = native({names})"]
    if raise_error is None:
        lines += ["    return status"]
    else:
        lines += ["    if status:", "        raise_error(status)"]
    scope: dict[str, Any] = {"native": native, "raise_error": raise_error}
    exec("\n".join(lines), scope)
    call: Callable[..., Any] = scope[name]
    call.__doc__ = function.doc
    return call


def in_order(function: Function) -> Callable[..., tuple[Any, ...]]:
    """Return a function that takes the arguments by name and returns them in their order."""
    names = ", ".join(function.names)
    reorder: Callable[..., tuple[Any, ...]] = eval(f"lambda {names}: ({names}{',' if names else ''})")
    return reorder
