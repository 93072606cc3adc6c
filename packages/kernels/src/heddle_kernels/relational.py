"""Layouts of native/include/heddle_relational.h: sums over relations as tables of numbers, in any array library.

A call has two lists of arrays, floats and structure; a layout says by their places in these lists what each of them is.
"""

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import GraphError, problem
from heddle.relational.bundle import AggregateFirst, Bundle, extents
from heddle_kernels.library import native, raise_error

for _name in ("heddle_relational_conv", "heddle_relational_conv_grad"):
    getattr(native, _name).argtypes = [ctypes.c_void_p] * 10

NONE = -1
"""The place of an array that isn't there."""

# Columns of a layout's tables. All but the last of the first group, and the first two of the last, are places.
X, ROOT, BIAS, FIRST_ROW, NODES, IN_DIM = range(6)
INDPTR, IDS, T_INDPTR, T_IDS, T_ORDER, WEIGHT, SCALE, SOURCES, MATRICES, FIRST_MATRIX = range(10)
SOURCE, EDGES, COLUMNS, ROWS, RELATIONS, AGGREGATE = range(10, 16)
RECEIVERS, POSITION, TARGET = range(3)
_WIDTHS = (6, 16, 5)
_HEAD = 5
"""A layout's first numbers: types, bundles, relations, rows of the result, out_dim."""


class Layout(NamedTuple):
    """What the arrays of one call are.

    Attributes:
        types: [n_types, 6] places of x, root and bias among the floats, first row in the result; nodes, in_dim.
        bundles: [n_bundles, 16] places of indptr, ids, t_indptr, t_ids, t_order, weight, scale and sources among the
            structure, of the array with the bundle's matrices among the floats, and the first of them in it; source,
            edges, columns, rows, relations, aggregate_first.
        relations: [n_relations, 5] place of the receivers, and the relation's first in them; target, columns, rows.
        sizes: rows of the result, out_dim.
    """

    types: np.ndarray
    bundles: np.ndarray
    relations: np.ndarray
    sizes: np.ndarray

    @classmethod
    def read(cls, numbers: Sequence[int]) -> "Layout":
        """Take the numbers of a Request's layout apart."""
        flat = np.array(numbers, np.int64)
        counts = flat[:3].tolist()
        ends = np.cumsum([_HEAD, *(count * width for count, width in zip(counts, _WIDTHS))]).tolist()
        types, bundles, relations = (
            flat[first:last].reshape(-1, width) for first, last, width in zip(ends, ends[1:], _WIDTHS)
        )
        return cls(types, bundles, relations, flat[3:_HEAD])

    def roles(self) -> tuple[set[int], set[int]]:
        """Return the places of features among the floats, and those of the matrices that they are multiplied by."""
        featured = self.types[:, X] != NONE
        features = self.types[featured, X]
        matrices = self.bundles[featured[self.bundles[:, SOURCE]], MATRICES]
        paired = np.concatenate([self.types[featured, ROOT], matrices])
        return {int(i) for i in features}, {int(i) for i in paired} - {NONE}


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
    static: bool,
) -> Request:
    """Lay out the arguments of `heddle.relational.conv.relational_conv`.

    Args:
        static: whether numbers are taken from shapes alone, as a compiler wants them, instead of from `table`.

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
    tables: list[int] = []
    relations: list[int] = []
    matrix = 0
    n_bundles = n_relations = 0
    for position, (source, bundle) in enumerate(bundles):
        count = bundle.table.shape[0]
        if source in x:
            in_dim = types[places[source] * _WIDTHS[0] + IN_DIM]
            weight = weights if together else weights[position]
            _check(
                f"weights from {source!r}", weight, (weight.shape[0] if together else count, in_dim, out_dim)
            )
            at = (shared, matrix) if together else (_add(floats, weight), 0)
            tables += (*_structure(bundle, structure), *at, places[source], *_sizes(bundle))
            relations += _relations(bundle, places, structure, static)
            n_bundles, n_relations = n_bundles + 1, n_relations + count
        matrix += count
    if together and bundles and matrix != weights.shape[0]:
        found, wanted = f"{weights.shape[0]} weights", f"{matrix}, one a relation"
        raise GraphError(problem("relational_conv", found, wanted, "pass those of the bundles"))
    counts = (len(nodes), n_bundles, n_relations)
    layout = [*counts, first, out_dim, *types, *tables, *relations]
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
    matrices = layout.bundles[:, MATRICES]
    sizes = layout.types[layout.bundles[:, SOURCE], IN_DIM] * (out_dim * value_bytes)
    skipped = layout.bundles[:, FIRST_MATRIX] * sizes
    gradients = wanted[matrices]
    tables = np.empty((n_bundles, 16), np.int64)
    tables[:, :8] = structure[layout.bundles[:, :MATRICES]]
    tables[:, 8], tables[:, 9] = floats[matrices] + skipped, np.where(gradients != 0, gradients + skipped, 0)
    tables[:, 10:] = layout.bundles[:, SOURCE:]
    relations = layout.relations[:, POSITION:].copy()
    receivers = structure[layout.relations[:, RECEIVERS]]
    relations[:, 0] = np.where(receivers != 0, receivers + relations[:, 0] * (8 if codes[1] else 4), 0)
    status = getattr(native, name)(
        *(
            types.ctypes.data,
            n_types,
            tables.ctypes.data,
            n_bundles,
            relations.ctypes.data,
            out_dim,
            int(relu),
        ),
        *codes,
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


def _sizes(bundle: Bundle) -> tuple[int, int, int, int, int]:
    adjacency, aggregated = bundle.adjacency, int(isinstance(bundle, AggregateFirst))
    return adjacency.n_edges, adjacency.n_senders, adjacency.n_receivers, bundle.table.shape[0], aggregated


def _relations(bundle: Bundle, places: Mapping[str, int], structure: list[Any], static: bool) -> list[int]:
    """Return the numbers of a bundle's relations, and add the receivers to the structure."""
    targets = sorted(bundle.entered)
    receivers = [_add(structure, bundle.entered[target].rows) for target in targets]
    if static:  # numpy can't be traced
        numbers, position, before = [], 0, NONE
        for extent in extents(bundle):
            place = targets.index(extent.target)
            position, before = (position if place == before else 0), place
            numbers += [receivers[place], position, places[extent.target], extent.columns, extent.rows]
            position += extent.rows
        return numbers
    target, columns, rows = np.asarray(bundle.table).reshape(-1, 3).T
    starts = np.cumsum(rows) - rows
    position = starts - starts[np.searchsorted(target, target)]  # from the first of its target
    own, of = np.array(receivers, np.int64), np.array([places[kind] for kind in targets], np.int64)
    return np.stack([own[target], position, of[target], columns, rows], axis=1).ravel().tolist()


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
