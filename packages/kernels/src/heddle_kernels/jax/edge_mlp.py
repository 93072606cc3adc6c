"""edge_mlp on JAX: edges through an MLP, and their sums at both ends, without the hidden layer ever in memory."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle_kernels.jax.compat import native_calls
from heddle_kernels.jax.csr_arrays import SIZE, CsrArrays
from heddle_kernels.jax.edge_sum import edge_sum, edge_take
from heddle_kernels.jax.fused import Mask, fused

EDGES, FIRST, RECEIVED, SENT, SECOND, BIAS = range(6)


def _plain(*operands: Array, by_sender: bool) -> tuple[Array, ...]:
    csr, (edges, first, received, sent, second, bias) = CsrArrays(*operands[:SIZE]), operands[SIZE:]
    hidden = edge_take(csr, received, False) + edge_take(csr, sent, True) + edges @ first
    out = jax.nn.relu(hidden) @ second + bias[None]
    return _with_sent(csr, out, edge_sum(csr, out, False), by_sender)


def _with_sent(csr: CsrArrays, out: Array, total: Array, by_sender: bool) -> tuple[Array, ...]:
    return (out, total, edge_sum(csr, out, True)) if by_sender else (out, total)


def _on_cpu(*operands: Array, by_sender: bool) -> tuple[Array, ...]:
    csr, values = CsrArrays(*operands[:SIZE]), operands[SIZE:]
    width, like = values[SECOND].shape[1], values[SECOND].dtype
    shapes = {
        "out": ((csr.senders.shape[0], width), like),
        "total": ((csr.rows(False), width), like),
    }
    results = native_calls("edge_mlp", shapes, **_given(csr, values), bias=values[BIAS])
    return _with_sent(csr, results["out"], results["total"], by_sender)


def _given(csr: CsrArrays, values: Sequence[Array]) -> dict[str, Any]:
    """Return the operands that the handlers of edge_mlp and of its gradient begin with."""
    names = ("edges", "first", "received", "sent", "second")
    return {"indptr": csr.indptr, "ids": csr.senders} | dict(zip(names, values))


def _gradient_on_cpu(*operands: Array, want: Mask, have: Mask, by_sender: bool) -> tuple[Array, ...]:
    csr, values = CsrArrays(*operands[:SIZE]), operands[SIZE : SIZE + 6]
    edges, first, received, _, second, bias = values
    given, n = iter(operands[SIZE + 6 :]), csr.senders.shape[0]
    d_out, *d_sums = (next(given) if each else None for each in (*have, False)[:3])
    if d_out is None:
        d_out = jnp.zeros_like(second, shape=(n, second.shape[1]))
    shapes = {
        "d_hidden": (n, first.shape[1]),
        "d_received": received.shape,
        "d_first": first.shape,
        "d_second": second.shape,
        "d_bias": bias.shape,
        "d_edges": edges.shape if want[EDGES] else None,
    }
    grads = native_calls(
        "edge_mlp_grad",
        {name: None if shape is None else (shape, second.dtype) for name, shape in shapes.items()},
        # what is read of d_out has no further use
        aliases={"d_out": "d_hidden"} if d_out.shape == shapes["d_hidden"] else {},
        **_given(csr, values),
        d_out=d_out,
        d_total=d_sums[0],
        d_sent_total=d_sums[1],
    )
    grads["d_sent"] = edge_sum(csr, grads["d_hidden"], True) if want[SENT] else grads["d_hidden"]
    names = ("d_edges", "d_first", "d_received", "d_sent", "d_second", "d_bias")
    return tuple(grads[name] for name, wanted in zip(names, want) if wanted)


_edge_mlp = fused(
    "edge_mlp", fixed=SIZE, values=6, plain=_plain, on_cpu=_on_cpu, gradient_on_cpu=_gradient_on_cpu
)


def edge_mlp(
    csr: CsrArrays,
    edges: Array | None,
    first: Array | None,
    received: Array,
    sent: Array,
    second: Array,
    bias: Array,
    by_sender: bool,
) -> tuple[Any, ...]:
    """Return relu(edges first + received[r] + sent[s]) second + bias of each edge (s, r), and its sums at both ends.

    Args:
        csr: the edges.
        edges, first: [n_edges, k], in the adjacency's order, and [k, hidden]; None for none.
        received, sent: [n_receivers, hidden], [n_senders, hidden].
        second, bias: [hidden, width], [width].
        by_sender: whether to sum by sender.

    Returns: [n_edges, width]; [n_receivers, width]; and [n_senders, width] or None. float32 or float64, as came.
    """
    if edges is None or first is None:
        edges = jnp.zeros_like(received, shape=(csr.senders.shape[0], 0))
        first = jnp.zeros_like(second, shape=(0, second.shape[0]))
    results = _edge_mlp(*csr, edges, first, received, sent, second, bias, by_sender=by_sender)
    return (*results, None)[:3]
