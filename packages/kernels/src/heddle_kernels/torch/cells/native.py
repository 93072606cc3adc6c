"""The native calls under cell.py: what each kind of cell reads, returns and keeps, on tensors of any layout."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from heddle.errors import GraphError, problem
from heddle_kernels import library
from heddle_kernels.torch.define import pointer

Tensors = Sequence[Tensor]
Some = Sequence[Tensor | None]
_CODES = {torch.float32: library.FLOAT32, torch.float64: library.FLOAT64}


class CellArguments(NamedTuple):
    """Checked, dense arguments of one step.

    Attributes:
        rows: the axes of the state before its last.
        width, hidden: columns of the gates, and of the state.
        products: the arguments that every native step shares by name: terms, matrices, widths, count.
        held: what those point to, kept alive.
    """

    rows: tuple[int, ...]
    width: int
    hidden: int
    products: Mapping[str, int] = {}
    held: tuple[Any, ...] = ()

    def pointing_at(self, terms: Tensors, matrices: Tensors) -> "CellArguments":
        """Return these arguments with their `products`: where terms and matrices lie, and how many.

        Args:
            terms, matrices: [*rows, d] and [d, width], as many of each.
        """
        held = [t.detach().contiguous() for t in terms], [t.detach().contiguous() for t in matrices]
        arrays = (*map(_addresses, held), np.array([t.shape[-1] for t in terms], np.int64))
        products = {name: array.ctypes.data for name, array in zip(("terms", "matrices", "widths"), arrays)}
        products["count"] = len(terms)
        return self._replace(products=products, held=(held, arrays))

    def state(self, like: Tensor) -> Tensor:
        """Return uninitialised memory for a state, [*rows, hidden], of the dtype and device of `like`."""
        return like.new_empty((*self.rows, self.hidden))

    def ending(self, like: Tensor) -> dict[str, int]:
        """Return the last arguments of every native step: rows, hidden, the code of the dtype of `like`, threads."""
        codes = {"dtype": _CODES[like.dtype], "threads": torch.get_num_threads()}
        return {"rows": prod(self.rows), "hidden": self.hidden, **codes}


class Cell(NamedTuple):
    """One kind of cell.

    Attributes:
        name: of its functions.
        n_gates: columns of the gates for each of the state.
        n_outputs: how many of the tensors that `step` returns are results; the rest is kept for the gradient.
        states: shapes of what it reads besides, "rows" for the state's own, else the first axis.
        step: (arguments, base or the memory of the gates, states, whether they are one) -> outputs and what is kept.
        grad: (arguments, states, what `step` returned, gradients of its outputs, where to write); writes there.
    """

    name: str
    n_gates: int
    n_outputs: int
    states: tuple[str | int, ...]
    step: Callable[..., list[Tensor]]
    grad: Callable[..., None]


def forward(
    cell: Cell, base: Tensor, states: Some, terms: Tensors, matrices: Tensors, use_up: bool = False
) -> list[Tensor]:
    """Return the outputs of a cell's step, [*rows, hidden] each, and after them what its gradient needs.

    Args:
        base: [*rows, n_gates * hidden], what the products are added to; or a bias [n_gates * hidden].
        states: what the cell reads besides, as `cell.states` says; None for zeros.
        terms, matrices: [*rows, d] and [d, n_gates * hidden], as many of each.
        use_up: whether the memory of `base` may be written over.

    Raises:
        GraphError: shapes that don't fit each other.
        TypeError: dtypes other than float32 or float64, or several.
    """
    arguments = _arguments(cell, base, states, terms, matrices).pointing_at(terms, matrices)
    base, shared = base.detach().contiguous(), base.ndim == 1
    gates = base if use_up and not shared else base.new_empty((*arguments.rows, arguments.width))
    return cell.step(arguments, base, shared, gates, states)


def backward(
    cell: Cell,
    states: Some,
    kept: Tensors,
    grads: Some,
    terms: Tensors,
    matrices: Tensors,
    shared: bool,
    wanted: Sequence[bool],
) -> list[Tensor]:
    """Return gradients of base, states, terms and matrices, in this order and of their shapes: those that are wanted.

    Args:
        states, terms, matrices: as `forward` took them.
        kept: what it returned after its outputs.
        grads: of its outputs, [*rows, hidden] each; None for zeros.
        shared: whether base was a bias.
        wanted: for each of base, states, terms and matrices.
    """
    arguments = _arguments(cell, kept[-1], states, terms, matrices).pointing_at(terms, matrices)
    outs = _empty(arguments, states, kept, terms, matrices, shared, wanted)
    grads = [_dense(t) for t in grads]
    n, m = len(states), len(terms)
    base, of_states, of_terms, of_matrices = (
        outs[0],
        outs[1 : n + 1],
        outs[n + 1 : n + 1 + m],
        outs[n + 1 + m :],
    )
    term_places, matrix_places = _addresses(of_terms), _addresses(of_matrices)
    ends = {
        "grad_base": None if shared else pointer(base),
        "grad_bias": pointer(base) if shared else None,
        "grad_terms": term_places.ctypes.data,
        "grad_matrices": matrix_places.ctypes.data,
    }
    cell.grad(arguments, states, kept, grads, ends, of_states)
    return [out for out in outs if out is not None]


def empty_gradients(
    cell: Cell,
    states: Some,
    kept: Tensors,
    terms: Tensors,
    matrices: Tensors,
    shared: bool,
    wanted: Sequence[bool],
) -> list[Tensor]:
    """Return uninitialised gradients of base, states, terms and matrices, in this order and of their shapes.

    Args: as `backward`'s, without `grads`. Those that aren't wanted are left out.
    """
    arguments = _arguments(cell, kept[-1], states, terms, matrices)
    outs = _empty(arguments, states, kept, terms, matrices, shared, wanted)
    return [out for out in outs if out is not None]


def _empty(
    arguments: CellArguments,
    states: Some,
    kept: Tensors,
    terms: Tensors,
    matrices: Tensors,
    shared: bool,
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    like = kept[-1]
    shapes: list[tuple[int, ...]] = [(arguments.width,) if shared else (*arguments.rows, arguments.width)]
    shapes += [() if t is None else tuple(t.shape) for t in (*states, *terms, *matrices)]
    return [like.new_empty(shape) if want else None for shape, want in zip(shapes, wanted, strict=True)]


def _arguments(cell: Cell, base: Tensor, states: Some, terms: Tensors, matrices: Tensors) -> CellArguments:
    width = base.shape[-1] if base.ndim else 0
    hidden, name = width // cell.n_gates, cell.name
    if base.ndim == 0 or width % cell.n_gates:
        expected = f"a last axis that {cell.n_gates} gates share evenly"
        raise GraphError(problem(f"{name}: base", f"shape {tuple(base.shape)}", expected, "check its width"))
    given = [t for t in (*states, *terms, *matrices) if t is not None]
    if {t.dtype for t in (base, *given)} - {base.dtype} or base.dtype not in _CODES:
        names = " and ".join(sorted({str(t.dtype) for t in (base, *given)}))
        raise TypeError(problem(name, names, "float32 or float64 alike", "cast them"))
    of_rows = [t for t, shape_of in zip(states, cell.states) if shape_of == "rows" and t is not None]
    rows = tuple((base if base.ndim > 1 else (*terms, *of_rows, base)[0]).shape[:-1])
    for tensor, shape_of in zip(states, cell.states):
        shape = (*rows, hidden) if shape_of == "rows" else (shape_of, hidden)
        if tensor is not None and tuple(tensor.shape) != shape:
            raise GraphError(
                problem(f"{name}: state", f"shape {tuple(tensor.shape)}", f"{shape}", "reshape it")
            )
    if len(terms) != len(matrices):
        got = f"{len(terms)} terms and {len(matrices)} matrices"
        raise GraphError(problem(name, got, "as many", "pass a matrix for each term"))
    for term, matrix in zip(terms, matrices):
        if tuple(term.shape[:-1]) != rows or tuple(matrix.shape) != (term.shape[-1], width):
            got = f"a term of shape {tuple(term.shape)} and a matrix of {tuple(matrix.shape)}"
            raise GraphError(problem(name, got, f"{(*rows, 'd')} and ('d', {width})", "check their widths"))
    return CellArguments(rows, width, hidden)


def _addresses(tensors: Some) -> np.ndarray:
    return np.array([pointer(tensor) or 0 for tensor in tensors], np.int64)


def _dense(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach().resolve_neg().contiguous()


def _strided(tensor: Tensor | None) -> tuple[Tensor, int]:
    """Return (a tensor whose rows are dense and evenly spaced, their distance): half of the gates is one as it is."""
    assert tensor is not None
    strides, shape = tensor.stride(), tensor.shape
    even = all(strides[k] == strides[k + 1] * shape[k + 1] for k in range(tensor.ndim - 2))
    if tensor.ndim > 1 and strides[-1] == 1 and even:
        return tensor, strides[-2]
    return tensor.contiguous(), shape[-1]


def _lstm_step(
    arguments: CellArguments, base: Tensor, shared: bool, gates: Tensor, states: Some
) -> list[Tensor]:
    c, peephole = map(_dense, states)
    new, h = arguments.state(gates), arguments.state(gates)
    library.native.lstm_step(
        base=base.data_ptr(),
        shared=shared,
        **arguments.products,
        cell=pointer(c),
        peephole=pointer(peephole),
        gates=pointer(gates),
        new_cell=pointer(new),
        h=pointer(h),
        **arguments.ending(gates),
    )
    return [h, new, gates]


def _lstm_grad(
    arguments: CellArguments, states: Some, kept: Tensors, grads: Some, ends: Any, outs: Some
) -> None:
    c, peephole = map(_dense, states)
    (_, new, gates), (grad_h, grad_c) = kept, grads
    grad_cell, grad_peephole = outs
    library.native.lstm_step_grad(
        gates=pointer(gates),
        cell=pointer(c),
        new_cell=pointer(new),
        peephole=pointer(peephole),
        grad_h=pointer(grad_h),
        grad_new_cell=pointer(grad_c),
        **arguments.products,
        **ends,
        grad_cell=pointer(grad_cell),
        grad_peephole=pointer(grad_peephole),
        **arguments.ending(gates),
    )


def _gates_step(
    arguments: CellArguments, base: Tensor, shared: bool, gates: Tensor, states: Some
) -> list[Tensor]:
    h = _dense(states[0])
    reset = arguments.state(gates)
    if h is None:
        reset.zero_()
    library.native.gru_gates(
        base=base.data_ptr(),
        shared=shared,
        **arguments.products,
        h=pointer(h),
        gates=pointer(gates),
        reset=pointer(reset),
        **arguments.ending(gates),
    )
    return [reset, gates[..., arguments.hidden :], gates]


def _gates_grad(
    arguments: CellArguments, states: Some, kept: Tensors, grads: Some, ends: Any, outs: Some
) -> None:
    gates, h = kept[-1], _dense(states[0])
    grad_reset, grad_z = grads
    library.native.gru_gates_grad(
        gates=pointer(gates),
        h=pointer(h),
        grad_reset=pointer(grad_reset),
        grad_z=pointer(grad_z),
        **arguments.products,
        **ends,
        grad_h=pointer(outs[0]),
        **arguments.ending(gates),
    )


def _output_step(
    arguments: CellArguments, base: Tensor, shared: bool, gates: Tensor, states: Some
) -> list[Tensor]:
    (z, stride), h = _strided(states[0]), _dense(states[1])
    out = arguments.state(gates)
    library.native.gru_output(
        base=base.data_ptr(),
        shared=shared,
        **arguments.products,
        z=pointer(z),
        z_stride=stride,
        h=pointer(h),
        candidate=pointer(gates),
        out=pointer(out),
        **arguments.ending(gates),
    )
    return [out, gates]


def _output_grad(
    arguments: CellArguments, states: Some, kept: Tensors, grads: Some, ends: Any, outs: Some
) -> None:
    (z, stride), h, candidate = _strided(states[0]), _dense(states[1]), kept[-1]
    grad_z, grad_h = outs
    library.native.gru_output_grad(
        candidate=pointer(candidate),
        z=pointer(z),
        z_stride=stride,
        h=pointer(h),
        grad_out=pointer(grads[0]),
        **arguments.products,
        **ends,
        grad_z=pointer(grad_z),
        grad_h=pointer(grad_h),
        **arguments.ending(candidate),
    )


LSTM = Cell("lstm_step", 4, 2, ("rows", 3), _lstm_step, _lstm_grad)
GRU_GATES = Cell("gru_gates", 2, 2, ("rows",), _gates_step, _gates_grad)
GRU_OUTPUT = Cell("gru_output", 1, 1, ("rows", "rows"), _output_step, _output_grad)
