"""Layouts of native/include/heddle_relational.h: sums over relations as tables of numbers, in any array library.

A call has two lists of arrays, floats and structure; a layout says by their places in these lists what each of them is.
"""

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import GraphError, problem
from heddle.relational.bundle import AggregateFirst, Bundle
from heddle_kernels.library import native, raise_error

for _name in ("heddle_relational_conv", "heddle_relational_conv_grad"):
    getattr(native, _name).argtypes = [ctypes.c_void_p] * 11

NONE = -1
"""The place of an array that isn't there."""

# Columns of a layout's tables: places of arrays, then numbers.
X, ROOT, BIAS, FIRST_ROW, NODES, IN_DIM = range(6)
INDPTR, IDS, T_INDPTR, T_IDS, T_ORDER, WEIGHT, SCALE, SOURCES, MATRICES, TABLE, ORDER = range(11)
FIRST, SOURCE, EDGES, COLUMNS, ROWS, RELATIONS, COUNT, TARGETS, AGGREGATE = range(11, 20)
RECEIVERS, RECEIVED, TYPE = range(3)
_WIDTHS = (6, 20, 3)
_HEAD = 5
"""A layout's first numbers: types, bundles, targets, rows of the result, out_dim."""


class Layout(NamedTuple):
    """What the arrays of one call are.

    Attributes:
        types: [n_types, 6] places of x, root and bias among the floats, first row in the result; nodes, in_dim.
        bundles: [n_bundles, 20] places of indptr, ids, t_indptr, t_ids, t_order, weight, scale and sources among the
            structure, of the array with the bundle's matrices among the floats, of its table and of the layer's order
            among the structure, and the bundle's first relation in the order, or its first matrix where there is none;
            source, edges, columns, rows, relations, matrices, targets, aggregate_first.
        targets: [n_targets, 3] place of the receivers, their number, and the target's type.
        sizes: rows of the result, out_dim.
    """

    types: np.ndarray
    bundles: np.ndarray
    targets: np.ndarray
    sizes: np.ndarray

    @classmethod
    def read(cls, numbers: Sequence[int]) -> "Layout":
        """Take the numbers of a Request's layout apart."""
        flat = np.array(numbers, np.int64)
        counts = flat[:3].tolist()
        ends = np.cumsum([_HEAD, *(count * width for count, width in zip(counts, _WIDTHS))]).tolist()
        types, bundles, targets = (
            flat[first:last].reshape(-1, width) for first, last, width in zip(ends, ends[1:], _WIDTHS)
        )
        return cls(types, bundles, targets, flat[3:_HEAD])

    def roles(self) -> tuple[set[int], set[int]]:
        """Return the places of features among the floats, and those of the matrices that they are multiplied by."""
        featured = self.types[:, X] != NONE
        features = self.types[featured, X]
        matrices = self.bundles[featured[self.bundles[:, SOURCE]], MATRICES]
        paired = np.concatenate([self.types[featured, ROOT], matrices])
        return {int(i) for i in features}, {int(i) for i in paired} - {NONE}

    def numbers(self) -> set[int]:
        """Return the places of tables and orders among the structure, which are int64 whatever the ids are."""
        return {int(i) for i in self.bundles[:, [TABLE, ORDER]].flat} - {NONE}

    def partial(self, count: int) -> set[int]:
        """Return the places among `count` floats of matrices that relations don't all have, or none has."""
        used = dict.fromkeys(range(count), 0)
        used.update({place: 1 for place in self.types[:, [X, ROOT, BIAS]].flat})
        sizes = dict.fromkeys(used, 1)
        for place, relations, matrices in self.bundles[:, [MATRICES, RELATIONS, COUNT]].tolist():
            used[place] += relations
            sizes[place] = matrices
        return {place for place in range(count) if used[place] < sizes[place]}


class Request(NamedTuple):
    """A call: its lists of arrays, the numbers of its Layout, and the rows of each node type in the result."""

    floats: list[Any]
    structure: list[Any]
    layout: list[int]
    rows: dict[str, int]
    out_dim: int


def request(
    bundles: Sequence[tuple[str, Bundle]],
    x: Mapping[str, Any],
    weights: Any,
    roots: Mapping[str, Any],
    biases: Mapping[str, Any],
    order: Any = None,
) -> Request:
    """Lay out the arguments of `heddle.relational.conv.relational_conv`.

    Raises:
        GraphError: shapes that don't fit each other.
    """
    together = not isinstance(weights, (list, tuple))
    floats: list[Any] = []
    structure: list[Any] = []
    nodes = _nodes(bundles, x, roots, weights if not together else [weights] * len(bundles))
    results = list(
        dict.fromkeys([*roots, *(t for source, b in bundles if source in x for t in sorted(b.entered))])
    )
    places = {kind: place for place, kind in enumerate(nodes)}
    arrays = [weights] if together else weights
    out_dim = _out_dim([*arrays, *roots.values()])
    types: list[int] = []
    first_rows, first = {}, 0
    for kind in results:
        first_rows[kind], first = first, first + nodes[kind]
    for kind, count in nodes.items():
        own, root, bias = x.get(kind), roots.get(kind), biases.get(kind) if kind in first_rows else None
        in_dim = count if own is None else own.shape[1]
        _check(f"root of {kind!r}", root, (in_dim, out_dim))
        _check(f"bias of {kind!r}", bias, (out_dim,))
        types += (_add(floats, own), _add(floats, root), _add(floats, bias))
        types += (first_rows.get(kind, NONE), count, in_dim)
    shared = _add(floats, weights) if together and bundles else NONE
    ordered = _add(structure, order if together else None)
    tables: list[int] = []
    targets: list[int] = []
    seen = n_bundles = 0
    for position, (source, bundle) in enumerate(bundles):
        count = bundle.table.shape[0]
        if source in x:
            in_dim = types[places[source] * _WIDTHS[0] + IN_DIM]
            weight = weights if together else weights[position]
            matrices = weight.shape[0] if together else count
            _check(f"weights from {source!r}", weight, (matrices, in_dim, out_dim))
            _check(f"table from {source!r}", bundle.table, (count, 3))
            at = (shared, seen) if together else (_add(floats, weight), 0)
            own = _structure(bundle, structure)
            table = _add(structure, bundle.table)
            tables += (*own, at[0], table, ordered, at[1], places[source], *_sizes(bundle, matrices))
            for kind in sorted(bundle.entered):
                rows = bundle.entered[kind].rows
                targets += (_add(structure, rows), 0 if rows is None else rows.shape[0], places[kind])
            n_bundles += 1
        seen += count
    if together and bundles and order is None and seen != weights.shape[0]:
        found, wanted = f"{weights.shape[0]} weights", f"{seen}, one a relation"
        raise GraphError(problem("relational_conv", found, wanted, "pass those of the bundles"))
    _check("order", None if ordered == NONE else order, (seen,))
    counts = (len(nodes), n_bundles, len(targets) // _WIDTHS[2])
    layout = [*counts, first, out_dim, *types, *tables, *targets]
    return Request(floats, structure, layout, {kind: nodes[kind] for kind in results}, out_dim)


def call(
    name: str,
    layout: Layout,
    floats: np.ndarray,
    structure: np.ndarray,
    y: int,
    relu: bool,
    value_bytes: int,
    codes: tuple[int, int, int],
    known: bool,
    grad: int = 0,
    grads: np.ndarray | None = None,
) -> None:
    """Call the native function.

    Args:
        name: "heddle_relational_conv" or "heddle_relational_conv_grad".
        floats, structure: addresses of the lists' arrays, dense, and a 0 after them.
        y: address of the result [rows, out_dim].
        relu: whether the result is max(0, sum).
        value_bytes: bytes of a float.
        codes: of the floats' dtype and of the ids' dtype, and the number of threads, as in heddle_kernels.h.
        known: whether a call of this function has found the structure's ids in range already.
        grad: address of the result's gradient.
        grads: addresses of the floats' gradients, 0 for those that nobody wants, and a 0 after them.
    """
    n_types, n_bundles = len(layout.types), len(layout.bundles)
    _, out_dim = layout.sizes.tolist()
    wanted = np.zeros_like(floats) if grads is None else grads
    own = layout.types[:, :FIRST_ROW]
    offsets, has_rows = layout.types[:, FIRST_ROW] * (out_dim * value_bytes), layout.types[:, FIRST_ROW] >= 0
    types = np.empty((n_types, 10), np.int64)
    types[:, 0:3], types[:, 5:8], types[:, 8:] = floats[own], wanted[own], layout.types[:, NODES:]
    types[:, 3] = np.where(has_rows, y + offsets, 0)
    types[:, 4] = np.where(has_rows & (grad != 0), grad + offsets, 0)
    bundles, place, first = layout.bundles, layout.bundles[:, MATRICES], layout.bundles[:, FIRST]
    ordered = bundles[:, ORDER] != NONE
    sizes = layout.types[bundles[:, SOURCE], IN_DIM] * (out_dim * value_bytes)
    skipped = np.where(ordered, 0, first * sizes)
    tables = np.empty((n_bundles, 20), np.int64)
    tables[:, :8] = structure[bundles[:, :MATRICES]]
    tables[:, 8], tables[:, 9] = (
        floats[place] + skipped,
        np.where(wanted[place] != 0, wanted[place] + skipped, 0),
    )
    tables[:, 10] = structure[bundles[:, TABLE]]
    tables[:, 11] = np.where(ordered, structure[bundles[:, ORDER]] + first * 8, 0)
    tables[:, SOURCE:] = bundles[:, SOURCE:]
    tables[:, COUNT] -= np.where(ordered, 0, first)
    targets = layout.targets.copy()
    targets[:, RECEIVERS] = structure[targets[:, RECEIVERS]]
    status = getattr(native, name)(
        *(
            types.ctypes.data,
            n_types,
            tables.ctypes.data,
            n_bundles,
            targets.ctypes.data,
            out_dim,
            int(relu),
        ),
        *codes,
        int(known),
    )
    if status:
        raise_error(status)


def _structure(bundle: Bundle, structure: list[Any]) -> Iterator[int]:
    """Add a bundle's arrays to the structure and yield their places."""
    adjacency = bundle.adjacency
    yield _add(structure, adjacency.indptr)
    yield _add(structure, adjacency.senders)
    yield _add(structure, adjacency.t_indptr)
    yield _add(structure, adjacency.t_receivers)
    yield NONE if bundle.weight is None else _add(structure, adjacency.t_order)
    yield _add(structure, bundle.weight)
    yield _add(structure, bundle.scale)
    yield NONE if isinstance(bundle, AggregateFirst) else _add(structure, bundle.sources)


def _sizes(bundle: Bundle, matrices: int) -> tuple[int, ...]:
    adjacency, aggregated = bundle.adjacency, int(isinstance(bundle, AggregateFirst))
    edges, columns, rows = adjacency.n_edges, adjacency.n_senders, adjacency.n_receivers
    return edges, columns, rows, bundle.table.shape[0], matrices, len(bundle.entered), aggregated


def _nodes(
    bundles: Sequence[tuple[str, Bundle]],
    x: Mapping[str, Any],
    roots: Mapping[str, Any],
    weights: Sequence[Any],
) -> dict[str, int]:
    """Return the number of nodes of each type: those of x, then those that are entered."""
    nodes = {kind: 0 if own is None else own.shape[0] for kind, own in x.items()}
    for kind, root in roots.items():
        if x[kind] is None:
            nodes[kind] = root.shape[0]
    for (source, bundle), weight in zip(bundles, weights):
        if source not in x:
            continue
        if x[source] is None:
            nodes[source] = weight.shape[1]
        for target, entered in bundle.entered.items():
            prepared = entered.nodes.shape[0]
            if x.get(target) is not None and nodes[target] != prepared:
                found = f"{nodes[target]} nodes of type {target!r}"
                expected = f"{prepared}, as prepared"
                raise GraphError(problem("relational_conv", found, expected, "prepare this graph's bundles"))
            nodes[target] = prepared
    return nodes


def _out_dim(arrays: Sequence[Any]) -> int:
    widths = {array.shape[-1] for array in arrays}
    if len(widths) > 1:
        found = f"weights and roots of {sorted(widths)} columns"
        raise GraphError(
            problem("relational_conv", found, "one number of columns", "pass those of one layer")
        )
    return widths.pop() if widths else 0


def _check(what: str, array: Any, shape: tuple[int, ...]) -> None:
    if array is not None and tuple(array.shape) != shape:
        found = f"shape {tuple(array.shape)}"
        raise GraphError(problem(f"relational_conv: {what}", found, f"{shape}", "pass those of this graph"))


def _add(arrays: list[Any], array: Any) -> int:
    """Append an array and return its place, NONE for None."""
    if array is None:
        return NONE
    arrays.append(array)
    return len(arrays) - 1
