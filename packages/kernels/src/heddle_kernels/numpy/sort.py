"""Sorting by id on numpy: a stable counting sort, and the adjacency built from two of them."""

import numpy as np

from heddle.adjacency import Adjacency
from heddle_kernels import library, shapes
from heddle_kernels.numpy.arrays import ids, pointer


def index_sort(index: np.ndarray, num_values: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort ids in [0, num_values), keeping the order of equal ones.

    Returns: (order [e], indptr [num_values + 1]) in the dtype of the ids, such that `index[order]` is sorted and
        value v stands at positions indptr[v] to indptr[v + 1] of it.

    Raises:
        GraphError: an id out of range.
    """
    (index,), code = ids("index_sort", index)
    order, indptr = np.empty_like(index), np.empty(num_values + 1, index.dtype)
    pointers = map(pointer, (index, order, indptr))
    status = library.native.heddle_index_sort(*pointers, len(index), num_values, code, 0)
    if status:
        library.raise_error(status)
    return order, indptr


def build_adjacency(
    senders: np.ndarray, receivers: np.ndarray, n_senders: int, n_receivers: int
) -> Adjacency:
    """Sort edges by receiver and by sender: `heddle.adjacency.build_adjacency`, the same arrays, natively.

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
    sizes = [len(senders)] * 2 + [n_receivers + 1] + [len(senders)] * 2 + [n_senders + 1, len(senders)]
    arrays = [np.empty(size, dtype) for size in sizes]
    code = library.INT32 if fits else library.INT64
    status = library.native.heddle_build_adjacency(
        *(pointer(senders), pointer(receivers), len(senders), n_senders, n_receivers),
        *map(pointer, arrays),
        *(code, 0),
    )
    if status:
        library.raise_error(status)
    return Adjacency(*arrays)


def _check_range(name: str, array: np.ndarray, bound: int) -> None:
    """Raise for ids that a cast to int32 would wrap into range."""
    if len(array) and (int(array.min()) < 0 or int(array.max()) >= bound):
        at = int(np.argmax((array < 0) | (array >= bound)))
        raise shapes.out_of_range(f"build_adjacency: {name}[{at}]", int(array[at]), bound)
