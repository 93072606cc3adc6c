"""What pyg-lib offers, under its names and in its argument order, on Heddle's kernels: for code written for pyg-lib.

    import heddle_kernels.pyg_lib_api as pyg_lib
    row, col, node, edge, *counts = pyg_lib.sampler.neighbor_sample(rowptr, col, seed, [15, 10])

`install()` puts it where PyG looks for pyg-lib; nothing is put anywhere before that call. Random numbers come from
torch's generator, so `torch.manual_seed` decides them, on any number of threads and heterogeneous ones too.

ops.py         segment_matmul, grouped_matmul, index_sort, softmax_csr, sampled_add and the like
sampler.py     neighbor_sample, hetero_neighbor_sample, subgraph, random_walk
graphs.py      graphs given as tensors, checked once and kept for the next call
operators.py   torch.ops.pyg.*, which PyG calls
install.py     install
"""

from heddle_kernels.pyg_lib_api import ops, sampler
from heddle_kernels.pyg_lib_api.install import install

__all__ = ["install", "ops", "sampler"]
