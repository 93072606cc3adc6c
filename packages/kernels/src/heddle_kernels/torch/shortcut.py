"""A call of an operator past torch's dispatcher, wherever that leads to the CPU function anyway.

The dispatcher takes several times what the native code takes on a small graph. The way past it is written out for the
arguments of each operator, as NamedTuples are, since a loop over them would cost as much as the rest of a call.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from heddle_kernels.calls.describe import STRUCTURE, Operator

_PLAIN = (
    int,
    str,
    bool,
    type(None),
)  # what an operator takes besides tensors; numpy's numbers are none of them
_ONLY_PLAIN = frozenset(_PLAIN)

_TEXT = """
def make(operator, cpu, record, Tensor, PLAIN, only_plain, on_cpu, is_compiling, transforms, modes, wrapped):
    def forward({names}):
        if is_compiling():
            return operator({names})
        if transforms():
            return record({names})
        if modes() or not ({tests}):
            return operator({names})
        try:
            return cpu({names})
        except RuntimeError:
            if not wrapped(({names},)):
                raise
            return operator({names})  # what a transform saved, in a gradient that is taken after it ended
    return forward
"""


def shortcut(
    described: Operator, operator: Any, cpu: Callable[..., Any], record: Callable[..., Any] | None
) -> Callable[..., Any]:
    """Return a function of the operator's arguments, by position: `cpu` of plain CPU tensors, else `operator`.

    Lazily negated tensors are made by the dispatcher; the structure of an adjacency is none. Complex tensors, which may
    be lazily conjugated, come to no operator.

    Args:
        described: the operator.
        operator: as torch has it.
        cpu: its implementation.
        record: what torch.func's transforms need in place of `operator`, for one on lists, which has no batching rule.
    """
    names = ", ".join(described.names)
    given = [each.split() for each in described.arguments.split(",")]
    tests = " and ".join(_test(type_name, name) for type_name, name in given)
    scope: dict[str, Any] = {}
    exec(compile(_TEXT.format(names=names, tests=tests), __file__, "exec"), scope)
    forward: Callable[..., Any] = scope["make"](
        operator,
        cpu,
        record or operator,
        Tensor,
        _PLAIN,
        _ONLY_PLAIN.issuperset,
        _on_cpu,
        torch.compiler.is_compiling,
        torch._C._are_functorch_transforms_active,
        torch._C._len_torch_dispatch_stack,
        _wrapped,
    )
    forward.__name__ = forward.__qualname__ = f"{described.name}_forward"
    return forward


def _test(type_name: str, name: str) -> str:
    """Return the expression that tells whether an argument can do without the dispatcher."""
    if type_name in ("Tensor", "Tensor?"):
        test = f"{name}.__class__ is Tensor and {name}.is_cpu"
        test += "" if name in STRUCTURE else f" and not {name}.is_neg()"
        return f"({name} is None or {test})" if type_name == "Tensor?" else test
    if type_name.startswith("Tensor"):
        return f"on_cpu({name})"
    return f"only_plain(map(type, {name}))" if type_name.endswith("[]") else f"{name}.__class__ in PLAIN"


def _on_cpu(tensors: Sequence[Tensor | None]) -> bool:
    """Tell whether these are tensors in the CPU's memory, none lazily negated; or None."""
    for tensor in tensors:
        if tensor is not None and (tensor.__class__ is not Tensor or not tensor.is_cpu or tensor.is_neg()):
            return False
    return True


def _wrapped(arguments: Any) -> bool:
    """Tell whether one of these tensors is a wrapper of torch.func."""
    return any(
        _wrapped(each)
        if isinstance(each, (list, tuple))
        else isinstance(each, Tensor) and torch._C._functorch.is_functorch_wrapped_tensor(each)
        for each in arguments
    )
