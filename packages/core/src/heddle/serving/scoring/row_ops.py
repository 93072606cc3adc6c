"""RowOps: the primitives on numpy so that each row of a result depends on its own inputs alone, to the last bit.

A product of BLAS adds in an order that depends on how many rows it is given: a row scored alone gets other bits than in
a batch. Here a product adds its terms in the order of the matrix's rows, and a sum over edges in that of the edges,
whatever else is computed beside it, on any number of threads.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from heddle.errors import PluginError
from heddle.graphs.adjacency import Adjacency
from heddle.graphs.graph import Array
from heddle.ops.reference import NumpyOps
from heddle.sampling.rows import sum_rows
from heddle.serving.scoring.plan import MakeEmbedder

log = logging.getLogger(__name__)

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


def row_matmul(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Multiply rows by a matrix, term by term in the order of its rows: [n, k], [k, m] -> [n, m].

    What a kernel "row_matmul" for library "numpy" gives too, up to how it rounds a term: the reference rounds each
    product and each sum, a kernel may round them together.

    >>> row_matmul(np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [4.0, 5.0]])).tolist()
    [[11.0, 10.0]]
    """
    out = np.zeros((len(x), matrix.shape[1]), np.result_type(x, matrix))
    for column, row in zip(np.asarray(x).T, np.asarray(matrix)):
        out += column[:, None] * row
    return out


class RowOps(NumpyOps):
    """NumpyOps whose rows don't depend on each other.

    A row of a table of embeddings that isn't there, of a node that came after training, is zeros.

    Args:
        product: as `row_matmul`.
        sums: as `heddle.sampling.rows.sum_rows`.
    """

    def __init__(self, product: Product = row_matmul, sums: Callable[..., np.ndarray] = sum_rows):
        self._sums = sums

        class Weight(np.ndarray):
            """A parameter, or made of parameters alone: what is multiplied by it goes through the product of rows."""

            def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
                plain = [each.view(np.ndarray) if isinstance(each, np.ndarray) else each for each in inputs]
                if ufunc is np.matmul and method == "__call__" and not kwargs:
                    result = times(*plain)
                else:
                    result = getattr(ufunc, method)(*plain, **kwargs)
                all_weights = all(isinstance(each, Weight) for each in inputs if isinstance(each, np.ndarray))
                return result.view(Weight) if all_weights and isinstance(result, np.ndarray) else result

        def times(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
            x, matrix = np.asarray(x), np.asarray(matrix)
            if matrix.ndim != 2:
                result: np.ndarray = np.matmul(x, matrix)
                return result
            rows = product(x.reshape(-1, x.shape[-1]), matrix)
            return rows.reshape(*x.shape[:-1], matrix.shape[1])

        self._weight, self._times = Weight, times

    def weights(self, params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return parameters (name -> array) as these ops read them, of the same names and shapes."""
        return {name: np.ascontiguousarray(value).view(self._weight) for name, value in params.items()}

    def matmul(self, x: Array, weight: Array) -> Array:
        return self._times(x, weight)

    def gather(self, x: Array, index: Array) -> Array:
        if type(x) is np.ndarray or not len(index) or int(index.max()) < len(x):
            return np.asarray(x)[index]
        rows = np.zeros((len(index), *x.shape[1:]), x.dtype)
        known = index < len(x)
        rows[known] = np.asarray(x)[index[known]]
        return rows

    def spmm(self, adjacency: Adjacency, x: Array, weight: Array | None = None) -> Array:
        if x.ndim != 2 or (weight is not None and weight.ndim != 1):
            return super().spmm(adjacency, x, weight)
        x = np.ascontiguousarray(x)
        weights = None if weight is None else np.asarray(weight, x.dtype)
        return self._sums(np.asarray(x), adjacency.senders, adjacency.indptr, weights)

    def segment_sum(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        out = np.zeros((num_segments, *data.shape[1:]), data.dtype)
        np.add.at(out, segment_ids, data)
        return out


def row_ops(registry: Any) -> RowOps:
    """Return RowOps on the kernels that are installed; else on core's own, and the reason in the log."""
    product = _kernel(registry, "row_matmul") or row_matmul
    return RowOps(product, _kernel(registry, "sum_rows") or sum_rows)


def embedder_of(registry: Any) -> MakeEmbedder | None:
    """Return the kernel "live_embed"; None where none is installed, and the reason in the log."""
    kernel: MakeEmbedder | None = _kernel(registry, "live_embed")
    return kernel


def _kernel(registry: Any, name: str) -> Any:
    try:
        return registry.find_kernel(name, library="numpy", device="cpu")
    except PluginError as error:
        log.warning("scores: %s runs in plain numpy, slowly: %s", name, error)
        return None
