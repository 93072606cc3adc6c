"""Keys of what a step keeps: all that an answer depends on, held, with its versions and contents.

A key that only names an object (by `id`, or a count of its edges) finds an older answer when the object is changed or
its id used again. These keys are equal only where nothing that a function reads has changed; what can't be looked
into has no key, and is computed each time.
"""

import dataclasses
import dis
import functools
import types
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle_dgl.digest import digest, tensor_digest

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), torch.dtype, torch.device, np.dtype)
_CONSTANT = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    type,
    np.ufunc,
)
_LIBRARIES = (
    "builtins",
    "dgl",
    "functools",
    "heddle",
    "heddle_dgl",
    "heddle_torch",
    "math",
    "numpy",
    "operator",
    "torch",
)
"""Packages whose functions and modules are taken as they are: their globals are no state of a user's."""

_INTERNALS = frozenset(vars(torch.nn.Module())) - {"training", "_parameters", "_buffers", "_modules"}


class NoKeyError(Exception):
    """Something is read that can't be looked into."""


class Key:
    """What an answer depends on. The objects are held, so that an id that it names is never used again."""

    __slots__ = ("_hash", "_held", "_plain")

    def __init__(self, held: tuple[tuple[Any, int], ...], plain: Hashable):
        self._held, self._plain = held, plain
        self._hash = hash((tuple((id(thing), version) for thing, version in held), plain))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Key)
            and self._plain == other._plain
            and len(self._held) == len(other._held)
            and all(a is b and v == w for (a, v), (b, w) in zip(self._held, other._held))
        )


def key_of(*parts: Any) -> Key | None:
    """Return the key of an answer that depends on `parts`; None if one of them can't be looked into.

    Tensors count by identity, version and (on a CPU) contents, arrays and plain containers by contents, functions by
    their code and what it reads (closure, defaults, globals), modules by their parameters and settings.
    """
    reader = _Reader()
    try:
        plain = tuple(reader.read(part) for part in parts)
        return Key(tuple(reader.held), plain)
    except NoKeyError:
        return None


def message_key(graph: Any, x: Tensor, message: Callable, reduce: Callable) -> Key | None:
    """Return the key of message passing of `x` on a DGLGraph; None if something can't be looked into.

    The graph counts by its structure, which DGL replaces when edges or nodes come or go, and by the fields that the
    functions read.
    """
    structure = getattr(graph, "_graph", None)
    if structure is None or len(graph.canonical_etypes) != 1 or len(graph.ntypes) != 1:
        return None
    fields = _fields_read(message)
    frames = (graph._edge_frames[0]._columns, graph._node_frames[0]._columns)
    read = [
        {name: frame[name].data for name in (frame if fields is None else fields) if name in frame}
        for frame in frames
    ]
    read[1].pop("h", None)  # where x goes
    return key_of(_Held(structure), x, *read, message, reduce)


def _fields_read(message: Any) -> tuple[str, ...] | None:
    """Return the fields that a built-in message function reads, None for a user's own, which may read all."""
    if not _is_builtin(message):
        return None
    return tuple(
        value for name, value in vars(message).items() if name.endswith("_field") and name != "out_field"
    )


def _is_builtin(function: Any) -> bool:
    return hasattr(function, "name") and type(function).__module__.partition(".")[0] == "dgl"


class _Held:
    """Marks an object that counts by identity alone."""

    def __init__(self, thing: Any):
        self.thing = thing


class _Reader:
    """Reads values into a hashable form, and holds the objects that count by identity."""

    def __init__(self) -> None:
        self.held: list[tuple[Any, int]] = []
        self._open: list[int] = []

    def read(self, value: Any, names: tuple[str, ...] = ()) -> Hashable:
        """Return a value's hashable form; `names` are those that a function reading a module may look up there."""
        if isinstance(value, _PLAIN):
            return type(value), value
        if isinstance(value, (np.generic, np.ndarray)):
            return self._array(np.asarray(value))
        if isinstance(value, Tensor):
            return self._tensor(value)
        if id(value) in self._open:
            return "open", self._open.index(id(value))
        self._open.append(id(value))
        try:
            return self._read(value, names)
        finally:
            self._open.pop()

    def _read(self, value: Any, names: tuple[str, ...]) -> Hashable:
        if isinstance(value, _Held):
            return self._identity(value.thing)
        if _is_builtin(value):
            return type(value), *sorted(vars(value).items())  # names of fields, all text
        if isinstance(value, Mapping):
            return type(value), *((self.read(key), self.read(entry)) for key, entry in value.items())
        if isinstance(value, (list, tuple)):
            return type(value), *(self.read(entry) for entry in value)
        if isinstance(value, (set, frozenset)):
            return type(value), frozenset(self.read(entry) for entry in value)
        if isinstance(value, functools.partial):
            return functools.partial, *map(self.read, (value.func, value.args, value.keywords))
        if isinstance(value, types.MethodType):
            return types.MethodType, self.read(value.__func__), self.read(value.__self__)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.ModuleType):
            return self._module(value, names)
        if isinstance(value, _CONSTANT):
            owner = getattr(value, "__self__", None)
            bound = owner is not None and not isinstance(owner, (types.ModuleType, type))
            return self._identity(value) if not bound else (value.__name__, self.read(owner))
        return self._object(value)

    def _identity(self, thing: Any, version: int = 0) -> str:
        self.held.append((thing, version))
        return "held"

    def _tensor(self, tensor: Tensor) -> Hashable:
        version = -1 if tensor.is_inference() else tensor._version
        return self._identity(tensor, version), tensor_digest(tensor)

    def _array(self, array: np.ndarray) -> Hashable:
        if array.dtype.hasobject:
            raise NoKeyError
        return np.ndarray, digest(array)

    def _function(self, function: types.FunctionType) -> Hashable:
        if function.__module__ is not None and function.__module__.partition(".")[0] in _LIBRARIES:
            return self._identity(function)
        names, looked_up = _names_of(function.__code__)
        try:
            cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        except ValueError as error:  # not filled yet
            raise NoKeyError from error
        read = {name: function.__globals__[name] for name in looked_up if name in function.__globals__}
        parts = (
            *cells,
            *(function.__defaults__ or ()),
            *(function.__kwdefaults__ or {}).items(),
            *read.items(),
        )
        return self._identity(function.__code__), *(self.read(part, names) for part in parts)

    def _module(self, module: types.ModuleType, names: tuple[str, ...]) -> Hashable:
        if module.__name__.partition(".")[0] in _LIBRARIES:
            return self._identity(module)
        read = {name: vars(module)[name] for name in names if name in vars(module)}
        return self._identity(module), *(self.read(part, names) for part in read.values())

    def _object(self, value: Any) -> Hashable:
        """Read an object of a user's by its attributes: parameters, buffers, settings, parts."""
        if isinstance(value, torch.nn.Module):
            state = {name: part for name, part in vars(value).items() if name not in _INTERNALS}
            if any(vars(value)[name] for name in ("_forward_hooks", "_forward_pre_hooks")):
                raise NoKeyError
            return self._identity(type(value)), self.read(state)
        if dataclasses.is_dataclass(value) or (
            hasattr(value, "__dict__") and type(value).__module__ != "builtins"
        ):
            if not hasattr(value, "__dict__"):
                raise NoKeyError
            return self._identity(type(value)), self.read(vars(value))
        raise NoKeyError


@functools.lru_cache(maxsize=1024)
def _names_of(code: types.CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (all names, those of globals) that code, and the functions written within it, look up."""
    inner = [_names_of(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    own = [step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    every = [*code.co_names, *(name for names, _ in inner for name in names)]
    looked_up = [*own, *(name for _, names in inner for name in names)]
    return tuple(dict.fromkeys(every)), tuple(dict.fromkeys(looked_up))
