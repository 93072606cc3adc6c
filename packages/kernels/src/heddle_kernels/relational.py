"""Tables for native/include/heddle_relational.h: sums over relations as numbers, in any array library.

A call has two lists of arrays, floats and constants; a table says by their positions in these lists what each of them
is. Its columns are the fields of the structs that heddle_kernels/calls describes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import GraphError, problem
from heddle.ops.relational.bundle import AggregateFirst, Bundle
from heddle_kernels.calls.describe import Struct
from heddle_kernels.calls.relational import BUNDLE, NODE_TYPE, TARGET
from heddle_kernels.library import native

NONE = -1
"""The position of an array that isn't there."""


def _by_positions(struct: Struct, *also: str) -> Struct:
    """Return the row of a table for a struct: positions of arrays, not addresses; no gradients; and `also`."""
    written = {"y", "grad", *(name for name in struct.names if name.endswith("_grad"))}
    kept = [field for field in struct.fields if field[0] not in written]
    return Struct(f"{struct.name} by positions", "", [*kept, *((name, "int64_t", "") for name in also)])


TYPE = _by_positions(NODE_TYPE, "first_row")
PARTS = _by_positions(BUNDLE, "first")
"""A bundle, and its first relation in the layer's order, or its first matrix where there is none."""
_TABLES = (TYPE, PARTS, TARGET)
_HEAD = 5
"""A table's first numbers: types, bundles, targets, rows of the result, out_dim."""


class CallTable(NamedTuple):
    """What the arrays of one call are.

    Attributes:
        types: [n_types, fields of TYPE] positions of x, root and bias among the floats; numbers; first row in
            the result.
        bundles: [n_bundles, fields of PARTS] positions of matrices among the floats, and of all other arrays among
            the constants; numbers.
        targets: [n_targets, fields of TARGET] position of the receivers among the constants; numbers.
        sizes: rows of the result, out_dim.
    """

    types: np.ndarray
    bundles: np.ndarray
    targets: np.ndarray
    sizes: np.ndarray

    @classmethod
    def read(cls, numbers: Sequence[int]) -> "CallTable":
        """Take the numbers of a Request's table apart."""
        flat = np.array(numbers, np.int64)
        counts = flat[:3].tolist()
        widths = map(len, _TABLES)
        ends = np.cumsum([_HEAD, *(count * width for count, width in zip(counts, widths))]).tolist()
        types, bundles, targets = (
            flat[first:last].reshape(-1, len(struct)) for first, last, struct in zip(ends, ends[1:], _TABLES)
        )
        return cls(types, bundles, targets, flat[3:_HEAD])

    def roles(self) -> tuple[set[int], set[int]]:
        """Return the positions of features among the floats, and those of the matrices that they are multiplied by."""
        x = self.types[:, TYPE.at("x")]
        featured = x != NONE
        sources, matrices = self.bundles[:, PARTS.at("source")], self.bundles[:, PARTS.at("matrices")]
        paired = np.concatenate([self.types[featured, TYPE.at("root")], matrices[featured[sources]]])
        return {int(i) for i in x[featured]}, {int(i) for i in paired} - {NONE}

    def numbers(self) -> set[int]:
        """Return the positions of tables and orders among the constants, which are int64 whatever the ids are."""
        return {int(i) for i in self.bundles[:, [PARTS.at("table"), PARTS.at("order")]].flat} - {NONE}

    def partial(self, count: int) -> set[int]:
        """Return the positions among `count` floats of matrices that relations don't all have, or none has."""
        used = dict.fromkeys(range(count), 0)
        used.update({position: 1 for position in self.types[:, TYPE.span("x", "bias")].flat})
        sizes = dict.fromkeys(used, 1)
        columns = [PARTS.at(name) for name in ("matrices", "relations", "n_matrices")]
        for position, relations, matrices in self.bundles[:, columns].tolist():
            used[position] += relations
            sizes[position] = matrices
        return {position for position in range(count) if used[position] < sizes[position]}


class Request(NamedTuple):
    """A call: its lists of arrays, the numbers of its CallTable, and the rows of each node type in the result."""

    floats: list[Any]
    constants: list[Any]
    table: list[int]
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
    """Lay out the arguments of a relational convolution for the library.

    Args:
        bundles: (source type, Bundle) of each bundle.
        x: node type -> [n_nodes, in_dim], or None for a type without features.
        weights: [relations, in_dim, out_dim], or a list of these, one for each bundle.
        roots: node type -> [in_dim, out_dim].
        biases: node type -> [out_dim].
        order: [relations] int, the position of each relation in one array of weights; None for their order.

    Raises:
        GraphError: shapes that don't fit each other.
    """
    together = not isinstance(weights, (list, tuple))
    floats: list[Any] = []
    constants: list[Any] = []
    nodes = _nodes(bundles, x, roots, weights if not together else [weights] * len(bundles))
    results = list(
        dict.fromkeys([*roots, *(t for source, b in bundles if source in x for t in sorted(b.entered))])
    )
    positions = {node_type: position for position, node_type in enumerate(nodes)}
    arrays = [weights] if together else weights
    out_dim = _out_dim([*arrays, *roots.values()])
    types: list[int] = []
    first_rows, first = {}, 0
    for node_type in results:
        first_rows[node_type], first = first, first + nodes[node_type]
    for node_type, count in nodes.items():
        features, root = x.get(node_type), roots.get(node_type)
        bias = biases.get(node_type) if node_type in first_rows else None
        in_dim = count if features is None else features.shape[1]
        _check(f"root of {node_type!r}", root, (in_dim, out_dim))
        _check(f"bias of {node_type!r}", bias, (out_dim,))
        positions_of = {"x": _add(floats, features), "root": _add(floats, root), "bias": _add(floats, bias)}
        row = positions_of | {"nodes": count, "in_dim": in_dim, "first_row": first_rows.get(node_type, NONE)}
        types += map(row.__getitem__, TYPE.names)
    shared = _add(floats, weights) if together and bundles else NONE
    ordered = _add(constants, order if together else None)
    tables: list[int] = []
    targets: list[int] = []
    seen = n_bundles = 0
    for position, (source, bundle) in enumerate(bundles):
        count = bundle.table.shape[0]
        if source in x:
            in_dim = types[positions[source] * len(TYPE) + TYPE.at("in_dim")]
            weight = weights if together else weights[position]
            matrices = weight.shape[0] if together else count
            _check(f"weights from {source!r}", weight, (matrices, in_dim, out_dim))
            _check(f"table from {source!r}", bundle.table, (count, 3))
            row = {"matrices": shared if together else _add(floats, weight), "first": seen if together else 0}
            row |= _index_positions(bundle, constants) | _sizes(bundle, matrices)
            row |= {"order": ordered, "source": positions[source]}
            tables += map(row.__getitem__, PARTS.names)
            for node_type in sorted(bundle.entered):
                rows = bundle.entered[node_type].rows
                row = {"receivers": _add(constants, rows), "rows": 0 if rows is None else rows.shape[0]}
                row |= {"type": positions[node_type]}
                targets += map(row.__getitem__, TARGET.names)
            n_bundles += 1
        seen += count
    if together and bundles and order is None and seen != weights.shape[0]:
        got, wanted = f"{weights.shape[0]} weights", f"{seen}, one a relation"
        raise GraphError(problem("relational_conv", got, wanted, "pass those of the bundles"))
    _check("order", None if ordered == NONE else order, (seen,))
    counts = (len(nodes), n_bundles, len(targets) // len(TARGET))
    table = [*counts, first, out_dim, *types, *tables, *targets]
    return Request(floats, constants, table, {node_type: nodes[node_type] for node_type in results}, out_dim)


def call(
    name: str,
    table: CallTable,
    floats: np.ndarray,
    constants: np.ndarray,
    y: int,
    relu: bool,
    value_bytes: int,
    codes: tuple[int, int, int],
    known: bool,
    grad: int = 0,
    grads: np.ndarray | None = None,
) -> None:
    """Call a native sum over relations, or its gradients, which writes what `y` or `grads` point to.

    Args:
        name: "relational_conv" or "relational_conv_grad".
        floats, constants: addresses of the lists' arrays, dense, and a 0 after them.
        y: address of the result [rows, out_dim].
        relu: whether the result is max(0, sum).
        value_bytes: bytes of a float.
        codes: of the floats' dtype and of the ids' dtype, and the number of threads, as in heddle_kernels.h.
        known: whether a call of this function has found the ids in range already.
        grad: address of the result's gradient.
        grads: addresses of the floats' gradients, 0 for those that nobody wants, and a 0 after them.
    """
    _, out_dim = table.sizes.tolist()
    wanted = np.zeros_like(floats) if grads is None else grads
    types = _node_types(table, floats, wanted, y, grad, out_dim * value_bytes)
    bundles = _bundles(table, floats, constants, wanted, out_dim * value_bytes)
    targets = table.targets.copy()
    targets[:, TARGET.at("receivers")] = constants[targets[:, TARGET.at("receivers")]]
    dtype, index, threads = codes
    getattr(native, name)(
        types=types.ctypes.data,
        n_types=len(types),
        bundles=bundles.ctypes.data,
        n_bundles=len(bundles),
        targets=targets.ctypes.data,
        out_dim=out_dim,
        relu=int(relu),
        dtype=dtype,
        index=index,
        threads=threads,
        known=int(known),
    )


def _node_types(
    table: CallTable, floats: np.ndarray, wanted: np.ndarray, y: int, grad: int, row_bytes: int
) -> np.ndarray:
    """Return the structs of the node types, [n_types, fields of NODE_TYPE]."""
    given, row = table.types[:, TYPE.span("x", "bias")], table.types[:, TYPE.at("first_row")]
    offsets, has_rows = row * row_bytes, row >= 0
    types = np.empty((len(given), len(NODE_TYPE)), np.int64)
    types[:, NODE_TYPE.span("x", "bias")] = floats[given]
    types[:, NODE_TYPE.span("x_grad", "bias_grad")] = wanted[given]
    types[:, NODE_TYPE.at("y")] = np.where(has_rows, y + offsets, 0)
    types[:, NODE_TYPE.at("grad")] = np.where(has_rows & (grad != 0), grad + offsets, 0)
    types[:, NODE_TYPE.span("nodes", "in_dim")] = table.types[:, TYPE.span("nodes", "in_dim")]
    return types


def _bundles(
    table: CallTable, floats: np.ndarray, constants: np.ndarray, wanted: np.ndarray, row_bytes: int
) -> np.ndarray:
    """Return the structs of the bundles, [n_bundles, fields of BUNDLE]."""
    asked = table.bundles
    matrices, first, order = (asked[:, PARTS.at(name)] for name in ("matrices", "first", "order"))
    ordered = order != NONE
    in_dims = table.types[asked[:, PARTS.at("source")], TYPE.at("in_dim")]
    skipped = np.where(ordered, 0, first * in_dims * row_bytes)
    bundles = np.empty((len(asked), len(BUNDLE)), np.int64)
    bundles[:, BUNDLE.span("indptr", "sources")] = constants[asked[:, PARTS.span("indptr", "sources")]]
    bundles[:, BUNDLE.at("matrices")] = floats[matrices] + skipped
    gradients = wanted[matrices]
    bundles[:, BUNDLE.at("matrices_grad")] = np.where(gradients != 0, gradients + skipped, 0)
    bundles[:, BUNDLE.at("table")] = constants[asked[:, PARTS.at("table")]]
    bundles[:, BUNDLE.at("order")] = np.where(ordered, constants[order] + first * 8, 0)
    numbers = BUNDLE.span("source", "aggregate_first")
    bundles[:, numbers] = asked[:, PARTS.span("source", "aggregate_first")]
    bundles[:, BUNDLE.at("n_matrices")] -= np.where(ordered, 0, first)
    return bundles


def _index_positions(bundle: Bundle, constants: list[Any]) -> dict[str, int]:
    """Add a bundle's arrays to the constants and return their positions."""
    adjacency = bundle.adjacency
    return {
        "indptr": _add(constants, adjacency.indptr),
        "ids": _add(constants, adjacency.senders),
        "t_indptr": _add(constants, adjacency.t_indptr),
        "t_ids": _add(constants, adjacency.t_receivers),
        "t_order": NONE if bundle.weight is None else _add(constants, adjacency.t_order),
        "weight": _add(constants, bundle.weight),
        "scale": _add(constants, bundle.scale),
        "sources": NONE if isinstance(bundle, AggregateFirst) else _add(constants, bundle.sources),
        "table": _add(constants, bundle.table),
    }


def _sizes(bundle: Bundle, matrices: int) -> dict[str, int]:
    adjacency = bundle.adjacency
    return {
        "edges": adjacency.n_edges,
        "columns": adjacency.n_senders,
        "rows": adjacency.n_receivers,
        "relations": bundle.table.shape[0],
        "n_matrices": matrices,
        "targets": len(bundle.entered),
        "aggregate_first": int(isinstance(bundle, AggregateFirst)),
    }


def _nodes(
    bundles: Sequence[tuple[str, Bundle]],
    x: Mapping[str, Any],
    roots: Mapping[str, Any],
    weights: Sequence[Any],
) -> dict[str, int]:
    """Return the number of nodes of each type: those of x, then those that are entered."""
    nodes = {node_type: 0 if features is None else features.shape[0] for node_type, features in x.items()}
    for node_type, root in roots.items():
        if x[node_type] is None:
            nodes[node_type] = root.shape[0]
    for (source, bundle), weight in zip(bundles, weights):
        if source not in x:
            continue
        if x[source] is None:
            nodes[source] = weight.shape[1]
        for target, entered in bundle.entered.items():
            prepared = entered.nodes.shape[0]
            if x.get(target) is not None and nodes[target] != prepared:
                got = f"{nodes[target]} nodes of type {target!r}"
                expected = f"{prepared}, as prepared"
                raise GraphError(problem("relational_conv", got, expected, "prepare this graph's bundles"))
            nodes[target] = prepared
    return nodes


def _out_dim(arrays: Sequence[Any]) -> int:
    widths = {array.shape[-1] for array in arrays}
    if len(widths) > 1:
        got = f"weights and roots of {sorted(widths)} columns"
        raise GraphError(problem("relational_conv", got, "one number of columns", "pass those of one layer"))
    return widths.pop() if widths else 0


def _check(what: str, array: Any, shape: tuple[int, ...]) -> None:
    if array is not None and tuple(array.shape) != shape:
        got = f"shape {tuple(array.shape)}"
        raise GraphError(problem(f"relational_conv: {what}", got, f"{shape}", "pass those of this graph"))


def _add(arrays: list[Any], array: Any) -> int:
    """Append an array and return its position, NONE for None."""
    if array is None:
        return NONE
    arrays.append(array)
    return len(arrays) - 1
