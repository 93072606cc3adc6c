"""How an operator is made: one schema, one CPU function, its shapes, its gradient, its batching rule."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.errors import GraphError, problem
from heddle_kernels.library import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, INT32, INT64

LIBRARY = torch.library.Library("heddle", "DEF")

_FORWARD_MODE = torch.autograd.forward_ad
_transforms_active = torch._C._are_functorch_transforms_active
_dispatch_modes = torch._C._len_torch_dispatch_stack
_PLAIN = (int, str, bool, type(None))  # an operator's other arguments; numpy's numbers are none of them

_FLOATS = {
    torch.float32: FLOAT32,
    torch.float64: FLOAT64,
    torch.bfloat16: BFLOAT16,
    torch.float16: FLOAT16,
}
_IDS = {torch.int32: INT32, torch.int64: INT64}


class Operator(NamedTuple):
    """One operator, called in two ways: torch charges more for a call that might record a gradient."""

    forward: Any  # without a gradient
    recorded: Any  # with one; itself where there is none to record


def define(
    schema: str,
    cpu: Callable[..., Any],
    fake: Callable[..., Any],
    *,
    setup: Callable[..., None] | None = None,
    backward: Callable[..., Any] | None = None,
    vmap: Callable[..., Any] | None = None,
    record: Callable[..., Any] | None = None,
) -> Operator:
    """Register `heddle::NAME` with its gradient, `heddle::NAME_forward` without, and return how to call them.

    Args:
        schema: "name(arguments) -> Tensor".
        cpu: the implementation; its inputs may be of any layout.
        fake: the same on tensors without data, for torch.compile.
        setup, backward: as in torch.library.register_autograd. `backward` uses the faces, so that it has a gradient.
        record: for an operator on lists, the call that records its gradient; autograd.Function wants them flattened.
        vmap: (operator, batch size, axes of the batch, *arguments) -> (output, axis of its batch).
    """
    name, arguments = schema.split("(", 1)
    names = (f"{name}_forward", name) if backward else (name,)
    for each in names:
        LIBRARY.define(f"{each}({arguments}", tags=(torch.Tag.pt2_compliant_tag,))
        LIBRARY.impl(each, cpu, "CPU")
        torch.library.register_fake(f"heddle::{each}", fake, lib=LIBRARY)
        if vmap:
            rule = _batched(vmap, getattr(torch.ops.heddle, each).default)
            torch.library.register_vmap(f"heddle::{each}", rule, lib=LIBRARY)
    forward = _shortcut(getattr(torch.ops.heddle, names[0]).default, cpu)
    if not backward:
        return Operator(forward, forward)
    torch.library.register_autograd(f"heddle::{name}", backward, setup_context=setup, lib=LIBRARY)
    registered = getattr(torch.ops.heddle, name).default
    eager = record or _applied(_function(name, forward, setup, backward, vmap))

    def recorded(*arguments: Any) -> Any:
        return registered(*arguments) if torch.compiler.is_compiling() else eager(*arguments)

    return Operator(forward, recorded)


def _shortcut(operator: Any, cpu: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call of `operator` without the dispatcher's toll wherever that leads to `cpu` anyway."""

    def forward(*arguments: Any) -> Any:
        if torch.compiler.is_compiling() or _transforms_active() or _dispatch_modes():
            return operator(*arguments)
        return cpu(*arguments) if _on_cpu(arguments) else operator(*arguments)

    return forward


def _on_cpu(arguments: Any) -> bool:
    """Tell whether these are tensors in the CPU's memory, lists of them, and plain values."""
    for argument in arguments:
        kind = argument.__class__
        if kind is Tensor:
            if not argument.is_cpu:
                return False
        elif kind is list or kind is tuple:
            if not _on_cpu(argument):
                return False
        elif kind not in _PLAIN:
            return False
    return True


def _function(name: str, forward: Any, setup: Any, backward: Any, vmap: Any) -> Any:
    """Return the gradient as an autograd.Function too: torch.func's transforms refuse those of torch.library."""
    members = {
        "forward": staticmethod(lambda *arguments: forward(*arguments)),
        "backward": staticmethod(backward),
    }
    function: Any = type(name, (torch.autograd.Function,), members | {"setup_context": staticmethod(setup)})
    if vmap:
        function.vmap = staticmethod(_batched(vmap, lambda *arguments: function.apply(*arguments)))
    return function


def _applied(function: Any) -> Callable[..., Any]:
    """Return `function.apply` without the reading of a signature on each call, which only transforms need."""
    plain, transformed = super(torch.autograd.Function, function).apply, function.apply

    def apply(*arguments: Any) -> Any:
        return transformed(*arguments) if _transforms_active() else plain(*arguments)

    return apply


def _batched(vmap: Callable[..., Any], operator: Any) -> Callable[..., Any]:
    return lambda info, in_dims, *arguments: vmap(operator, info.batch_size, in_dims, *arguments)


def recorded(*tensors: Tensor | None) -> bool:
    """Tell whether a call on these tensors has a derivative to record.

    Within forward-mode differentiation always: the recorded operator refuses it, where the other would drop it.
    """
    if torch.is_grad_enabled():
        for tensor in tensors:
            if tensor is not None and tensor.requires_grad:
                return True
    return _FORWARD_MODE._current_level >= 0


def float_code(op: str, tensor: Tensor) -> int:
    """Return the native code of a tensor's dtype."""
    found = _FLOATS.get(tensor.dtype)
    if found is None:
        raise TypeError(problem(op, f"dtype {tensor.dtype}", "a float of 16, 32 or 64 bits", "cast it"))
    return found


def id_code(op: str, ids: Tensor, like: Tensor | None = None) -> int:
    """Return the native code of the dtype of `ids`, which `like` must have too."""
    dtype = ids.dtype
    found = _IDS.get(dtype)
    if found is None or (like is not None and like.dtype is not dtype):
        names = str(dtype) if like is None else f"{dtype} and {like.dtype}"
        raise TypeError(problem(op, f"ids of {names}", "torch.int32 or torch.int64 alike", "cast them"))
    if ids.ndim != 1:
        raise GraphError(problem(op, f"ids of shape {tuple(ids.shape)}", "one axis", "flatten them"))
    return found


def pointer(tensor: Tensor | None) -> int | None:
    """Return the address of a contiguous tensor's memory, None for None."""
    return None if tensor is None else tensor.data_ptr()


def batch_second(tensor: Tensor | None, dim: int | None, size: int) -> Tensor | None:
    """Return a tensor with its batch as second axis, repeated there without a copy if it has none (vmap rules)."""
    if tensor is None:
        return None
    return (
        tensor.movedim(dim, 1) if dim is not None else tensor.unsqueeze(1).expand(-1, size, *tensor.shape[1:])
    )


def refuse_batched(op: str, dims: tuple[int | None, ...]) -> None:
    """Raise for a batch of structures: each graph of a batch would need its own walk."""
    if any(dim is not None for dim in dims):
        raise NotImplementedError(
            problem(
                f"{op}: vmap", "batched ids", "a batch of values on one structure", "loop over the structures"
            )
        )
