"""Keys of what a step keeps: all that an answer depends on, held, with its versions and contents.

A key that only names an object (by `id`, or a count of its edges) finds an older answer when the object is changed or
its id used again. These keys are equal only where nothing that a function reads has changed; what can't be looked
into has no key, and is computed each time.
"""

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from heddle_dgl.reuse.reading import Held, NoKeyError, Reader, draws, is_builtin
from heddle_torch.digest import tensor_digest

_ROUNDS = 8
"""How often names may lead to further names until a key is given up."""

_NAMES: dict[tuple[Any, ...], frozenset[str]] = {}
_MOST = 256


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
    their code and what it reads (closure, defaults, globals, and the functions that these call), objects by their
    attributes and classes. Torch's modes count too, and the state of its generator where random numbers are drawn.
    """
    codes = tuple(_code_of(part) for part in parts)
    names = _NAMES.get(codes, frozenset())
    try:
        for _ in range(_ROUNDS):
            reader = Reader(names)
            plain = tuple(reader.read(part) for part in parts)
            if len(reader.met) == len(names):
                _remember(codes, names)
                state = _generators() if reader.draws or draws(names) else ()
                return Key(tuple(reader.held), (plain, modes(), state))
            names = frozenset(reader.met)
    except (NoKeyError, RecursionError):
        pass
    return None


def _code_of(part: Any) -> Any:
    """Return the code of a function or method, None of anything else."""
    return getattr(getattr(part, "__func__", part), "__code__", None)


def _remember(codes: tuple[Any, ...], names: frozenset[str]) -> None:
    """Let the next key of the same functions start from these names: more of them than needed do no harm."""
    if _NAMES.get(codes) is not names:
        if len(_NAMES) >= _MOST:
            _NAMES.clear()
        _NAMES[codes] = names


def modes() -> Hashable:
    """Return torch's modes that an answer depends on: gradients, autocast, the default dtype."""
    cast = [
        (device_type, torch.get_autocast_dtype(device_type))
        for device_type in ("cpu", "cuda")
        if torch.is_autocast_enabled(device_type)
    ]
    grad = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    return *grad, torch.get_default_dtype(), *cast


def _generators() -> Hashable:
    """Return the state of torch's generators, which drawing changes."""
    states = [torch.get_rng_state()]
    if torch.cuda.is_initialized():
        states += torch.cuda.get_rng_state_all()
    return tuple(tensor_digest(state) for state in states)


def message_key(graph: Any, x: Tensor, message: Callable, reduce: Callable) -> Key | None:
    """Return the key of message passing of x [n_nodes, ...] on a DGLGraph; None if something can't be looked into.

    Equal keys stand for equal results. The graph counts by its structure, which DGL replaces when edges or nodes come
    or go, and by the fields that the functions read.

    Args:
        message, reduce: DGL's functions, or a user's own.
    """
    index = getattr(graph, "_graph", None)
    if index is None or len(graph.canonical_etypes) != 1 or len(graph.ntypes) != 1:
        return None
    fields = _fields_read(message)
    frames = (graph._edge_frames[0]._columns, graph._node_frames[0]._columns)
    read = [
        {name: frame[name].data for name in (frame if fields is None else fields) if name in frame}
        for frame in frames
    ]
    read[1].pop("h", None)  # where x goes
    return key_of(Held(index), x, *read, message, reduce)


def _fields_read(message: Any) -> tuple[str, ...] | None:
    """Return the fields that a built-in message function reads, None for a user's own, which may read all."""
    if not is_builtin(message):
        return None
    return tuple(
        value for name, value in vars(message).items() if name.endswith("_field") and name != "out_field"
    )
