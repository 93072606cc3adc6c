"""Reader: values in a hashable form that is equal only where all that code can read of them is equal.

What is looked into, is looked into wholly: an object with its class, a function with what it reads. Where that can't
be done, as with what a library keeps in C, there is no form at all.
"""

import builtins
import functools
import logging
import os
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle_dgl.reuse.names import names_of
from heddle_torch.digest import digest, tensor_digest

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented), range)
_NUMBERS = (bool, int, float, complex, str, bytes)
_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format)
_CONTAINERS = (dict, OrderedDict, defaultdict, list, tuple, set, frozenset, deque)
_MEMBERS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_SLOTS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
_CALLABLE = (np.ufunc, type(np.dot), torch._ops.OpOverload, torch._ops.OpOverloadPacket)

LIBRARIES = frozenset(
    (
        *(
            "abc",
            "builtins",
            "cmath",
            "collections",
            "contextlib",
            "copy",
            "dataclasses",
            "dgl",
            "enum",
            "functools",
        ),
        *(
            "heddle",
            "heddle_dgl",
            "heddle_torch",
            "itertools",
            "logging",
            "math",
            "numbers",
            "numpy",
            "operator",
        ),
        *("torch", "typing", "warnings"),
    )
)
"""Packages whose functions and modules are taken as they are: their globals are no state of a user's."""

_ANYWHERE = frozenset(("compile", "eval", "exec", "globals", "input", "locals", "open", "__import__"))
"""Functions of Python's that reach what no name tells."""

_RANDOM = frozenset(
    (
        *(
            "rand",
            "randn",
            "randint",
            "randperm",
            "rand_like",
            "randn_like",
            "randint_like",
            "bernoulli",
            "bernoulli_",
        ),
        *("multinomial", "normal", "normal_", "uniform_", "random_", "exponential_", "geometric_", "cauchy_"),
        *(
            "log_normal_",
            "poisson",
            "dropout",
            "dropout_",
            "dropout1d",
            "dropout2d",
            "dropout3d",
            "alpha_dropout",
        ),
        *("feature_alpha_dropout", "gumbel_softmax", "rrelu", "rrelu_"),
    )
)
"""Names of torch's functions that draw: what reads one depends on the state of torch's generator."""

_INTERNALS = frozenset(vars(torch.nn.Module())) - {"training", "_parameters", "_buffers", "_modules"}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_MADE = ("__init__", "__new__", "__post_init__")


class NoKeyError(Exception):
    """Something is read that can't be looked into."""


class Held:
    """Marks an object that counts by identity alone."""

    def __init__(self, thing: Any):
        self.thing = thing


class Reader:
    """Reads values into a hashable form, and holds the objects that count by identity.

    Args:
        names: by which attributes of classes and modules are looked up. `met` has more after reading a function that
            looks up others: read again with these.
    """

    def __init__(self, names: frozenset[str] = frozenset()):
        self.names, self.met = names, set(names)
        self.held: list[tuple[Any, int]] = []
        self.draws = False
        self._seen: dict[int, tuple[int, Any]] = {}

    def read(self, value: Any) -> Hashable:
        """Return a value's form.

        Raises:
            NoKeyError: it can't be looked into.
        """
        cls = type(value)
        if cls in _PLAIN:
            if cls is str and value.isidentifier():
                self.met.add(value)
            return cls, repr(value) if cls in (float, complex) else value  # 0.0 equals -0.0
        if cls in _TORCH or isinstance(value, np.dtype):
            return cls, value
        seen = self._seen.get(id(value))
        if seen is not None:
            return "seen", seen[0]
        self._seen[id(value)] = len(self._seen), value  # held, lest its id be used again
        return self._read(cls, value)

    def identity(self, thing: Any, version: int = 0) -> str:
        """Let an object count by identity, and a version."""
        self.held.append((thing, version))
        return "held"

    def _all(self, values: Iterable[Any]) -> tuple[Hashable, ...]:
        return tuple(self.read(value) for value in values)

    def _read(self, cls: type, value: Any) -> Hashable:
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, (np.generic, np.ndarray)):
            return self._array(value)
        if cls is Held:
            return self.identity(value.thing)
        if is_builtin(value):
            return cls, *sorted(vars(value).items())  # names of fields, all text
        if isinstance(value, type):
            return self._class(value, made=True)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return cls, self.read(value.__func__), self.read(value.__self__)
        if isinstance(value, types.BuiltinFunctionType):
            return self._compiled(value)
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if isinstance(value, functools.partial):
            return cls, *self._all((value.func, value.args, value.keywords, vars(value)))
        if isinstance(value, (*_SLOTS, *_MEMBERS, *_CALLABLE, types.CodeType, logging.Logger)):
            return self.identity(value)
        if isinstance(value, functools._lru_cache_wrapper):
            return cls, self.read(vars(value))
        if isinstance(value, property):
            return cls, *self._all((value.fget, value.fset, value.fdel))
        if isinstance(value, (classmethod, staticmethod)):
            return cls, self.read(value.__func__)
        return self.read(dict(value)) if value is os.environ else self._object(cls, value)

    def _tensor(self, tensor: Tensor) -> Hashable:
        version = -1 if tensor.is_inference() else tensor._version
        contents = tensor_digest(tensor)
        hidden = type(tensor) not in (Tensor, torch.nn.Parameter) or tensor.layout != torch.strided
        if contents is None and (hidden or version < 0):
            raise NoKeyError
        return self.identity(tensor, version), contents, self._all(sorted(vars(tensor).items()))

    def _array(self, array: np.ndarray | np.generic) -> Hashable:
        whole = np.asarray(array)
        known = isinstance(array, np.generic) or type(array) in (np.ndarray, np.memmap)
        if whole.dtype.hasobject or not known:
            raise NoKeyError
        return type(array), digest(whole)

    def _function(self, function: types.FunctionType) -> Hashable:
        cells = function.__closure__ or ()
        try:
            inside = [cell.cell_contents for cell in cells]
        except ValueError as error:  # not filled yet
            raise NoKeyError from error
        if _is_library(function.__module__) and _is_library(function.__globals__.get("__name__")):
            return self.identity(function), *self._all(inside)
        names = names_of(function.__code__)
        self.met.update(names.every)
        parts = [*inside, function.__defaults__, function.__kwdefaults__, vars(function)]
        parts += [self._looked_up(function, name) for name in names.globals]
        modules = [sys.modules.get(name) for name in names.imports]
        if None in modules:
            raise NoKeyError
        return self.identity(function.__code__), *self._all([*parts, *modules])

    def _looked_up(self, function: types.FunctionType, name: str) -> Any:
        """Return what a global's name stands for; NotImplemented where it stands for nothing yet."""
        if name in function.__globals__:
            return function.__globals__[name]
        if name in _ANYWHERE:
            raise NoKeyError
        return getattr(builtins, name, NotImplemented)

    def _compiled(self, value: Any) -> Hashable:
        """Read a function in C: by itself where it is a library's, with the object that it is bound to."""
        owner = value.__self__
        if owner is None or isinstance(owner, (types.ModuleType, type)):
            home = value.__module__ or getattr(owner, "__module__", None)
            if not _is_library(home) or value.__name__ in _ANYWHERE:
                raise NoKeyError
            return self.identity(value)
        return value.__name__, self.read(owner)

    def _module(self, module: types.ModuleType) -> Hashable:
        if _is_library(module.__name__):
            if module.__name__ == "numpy.random" or (module is np and "random" in self.names):
                raise NoKeyError
            return self.identity(module)
        there = vars(module)
        return self.identity(module), *self._all(
            there.get(name, NotImplemented) for name in sorted(self.names)
        )

    def _class(self, cls: type, made: bool) -> Hashable:
        """Read a class: of a user's, the attributes that names look up, and those that Python or a library calls."""
        form: list[Hashable] = [self.identity(cls)]
        libraries = [each for each in cls.__mro__ if _is_library(each.__module__)]
        for each in cls.__mro__:
            if _is_library(each.__module__) or not each.__flags__ >> 9 & 1:  # or a type in C
                continue
            for name, member in vars(each).items():
                called = callable(member) or isinstance(member, (classmethod, staticmethod, property))
                implicit = name not in _MADE and any(hasattr(base, name) for base in libraries)
                special = name.startswith("__") and name.endswith("__") and name not in _MADE
                if name in self.names or (called and (implicit or special or (made and name in _MADE))):
                    form += [name, self.read(member)]
        if issubclass(cls, torch.nn.Module):
            form.append(self.read(cls.forward))
        if type(cls) is not type:
            form.append(self.read(type(cls)))
        return tuple(form)

    def _object(self, cls: type, value: Any) -> Hashable:
        """Read an object by its contents, attributes and class: parameters, buffers, settings, parts."""
        if isinstance(value, torch.nn.Module):
            hooked = any(vars(value)[name] for name in _HOOKS)
            if hooked or torch.nn.modules.module._has_any_global_hook():
                raise NoKeyError
            self.draws |= value.training and any(word in cls.__name__ for word in ("Dropout", "RReLU"))
            state = {name: part for name, part in vars(value).items() if name not in _INTERNALS}
            return self._class(cls, made=False), self.read(state)
        if is_dgl_graph(value):
            return self._graph(value)
        contents = self._contents(value)
        if cls in _CONTAINERS or cls is types.SimpleNamespace:
            return cls, contents, self.read(vars(value)) if cls is types.SimpleNamespace else ()
        if not all(map(_is_made_in_python, cls.__mro__)):
            raise NoKeyError
        slots = [name for each in cls.__mro__ for name in _slots(each)]
        held = self._all((name, getattr(value, name, NotImplemented)) for name in slots)
        attributes = self.read(vars(value)) if hasattr(value, "__dict__") else ()
        return self._class(cls, made=False), contents, held, attributes

    def _graph(self, graph: Any) -> Hashable:
        """Read a DGLGraph: its structure, which DGL replaces when edges or nodes come or go, and its fields."""
        rest = dict(vars(graph))
        index = rest.pop("_graph")
        frames = (*rest.pop("_node_frames"), *rest.pop("_edge_frames"))
        fields = [{name: column.data for name, column in frame._columns.items()} for frame in frames]
        return self._all((Held(index), fields, rest))

    def _contents(self, value: Any) -> Hashable:
        """Return what a container, or a number with attributes, holds."""
        if isinstance(value, dict):
            factory = value.default_factory if isinstance(value, defaultdict) else None
            return self.read(factory), *((self.read(key), self.read(entry)) for key, entry in value.items())
        if isinstance(value, (list, tuple, deque)):
            return self._all((*iter(value), value.maxlen if isinstance(value, deque) else None))
        if isinstance(value, (set, frozenset)):
            return frozenset(self._all(value))
        base = next((base for base in _NUMBERS if isinstance(value, base)), None)
        return () if base is None else self.read(base(value))


def is_builtin(function: Any) -> bool:
    """Tell whether a message or reduce function is one of DGL's own."""
    return type(function).__module__.partition(".")[0] == "dgl" and hasattr(function, "name")


def is_dgl_graph(value: Any) -> bool:
    """Tell whether it is a DGLGraph, without importing DGL."""
    return type(value).__module__ == "dgl.heterograph" and hasattr(value, "_edge_frames")


def draws(names: Iterable[str]) -> bool:
    """Tell whether one of the names is of a function of torch's that draws random numbers."""
    return not _RANDOM.isdisjoint(names)


def _is_library(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0].lstrip("_") in LIBRARIES


def _slots(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _is_made_in_python(cls: type) -> bool:
    """Tell whether what a class adds to its base lies in attributes alone, none of it in C."""
    if cls is object or cls in _CONTAINERS or cls in _NUMBERS:
        return True
    base = cls.__base__
    room = 16 + 8 * len(_slots(cls))  # a dict, weak references, and slots
    heap, fixed = cls.__flags__ >> 9 & 1, cls.__flags__ >> 8 & 1
    return bool(heap and not fixed and base is not None and cls.__basicsize__ - base.__basicsize__ <= room)
