"""Every op on every structure: a table that the suites run through, and that other authors extend."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle.graphs.graph import Array
from heddle.ops.graph_ops import GraphOps
from heddle.testing.cases.graphs import Edges, edge_cases, large_edges

REDUCTIONS = ("sum", "max", "min", "mean", "std", "softmax", "logsumexp")
ACTIVATIONS = ("none", "relu", "elu", "leaky_relu", "tanh", "sigmoid", "gelu")
DIMS = {"odd": ((), (3,), (2, 3), (0,)), "hub": ((2,),), "large": ((33,),)}
"""Axes after the first that features are tried with, by structure; (3,) where a structure isn't named."""


class OpCase(NamedTuple):
    """One op on one structure with its inputs.

    Attributes:
        name: "op/structure/variant".
        floats: float64 inputs, rounded to each dtype that is tried; away from ties and kinks.
        indices: pytree of integer arrays, put on the engine as they are.
        apply: (ops, indices, *floats) -> array.
        exact: whether the result is picked rather than computed, so that every bit must agree.
        smooth: whether the gradient can be taken by differences.
    """

    name: str
    floats: tuple[np.ndarray, ...]
    indices: Any
    apply: Callable[..., Array]
    exact: bool = False
    smooth: bool = True

    @property
    def n_entries(self) -> int:
        """Number of entries of all inputs together."""
        return sum(array.size for array in self.floats)


def op_cases() -> tuple[OpCase, ...]:
    """Return the whole table; the same numbers each time."""
    cases = [case for edges in edge_cases() for case in _on(edges)]
    return (*cases, *_logits(), *_segment_matmul(), *_activate())


def large_cases() -> tuple[OpCase, ...]:
    """Return every op on `large_edges`, with 33 features: a column more than fits into vector registers."""
    return tuple(_on(large_edges()))


def adjacency_of(edges: Edges) -> Adjacency:
    """Return the edges sorted, in numpy."""
    return build_adjacency(edges.senders, edges.receivers, edges.n_senders, edges.n_receivers)


def _on(edges: Edges) -> Iterator[OpCase]:
    for cases in (_gather, _segment, _spmm, _sddmm):
        yield from cases(edges)


def _gather(edges: Edges) -> Iterator[OpCase]:
    for dims in _dims(edges):
        x = _draw(edges, edges.n_senders, *dims)

        def apply(ops: GraphOps, ids: Array, x: Array) -> Array:
            return ops.gather(x, ids)

        yield OpCase(_name("gather", edges, dims), (x,), edges.senders, apply, exact=True)


def _segment(edges: Edges) -> Iterator[OpCase]:
    for reduction in REDUCTIONS:
        for dims in _dims(edges):

            def apply(
                ops: GraphOps,
                ids: Array,
                data: Array,
                name: str = f"segment_{reduction}",
                n: int = edges.n_receivers,
            ) -> Array:
                return getattr(ops, name)(data, ids, n)

            data = _draw(edges, edges.n_edges, *dims)
            name = _name(f"segment_{reduction}", edges, dims)
            yield OpCase(name, (data,), edges.receivers, apply, exact=reduction in ("max", "min"))


def _spmm(edges: Edges) -> Iterator[OpCase]:
    adjacency, e = adjacency_of(edges), edges.n_edges

    def apply(ops: GraphOps, adjacency: Adjacency, x: Array, *weight: Array) -> Array:
        return ops.spmm(adjacency, x, *weight)

    for dims in _dims(edges):
        if not dims:
            continue  # spmm has a feature axis
        x = _draw(edges, edges.n_senders, *dims)
        yield OpCase(_name("spmm", edges, dims), (x,), adjacency, apply)
        yield OpCase(_name("spmm_weighted", edges, dims), (x, _draw(edges, e)), adjacency, apply)
    x, weight = _draw(edges, edges.n_senders, 2, 3), _draw(edges, e, 2)
    yield OpCase(_name("spmm_heads", edges, (2, 3)), (x, weight), adjacency, apply)


def _sddmm(edges: Edges) -> Iterator[OpCase]:
    adjacency = adjacency_of(edges)
    for op in ("add", "dot"):
        for dims in _dims(edges):
            if op == "dot" and not dims:
                continue  # nothing to sum over

            def apply(ops: GraphOps, adjacency: Adjacency, x: Array, y: Array, op: str = op) -> Array:
                return ops.sddmm(adjacency, x, y, op)

            x, y = _draw(edges, edges.n_receivers, *dims), _draw(edges, edges.n_senders, *dims, salt=1)
            yield OpCase(_name(f"sddmm_{op}", edges, dims), (x, y), adjacency, apply)
    for dims in _dims(edges):

        def softmax(ops: GraphOps, adjacency: Adjacency, logits: Array) -> Array:
            return ops.edge_softmax(adjacency, logits)

        logits = _draw(edges, edges.n_edges, *dims)
        yield OpCase(_name("edge_softmax", edges, dims), (logits,), adjacency, softmax)

    def degree(ops: GraphOps, adjacency: Adjacency, like: Array) -> Array:
        return ops.degree(adjacency, like)

    like = _draw(edges, 1)
    yield OpCase(_name("degree", edges, ()), (like,), adjacency, degree, exact=True, smooth=False)


def _logits() -> Iterator[OpCase]:
    """Softmax where exp overflows if it is taken too early, and where nothing but -inf is left of a segment."""
    edges = next(e for e in edge_cases() if e.name == "odd")
    large = 1e4 * _draw(edges, edges.n_edges, 3)
    masked = _draw(edges, edges.n_edges, 3)
    masked[::3, 1] = -np.inf
    masked[np.isin(edges.receivers, edges.receivers[:4])] = -np.inf
    for reduction in ("softmax", "logsumexp"):

        def apply(
            ops: GraphOps,
            ids: Array,
            data: Array,
            name: str = f"segment_{reduction}",
            n: int = edges.n_receivers,
        ) -> Array:
            return getattr(ops, name)(data, ids, n)

        yield OpCase(f"segment_{reduction}/odd/large", (large,), edges.receivers, apply)
        yield OpCase(f"segment_{reduction}/odd/masked", (masked,), edges.receivers, apply, smooth=False)

    def edge_softmax(ops: GraphOps, adjacency: Adjacency, logits: Array) -> Array:
        return ops.edge_softmax(adjacency, logits)

    adjacency = adjacency_of(edges)
    masked = masked[adjacency.order]
    yield OpCase("edge_softmax/odd/large", (large,), adjacency, edge_softmax)
    yield OpCase("edge_softmax/odd/masked", (masked,), adjacency, edge_softmax, smooth=False)


def _segment_matmul() -> Iterator[OpCase]:
    groups: dict[str, tuple[int, ...]] = {
        "none": (),
        "one": (7,),
        "empty": (0, 0, 0),
        "some_empty": (0, 5, 0, 17, 1, 0),
        "many": (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2),
        "odd": (2, 0, 7),
        "uneven": (1, 130, 2),
    }
    for name, sizes in groups.items():
        for k, m in ((3, 5),) if name != "odd" else ((1, 1), (3, 2), (16, 10), (17, 33), (0, 4), (4, 0)):
            rng = np.random.default_rng([len(sizes), k, m])
            lhs, rhs = rng.standard_normal((sum(sizes), k)), rng.standard_normal((len(sizes), k, m))

            def apply(
                ops: GraphOps, indices: None, lhs: Array, rhs: Array, sizes: tuple[int, ...] = sizes
            ) -> Array:
                return ops.segment_matmul(lhs, rhs, np.array(sizes, np.int64))

            yield OpCase(f"segment_matmul/{name}/{k}x{m}", (lhs, rhs), None, apply)


def _activate() -> Iterator[OpCase]:
    values = np.array([[-40.0, -3.25, -1.0, -0.01, 0.02], [0.5, 1.0, 2.75, 9.0, 40.0]])
    for activation in ACTIVATIONS:

        def apply(ops: GraphOps, indices: None, x: Array, name: str = activation) -> Array:
            return ops.activate(x, name)

        yield OpCase(f"activate/{activation}/moderate", (values,), None, apply)
        yield OpCase(f"activate/{activation}/nothing", (values[:0],), None, apply)
        yield OpCase(f"activate/{activation}/huge", (values * 1e3,), None, apply, smooth=False)


def _dims(edges: Edges) -> tuple[tuple[int, ...], ...]:
    return DIMS.get(edges.name, ((3,),))


def _name(op: str, edges: Edges, dims: tuple[int, ...]) -> str:
    return f"{op}/{edges.name}/{'x'.join(map(str, dims)) or 'scalar'}"


def _draw(edges: Edges, *shape: int, salt: int = 0) -> np.ndarray:
    """Draw normal numbers; arrays of one shape differ by their salt."""
    return np.random.default_rng([salt, edges.n_edges, edges.n_senders, *shape]).standard_normal(shape)
