"""PygFields: under which names a graph's features lie in a Data, so that they come back as they were."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch_geometric.data import Data

from heddle.errors import GraphError
from heddle.graphs.graph import PyTree
from heddle.graphs.pytree import is_leaf, tree_map

LAYOUT = "heddle_layout"
STRUCTURE = frozenset({"edge_index", "num_nodes", "batch", "ptr", LAYOUT})
_EDGE_NAMES = {"x": "edge_attr", "weight": "edge_weight"}
_FREE = {"x", "y", "pos", "time"}  # properties of Data that are plain attributes


@dataclass(frozen=True)
class PygFields:
    """Pytrees of attribute names in place of arrays; not a container itself, so PyG's transforms leave it whole.

    Attributes:
        nodes, edges: by node type and edge type; key "" in a homogeneous graph.
        globals: of the graph.
        dtypes: numpy dtypes of "senders", "receivers", "n_edge" by edge type, of "n_node" by node type.
    """

    nodes: Mapping[Any, PyTree]
    edges: Mapping[Any, PyTree]
    globals: PyTree = None
    dtypes: Mapping[Any, Mapping[str, Any]] = field(default_factory=dict)


def name_leaves(pytree: PyTree, level: str, taken: set[str]) -> PyTree:
    """Return `pytree` with a name in place of each leaf, and add the names to `taken`.

    One array gets PyG's usual name, arrays in a plain dict their keys (edges: "x" is edge_attr, "weight" is
    edge_weight), anything else the level ("node", "edge" or "graph") and a number.
    """
    count = 0

    def numbered(leaf: Any) -> str:
        nonlocal count
        while f"{level}_{count}" in taken:
            count += 1
        return claimed(f"{level}_{count}")

    def claimed(name: str) -> str:
        taken.add(name)
        return name

    usual = {"node": "x", "edge": "edge_attr", "graph": "u"}[level]
    if is_leaf(pytree):
        return claimed(usual) if usual not in taken else numbered(pytree)
    if not isinstance(pytree, Mapping):
        return tree_map(numbered, pytree)
    names = {}
    for key, value in pytree.items():
        name = _EDGE_NAMES.get(key, f"edge_{key}") if level == "edge" else key
        plain = is_leaf(value) and _is_plain(name, level) and name not in taken
        names[key] = claimed(name) if plain else tree_map(numbered, value)
    return names


def read_leaves(store: Mapping[str, Any], names: PyTree) -> PyTree:
    """Return the pytree of names with the store's tensors in place of the names.

    Raises:
        GraphError: an attribute is gone.
    """

    def read(name: str) -> Any:
        if name not in store:
            raise GraphError(
                f"from_native: found no attribute {name!r}, expected it since {LAYOUT} names it; "
                f"put it back, or delete {LAYOUT} to read what is there"
            )
        return store[name]

    return tree_map(read, names)


def _is_plain(name: Any, level: str) -> bool:
    """Tell whether PyG treats an attribute of this name as features: copied, concatenated by row, never shifted."""
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
        return False
    if any(part in name for part in ("index", "face", "batch", "ptr", "adj")):
        return False
    if level == "edge":
        return name in _EDGE_NAMES.values() or not hasattr(Data, name)
    return "edge" not in name and (name in _FREE or not hasattr(Data, name))
