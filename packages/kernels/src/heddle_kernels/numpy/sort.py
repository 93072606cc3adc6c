"""Sorting by id on numpy: a stable counting sort, and the adjacency built from two of them."""

import numpy as np

from heddle.graphs.adjacency import Adjacency
from heddle_kernels import library, shapes
from heddle_kernels.memory import pointer
from heddle_kernels.numpy.arrays import count, ids


def index_sort(index: np.ndarray, num_values: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort ids in [0, num_values), keeping the order of equal ones.

    Returns: (order [e], indptr [num_values + 1]) in the dtype of the ids, such that `index[order]` is sorted and
        value v stands at positions indptr[v] to indptr[v + 1] of it.

    Raises:
        GraphError: an id out of range.
    """
    (index,), code = ids("index_sort", index)
    num_values = count("index_sort", "num_values", num_values)
    order, indptr = np.empty_like(index), np.empty(num_values + 1, index.dtype)
    library.native.index_sort(
        ids=pointer(index),
        order=pointer(order),
        indptr=pointer(indptr),
        count=len(index),
        values=num_values,
        index=code,
        threads=0,
    )
    return order, indptr


def build_adjacency(
    senders: np.ndarray, receivers: np.ndarray, n_senders: int, n_receivers: int
) -> Adjacency:
    """Return edges sorted by receiver and by sender, as `heddle.graphs.adjacency.build_adjacency` does, natively.

    Args:
        senders, receivers: [n_edges] int.

    Returns: int32 arrays where every id and position fits, int64 otherwise.

    Raises:
        GraphError: an id out of range, or senders and receivers of two lengths.
    """
    (senders, receivers), code = ids("build_adjacency", senders, receivers)
    shapes.rows("build_adjacency", "receivers", receivers.shape, len(senders), "as many as senders")
    fits = max(n_senders, n_receivers, len(senders)) < 2**31
    if fits and code == library.INT64:
        _check_range("senders", senders, n_senders)
        _check_range("receivers", receivers, n_receivers)
    dtype = np.int32 if fits else np.int64
    senders, receivers = senders.astype(dtype, copy=False), receivers.astype(dtype, copy=False)
    n_edges = len(senders)
    built = Adjacency(
        senders=np.empty(n_edges, dtype),
        receivers=np.empty(n_edges, dtype),
        indptr=np.empty(n_receivers + 1, dtype),
        order=np.empty(n_edges, dtype),
        t_receivers=np.empty(n_edges, dtype),
        t_indptr=np.empty(n_senders + 1, dtype),
        t_order=np.empty(n_edges, dtype),
    )
    library.native.build_adjacency(
        senders=pointer(senders),
        receivers=pointer(receivers),
        edges=n_edges,
        n_senders=n_senders,
        n_receivers=n_receivers,
        sorted_senders=pointer(built.senders),
        sorted_receivers=pointer(built.receivers),
        indptr=pointer(built.indptr),
        order=pointer(built.order),
        t_receivers=pointer(built.t_receivers),
        t_indptr=pointer(built.t_indptr),
        t_order=pointer(built.t_order),
        index=library.INT32 if fits else library.INT64,
        threads=0,
    )
    return built


def _check_range(name: str, array: np.ndarray, bound: int) -> None:
    """Raise for ids that a cast to int32 would wrap into range."""
    if len(array) and (int(array.min()) < 0 or int(array.max()) >= bound):
        at = int(np.argmax((array < 0) | (array >= bound)))
        raise shapes.out_of_range(f"build_adjacency: {name}[{at}]", int(array[at]), bound)
