"""The columns of a folder: its features side by side, what they are called, and how many codes they have."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.prepared.folder import Prepared, PreparedEdges, PreparedNodes
from heddle.data.prepared.mapped import side_by_side

RECENT = ": label last 20"
"""The end of the name of a history's column that `Dataset.recent` is taken from."""


def features_of(features: Mapping[str, np.ndarray], root: Path | None) -> Any:
    """Return floats as one [n, d], or {"x": floats, "codes": int32 [n, columns]} where there are codes of categories.

    What isn't there is left out: {"codes": ...} for codes alone, None for no features. An array that is alone is the
    memory-mapped one itself.
    """
    made = {}
    for name, is_float in (("x", True), ("codes", False)):
        arrays = [_columns(array) for array in features.values() if (array.dtype.kind == "f") == is_float]
        if arrays:
            made[name] = arrays[0] if len(arrays) == 1 else side_by_side(arrays, root)
    return made if "codes" in made else made.get("x")


def code_sizes(folder: Prepared) -> dict[Any, tuple[int, ...]]:
    """Return node type, or relation, -> the number of codes of each column of `features_of`, where there are codes."""
    kinds: dict[Any, PreparedNodes | PreparedEdges] = {**folder.nodes, **folder.edges}
    sizes = {key: sizes_of(block) for key, block in kinds.items()}
    return {key: of_columns for key, of_columns in sizes.items() if of_columns}


def columns_of(folder: Prepared) -> dict[Any, dict[str, tuple[str, ...]]]:
    """Return node type, or relation, -> "x" and "codes" -> the name of each column of `features_of`."""
    blocks: dict[Any, PreparedNodes | PreparedEdges] = {**folder.nodes, **folder.edges}
    named = {}
    for key, of in blocks.items():
        by_array: dict[str, tuple[str, ...]] = {}
        for name, array in of.features.items():
            columns_of_array = of.columns.get(
                name, tuple(f"{name}.{at}" for at in range(_columns(array).shape[1]))
            )
            array_name = "x" if array.dtype.kind == "f" else "codes"
            by_array[array_name] = (*by_array.get(array_name, ()), *columns_of_array)
        if by_array:
            named[key] = by_array
    return named


def recent_of(folder: Prepared, node_type: str) -> np.ndarray | None:
    """Return [n_nodes] float64: the mean of the label in an entity's last rows, unscaled; None for no such column."""
    names = columns_of(folder).get(node_type, {}).get("x", ())
    at = next((at for at, name in enumerate(names) if name.endswith(RECENT)), None)
    if at is None:
        return None
    fitted = folder.info.get("encoders", {}).get(f"{node_type}.{names[at]}.number", {})
    x = features_of(folder.nodes[node_type].features, None)
    values = np.asarray((x["x"] if isinstance(x, Mapping) else x)[:, at], np.float64)
    result: np.ndarray = values * (fitted.get("deviation") or 1.0) + fitted.get("mean", 0.0)
    return result


def sizes_of(of: PreparedNodes | PreparedEdges) -> tuple[int, ...]:
    """Return the number of codes of each column of codes of one type of nodes, or one relation; () for none."""
    return tuple(size for name in of.features for size in of.sizes.get(name, ()))


def _columns(array: np.ndarray) -> np.ndarray:
    return array[:, None] if array.ndim == 1 else array
