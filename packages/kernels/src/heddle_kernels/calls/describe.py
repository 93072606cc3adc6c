"""Op, Function, Struct: how a native call is described.

>>> sizes("rows edges")[0]
Argument(name='rows', type='int64_t', optional=False)
"""

import ctypes
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

_CTYPES = {
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "int32_t": ctypes.c_int32,
    "double": ctypes.c_double,
}


class Argument(NamedTuple):
    """One argument of a function, or one field of a struct.

    Attributes:
        name: in C and in Python.
        type: in C; pointers hold addresses.
        optional: whether a pointer may be NULL.
    """

    name: str
    type: str
    optional: bool = False

    @property
    def ctype(self) -> Any:
        """The type by which ctypes passes it."""
        return _CTYPES.get(self.type, ctypes.c_void_p)


Arguments = tuple[Argument, ...]


def typed(c_type: str, names: str) -> Arguments:
    """Return arguments of one type in C; a name that ends in "?" may be NULL."""
    return tuple(Argument(name.rstrip("?"), c_type, name.endswith("?")) for name in names.split())


def inputs(names: str) -> Arguments:
    """Return the Arguments of arrays that are read; `names` are separated by spaces, "NAME?" may be NULL."""
    return typed("const void*", names)


def outputs(names: str) -> Arguments:
    """Return the Arguments of arrays that are written; `names` are separated by spaces, "NAME?" may be NULL."""
    return typed("void*", names)


def sizes(names: str) -> Arguments:
    """Return the Arguments of int64 numbers (sizes, codes, flags); `names` are separated by spaces."""
    return typed("int64_t", names)


class Function(NamedTuple):
    """One exported function.

    Attributes:
        name: in C.
        doc: what it does, for the header.
        arguments: in their order.
        returns: "status", or the type in C of what it returns.
    """

    name: str
    doc: str
    arguments: Arguments
    returns: str = "status"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arguments."""
        return tuple(argument.name for argument in self.arguments)


class Handler(NamedTuple):
    """How XLA calls an op: its operands and results, and where the function's arguments are found in them.

    Attributes:
        operands: names; "perm?permuted" may be absent, and the attribute `permuted` tells.
        results: names; "d_edges?to_edges" may be unwanted, and the attribute `to_edges` tells.
        attributes: names of further numbers.
        expressions: argument -> C++ expression over operands and results (XLA_FFI_Buffer) and attributes, for those
            that are no operand, result or attribute of their name.
        devices: where it runs.
        name: of the handler, where it isn't that of the op.
    """

    operands: str
    results: str
    attributes: str = ""
    expressions: Mapping[str, str] = {}
    devices: tuple[str, ...] = ("cpu", "cuda")
    name: str = ""

    @property
    def given(self) -> dict[str, str]:
        """Operands in their order, each with the attribute that tells whether it is there, "" for none."""
        return _flags(self.operands)

    @property
    def wanted(self) -> dict[str, str]:
        """Results in their order, each with the attribute that tells whether it is wanted, "" for none."""
        return _flags(self.results)

    @property
    def flags(self) -> list[str]:
        """The attributes that tell what is there."""
        return [flag for flag in (*self.given.values(), *self.wanted.values()) if flag]


def _flags(names: str) -> dict[str, str]:
    parts = (name.partition("?") for name in names.split())
    return {name: flag for name, _, flag in parts}


class Operator(NamedTuple):
    """An operator of torch.library.

    Attributes:
        name: `heddle::NAME`.
        arguments: its schema's, the structure of an adjacency as `WALK`.
        returns: its schema's.
    """

    name: str
    arguments: str
    returns: str = "Tensor"

    @property
    def schema(self) -> str:
        """The schema, as torch.library takes it."""
        return f"{self.name}({self.arguments}) -> {self.returns}"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arguments."""
        return tuple(each.split()[-1] for each in self.arguments.split(","))

    def tail(self, first: str) -> slice:
        """Return where the arguments from `first` on stand among all."""
        return slice(self.names.index(first), None)


STRUCTURE = ("indptr", "senders", "t_indptr", "t_receivers", "t_order")
"""The tensors of an adjacency that an operator on its edges takes first."""

WALK = ", ".join(f"Tensor {name}" for name in STRUCTURE)


class Device(NamedTuple):
    """How the function of a CUDA device differs from that of the CPU, whose `threads` it has not.

    Attributes:
        workspace: arguments of the function that says how much memory it works in; None for none.
        shared_workspace: name of another op whose workspace it takes.
        precision: whether it takes the precision of float32 products.
        faults: whether it notes ids out of range.
        arguments: the first ones, where they aren't those of the CPU.
        doc: what is to be said besides.
    """

    workspace: str | None = None
    shared_workspace: str = ""
    precision: bool = False
    faults: bool = True
    arguments: Arguments = ()
    doc: str = ""


class Op(NamedTuple):
    """One op: its function on the CPU, and what is derived from that or said besides.

    Attributes:
        name: without heddle_.
        doc: for the header.
        arguments: of the function on the CPU, `threads` among them.
        cuda: its function on a device, None for none.
        handlers: how XLA calls it.
        operators: those of torch that call it.
    """

    name: str
    doc: str
    arguments: Arguments
    cuda: Device | None = None
    handlers: tuple[Handler, ...] = ()
    operators: tuple[Operator, ...] = ()

    @property
    def function(self) -> Function:
        """The function on the CPU."""
        return Function(f"heddle_{self.name}", self.doc, self.arguments)

    def on_device(self) -> list[Function]:
        """Return the functions of a CUDA device: the workspace's, if it has one of its own, and the op's."""
        if self.cuda is None:
            return []
        name, device = f"heddle_cuda_{self.name}", self.cuda
        given = device.arguments or tuple(each for each in self.arguments if each.name != "threads")
        given += sizes("precision") if device.precision else ()
        functions = []
        if device.workspace is not None:
            doc = f"Bytes of device memory, aligned to 16, that {self.name} needs."
            functions.append(Function(f"{name}_workspace", doc, sizes(device.workspace), "int64_t"))
        if device.workspace is not None or device.shared_workspace:
            given += outputs("workspace?") + sizes("workspace_bytes")
        given += (outputs("fault?") if device.faults else ()) + outputs("stream?")
        doc = device.doc or f"heddle_{self.name} on a device."
        return [*functions, Function(name, doc, given)]


class Struct:
    """A struct of the C interface.

    Args:
        name: in C.
        doc: for the header.
        fields: (name, type in C, comment) of each.
    """

    def __init__(self, name: str, doc: str, fields: Sequence[tuple[str, str, str]]):
        self.name, self.doc, self.fields = name, doc, tuple(fields)
        self.names = tuple(field[0] for field in fields)
        self._columns = {name: column for column, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def at(self, name: str) -> int:
        """Return the column of a field in a table whose rows are structs of eight bytes a field."""
        return self._columns[name]

    def span(self, first: str, last: str) -> slice:
        """Return the columns from one field to another."""
        return slice(self.at(first), self.at(last) + 1)

    @cached_property
    def ctype(self) -> Any:
        """The ctypes.Structure with these fields, in their order."""
        fields = [(name, Argument(name, type).ctype) for name, type, _ in self.fields]
        return type(self.name, (ctypes.Structure,), {"_fields_": fields})
