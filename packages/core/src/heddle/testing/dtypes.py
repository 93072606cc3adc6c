"""in_dtype: a pytree of arrays with its floats in one dtype."""

from typing import Any

import numpy as np

from heddle.graphs.pytree import tree_map


def in_dtype(pytree: Any, dtype: Any) -> Any:
    """Return a pytree of numpy arrays with its floats in `dtype`, and its integers and booleans as they are."""

    def cast(array: Any) -> np.ndarray:
        array = np.asarray(array)
        result: np.ndarray = array.astype(dtype) if array.dtype.kind == "f" else array
        return result

    return tree_map(cast, pytree)
