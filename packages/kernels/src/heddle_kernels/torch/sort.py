"""Sorting by id on torch: a stable counting sort, and the adjacency built from two of them."""

import torch
from torch import Tensor

from heddle.graphs.adjacency import Adjacency
from heddle_kernels import library
from heddle_kernels import numpy as on_numpy
from heddle_kernels.torch.define import define, id_code


def index_sort(index: Tensor, num_values: int) -> tuple[Tensor, Tensor]:
    """Sort ids [e] in [0, num_values), keeping the order of equal ones.

    Returns: (order [e], indptr [num_values + 1]) in the dtype of the ids, such that `index[order]` is sorted and
        value v stands at positions indptr[v] to indptr[v + 1] of it.

    Raises:
        GraphError: an id out of range.
    """
    order, indptr = _index_sort(index, num_values)
    return order, indptr


def _cpu(index: Tensor, num_values: int) -> tuple[Tensor, Tensor]:
    index = index.contiguous()
    order, indptr = torch.empty_like(index), index.new_empty(num_values + 1)
    library.native.index_sort(
        ids=index.data_ptr(),
        order=order.data_ptr(),
        indptr=indptr.data_ptr(),
        count=index.shape[0],
        values=num_values,
        index=id_code("index_sort", index),
        threads=torch.get_num_threads(),
    )
    return order, indptr


_index_sort = define(
    "index_sort",
    _cpu,
    lambda index, num_values: (torch.empty_like(index), index.new_empty(num_values + 1)),
).forward


def build_adjacency(senders: Tensor, receivers: Tensor, n_senders: int, n_receivers: int) -> Adjacency:
    """Return edges sorted by receiver and by sender, as `heddle.graphs.adjacency.build_adjacency` does, natively.

    Args:
        senders, receivers: [n_edges] int, on a CPU.

    Returns: int32 tensors where every id and position fits, int64 otherwise.

    Raises:
        GraphError: an id out of range, or senders and receivers of two lengths.
    """
    arrays = on_numpy.build_adjacency(senders.numpy(), receivers.numpy(), n_senders, n_receivers)
    return Adjacency(*map(torch.from_numpy, arrays))
