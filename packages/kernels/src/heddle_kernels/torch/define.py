"""How an operator is made: its table in heddle_kernels.calls, a CPU function, its shapes, derivatives, batches."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.errors import GraphError, problem
from heddle_kernels.calls.describe import STRUCTURE
from heddle_kernels.calls.tables import OPERATORS
from heddle_kernels.library import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, INT32, INT64
from heddle_kernels.torch.shortcut import shortcut

LIBRARY = torch.library.Library("heddle", "DEF")

_FORWARD_MODE = torch.autograd.forward_ad
_transforms_active = torch._C._are_functorch_transforms_active

_FLOATS = {
    torch.float32: FLOAT32,
    torch.float64: FLOAT64,
    torch.bfloat16: BFLOAT16,
    torch.float16: FLOAT16,
}
_IDS = {torch.int32: INT32, torch.int64: INT64}

DEFINED: dict[str, "Operator"] = {}
"""Every operator by name: one that another's gradient calls is found here, whichever is defined first."""

Found = Mapping[str, Any]
"""Gradients by the names of the arguments that they belong to."""


class Operator(NamedTuple):
    """One operator, called in two ways: torch charges more for a call that might record a gradient."""

    forward: Any  # without a gradient
    recorded: Any  # with one; itself where there is none to record


def define(
    name: str,
    cpu: Callable[..., Any],
    fake: Callable[..., Any],
    *,
    fixed: Sequence[str] = STRUCTURE,
    setup: Callable[..., None] | None = None,
    backward: Callable[..., Found] | None = None,
    jvp: Callable[..., Any] | None = None,
    vmap: Callable[..., Any] | None = None,
    record: Callable[..., Any] | None = None,
) -> Operator:
    """Register `heddle::NAME` with its gradient, `heddle::NAME_forward` without, and return how to call them.

    Args:
        name: of one of `calls.tables.OPERATORS`, whose arguments come as a NamedTuple `given` below.
        cpu: the implementation; its inputs may be of any layout.
        fake: the same on tensors without data, for torch.compile.
        fixed: arguments that say where values go; a batch of these is refused.
        setup: (ctx, given, output): keeps what `backward` reads.
        backward: (ctx, wanted, *gradients) -> gradients of arguments by name; `wanted` tells which are asked for.
            It uses the faces, so that it has a gradient, and reads ctx.saved_tensors once, as hooks and checkpoints
            expect.
        jvp: (given, output, tangents) -> tangent of the output, from those of the arguments, each a tensor or None.
        vmap: (operator, batch size, axes of the batch, given) -> (output, axis of its batch).
        record: for an operator on lists, the call that records its gradient; autograd.Function wants them flattened.
    """
    described = OPERATORS[name]
    given: Any = namedtuple(name, described.names)  # type: ignore[misc]
    named = _Named(
        name, given, [each for each in fixed if each in described.names], setup, backward, jvp, vmap
    )
    arguments = f"({described.arguments}) -> {described.returns}"
    names = (f"{name}_forward", name) if backward else (name,)
    for each in names:
        LIBRARY.define(f"{each}{arguments}", tags=(torch.Tag.pt2_compliant_tag,))
        LIBRARY.impl(each, cpu, "CPU")
        torch.library.register_fake(f"heddle::{each}", fake, lib=LIBRARY)
        if vmap:
            rule = named.batched(getattr(torch.ops.heddle, each).default)
            torch.library.register_vmap(f"heddle::{each}", rule, lib=LIBRARY)
    forward = shortcut(described, getattr(torch.ops.heddle, names[0]).default, cpu, record)
    if not backward:
        DEFINED[name] = Operator(forward, forward)
        return DEFINED[name]
    torch.library.register_autograd(f"heddle::{name}", named.gradient, setup_context=named.keep, lib=LIBRARY)
    registered = getattr(torch.ops.heddle, name).default
    eager = record or _applied(_function(named, forward))

    def recorded(*arguments: Any) -> Any:
        return registered(*arguments) if torch.compiler.is_compiling() else eager(*arguments)

    DEFINED[name] = Operator(forward, recorded)
    return DEFINED[name]


def call(name: str, values: Sequence[Tensor | None], *arguments: Any) -> Any:
    """Call an operator by name, and record its gradient if one of `values` wants one.

    Args:
        values: the arguments that have gradients, tensors or None.
        arguments: all of them, in the operator's order.
    """
    operator = DEFINED[name]
    return (operator.recorded if recorded(*values) else operator.forward)(*arguments)


class _Named(NamedTuple):
    """An operator's rules, which know arguments by name, as torch calls them, by position."""

    name: str
    given: Any
    fixed: Sequence[str]
    setup: Any
    backward: Any
    jvp: Any
    vmap: Any

    def keep(self, ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what the gradient reads."""
        self.setup(ctx, self.given(*inputs), output)

    def keep_both(self) -> Callable[[Any, tuple[Any, ...], Any], None]:
        """Return what keeps all that the gradient reads and, where tangents go through, what they need."""
        setup, given, jvp = self.setup, self.given._make, self.jvp

        def keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            setup(ctx, given(inputs), output)
            if jvp and (_FORWARD_MODE._current_level >= 0 or _transforms_active()):
                both = (*inputs, output)
                ctx.save_for_forward(*(each for each in both if isinstance(each, Tensor)))
                ctx.heddle_plain = [None if isinstance(each, Tensor) else (each,) for each in both]

        return keep

    def gradient(self, ctx: Any, *grads: Any) -> tuple[Any, ...]:
        """Return the gradients in the order of the arguments."""
        grads_by_name = self.backward(ctx, self.given(*ctx.needs_input_grad), *grads)
        return tuple(map(grads_by_name.get, self.given._fields))

    def tangent(self, ctx: Any, *tangents: Any) -> Any:
        """Return the tangent of the output."""
        one_level(self.name)
        tensors = iter(ctx.saved_tensors)
        *inputs, output = (next(tensors) if plain is None else plain[0] for plain in ctx.heddle_plain)
        return self.jvp(self.given(*inputs), output, self.given(*tangents))

    def batched(self, operator: Any) -> Callable[..., Any]:
        """Return the batching rule, as torch.library and autograd.Function take it."""

        def rule(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
            dims = self.given(*in_dims)
            if any(getattr(dims, each) is not None for each in self.fixed):
                got, expected = "batched ids", "a batch of values on one structure"
                raise NotImplementedError(
                    problem(f"{self.name}: vmap", got, expected, "loop over the structures")
                )
            return self.vmap(operator, info.batch_size, dims, self.given(*arguments))

        return rule


def _function(named: _Named, forward: Any) -> Any:
    """Return the gradient as an autograd.Function too: torch.func's transforms refuse those of torch.library."""
    members = {
        "forward": staticmethod(forward),
        "backward": staticmethod(named.gradient),
        "setup_context": staticmethod(named.keep_both()),
    }
    if named.jvp:
        members["jvp"] = staticmethod(named.tangent)
    function: Any = type(named.name, (torch.autograd.Function,), members)
    if named.vmap:
        function.vmap = staticmethod(named.batched(lambda *arguments: function.apply(*arguments)))
    return function


def _applied(function: Any) -> Callable[..., Any]:
    """Return `function.apply` without the reading of a signature on each call, which only transforms need."""
    plain, transformed = super(torch.autograd.Function, function).apply, function.apply

    def apply(*arguments: Any) -> Any:
        return transformed(*arguments) if _transforms_active() else plain(*arguments)

    return apply


def one_level(op: str) -> None:
    """Refuse forward mode within forward mode, whose outer tangents torch drops in an autograd.Function.

    Raises:
        NotImplementedError: says so.
    """
    stack = torch._C._functorch.get_interpreter_stack() or []
    levels = [each for each in stack if each.key() == torch._C._functorch.TransformType.Jvp]
    if len(levels) > 1:
        got, expected = "forward mode within forward mode", "one level of it"
        raise NotImplementedError(
            problem(f"{op}: jvp", got, expected, "take jacfwd of jacrev, as torch.func.hessian does")
        )


def multilinear(operator: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """Return the jvp of an operator that is linear in each of these: a sum, a tangent in the place of each."""

    def jvp(given: Any, output: Tensor, tangents: Any) -> Tensor | None:
        terms = [
            operator(given._replace(**{name: tangent}))
            for name in names
            if (tangent := getattr(tangents, name)) is not None
        ]
        return total(terms)

    return jvp


def total(terms: Sequence[Tensor]) -> Tensor | None:
    """Return the sum of tensors of one shape, None for no tensors."""
    return sum(terms[1:], terms[0]) if terms else None


def recorded(*tensors: Tensor | None) -> bool:
    """Tell whether a call on these tensors has a derivative to record.

    In forward mode and under torch.func's transforms always: what an outer transform records isn't seen on a tensor.
    """
    if torch.is_grad_enabled():
        for tensor in tensors:
            if tensor is not None and tensor.requires_grad:
                return True
    return _FORWARD_MODE._current_level >= 0 or _transforms_active()


def autocast(*tensors: Any) -> Sequence[Any]:
    """Return a product's operands, tensors of any shapes, as torch.autocast wants them where it is on.

    float64 and None stay as they are.
    """
    if not torch._C._is_any_autocast_enabled():
        return tensors
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    dtype = torch.get_autocast_dtype(device)
    narrow = (torch.float32, torch.bfloat16, torch.float16)
    return [each.to(dtype) if each is not None and each.dtype in narrow else each for each in tensors]


def float_code(op: str, tensor: Tensor) -> int:
    """Return the native code of the dtype of a tensor of any shape.

    Raises:
        TypeError: a dtype other than floats of 16, 32 and 64 bits; `op` is named in the error.
    """
    code = _FLOATS.get(tensor.dtype)
    if code is None:
        raise TypeError(problem(op, f"dtype {tensor.dtype}", "a float of 16, 32 or 64 bits", "cast it"))
    return code


def id_code(op: str, ids: Tensor, like: Tensor | None = None) -> int:
    """Return the native code of the dtype of `ids` [e], which `like` must have too.

    Raises:
        TypeError: a dtype other than int32 and int64, or another one than that of `like`; `op` is named in the error.
        GraphError: ids with other than one axis.
    """
    dtype = ids.dtype
    code = _IDS.get(dtype)
    if code is None or (like is not None and like.dtype is not dtype):
        names = str(dtype) if like is None else f"{dtype} and {like.dtype}"
        raise TypeError(problem(op, f"ids of {names}", "torch.int32 or torch.int64 alike", "cast them"))
    if ids.ndim != 1:
        raise GraphError(problem(op, f"ids of shape {tuple(ids.shape)}", "one axis", "flatten them"))
    return code


def pointer(tensor: Tensor | None) -> int | None:
    """Return the address of a contiguous tensor's memory, whatever its shape; None for None."""
    return None if tensor is None else tensor.data_ptr()


def batch_second(tensor: Tensor | None, dim: int | None, size: int) -> Tensor | None:
    """Return a tensor with its batch as second axis, [n, size, ...], for vmap rules; None for None.

    Args:
        dim: where the batch is; None for a tensor [n, ...] without one, which is repeated without a copy.
    """
    if tensor is None:
        return None
    return (
        tensor.movedim(dim, 1) if dim is not None else tensor.unsqueeze(1).expand(-1, size, *tensor.shape[1:])
    )


def in_second(*names: str) -> Callable[..., tuple[Any, int]]:
    """Return the batching rule of an operator that treats further axes alike: each value's batch is its second axis."""

    def vmap(op: Any, size: int, dims: Any, given: Any) -> tuple[Any, int]:
        batched = {name: batch_second(getattr(given, name), getattr(dims, name), size) for name in names}
        return op(*given._replace(**batched)), 1

    return vmap


def examples(size: int, dims: Sequence[Any], given: Sequence[Any]) -> list[list[Any]]:
    """Return the arguments of each example of a batch; of an empty batch, those of one of zeros, for its shapes.

    Args:
        dims: axis of the batch in each argument, None for one without.
        given: all arguments.
    """
    axes = [d if isinstance(a, Tensor) else None for a, d in zip(given, dims)]
    if not size:
        return [
            [a if d is None else a.new_zeros((*a.shape[:d], *a.shape[d + 1 :])) for a, d in zip(given, axes)]
        ]
    return [[a if d is None else a.select(d, i) for a, d in zip(given, axes)] for i in range(size)]


def one_by_one(op: Any, size: int, dims: Any, given: Any) -> tuple[Tensor, int]:
    """Call `op` for each example of a batch and return (results [size, ...], 0, their batch's axis): a vmap rule.

    Args:
        dims: axis of the batch in each argument, None for one without.
        given: all arguments.
    """
    results = torch.stack([op(*example) for example in examples(size, dims, given)])
    return results[:size], 0


def results_one_by_one(
    function: Any, size: int, dims: Sequence[Any], arguments: Sequence[Any]
) -> tuple[Any, Any]:
    """Call a function of several results for each example of a batch: a vmap rule.

    Args:
        dims: axis of the batch in each argument, None for one without.

    Returns: the results, [size, ...] each, and their batches' axes, all 0.
    """
    results = [function(*each) for each in examples(size, dims, arguments)]
    outs = tuple(
        torch.stack(each) if size else each[0].new_empty((0, *each[0].shape)) for each in zip(*results)
    )
    return outs, (0,) * len(outs)
