"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from heddle.engines.hookspecs import KernelInfo, hookimpl
from heddle_kernels.cuda.library import unavailable

PLUGIN_API = (1, 0)

_PRIMITIVES = {
    "gather": "heddle_kernels.torch:gather",
    "segment_matmul": "heddle_kernels.torch:segment_matmul",
    "segment_softmax": "heddle_kernels.torch:segment_softmax",
    "edge_softmax": "heddle_kernels.torch.primitives:edge_softmax",
    "segment_max": "heddle_kernels.torch.primitives:segment_max",
    "segment_sum": "heddle_kernels.torch.primitives:segment_sum",
    "sddmm": "heddle_kernels.torch.primitives:sddmm",
    "spmm": "heddle_kernels.torch.primitives:spmm",
}
_FURTHER = {"grouped_matmul": "heddle_kernels.torch:grouped_matmul"}
_IN_JAX = {
    "matmul": "heddle_kernels.jax.primitives:matmul",
    "gather": "heddle_kernels.jax:gather",
    "segment_matmul": "heddle_kernels.jax:segment_matmul",
    "segment_softmax": "heddle_kernels.jax:segment_softmax",
    "edge_softmax": "heddle_kernels.jax.primitives:edge_softmax",
    "edge_mlp": "heddle_kernels.jax.primitives:edge_mlp",
    "edge_sum": "heddle_kernels.jax.primitives:edge_sum",
    "segment_max": "heddle_kernels.jax.primitives:segment_max",
    "segment_sum": "heddle_kernels.jax.primitives:segment_sum",
    "sddmm": "heddle_kernels.jax.primitives:sddmm",
    "spmm": "heddle_kernels.jax.primitives:spmm",
}
_IN_JAX_ON_CUDA = ("edge_softmax", "edge_sum", "sddmm", "segment_matmul", "spmm")
"""Those that XLA computes worse; for rows by id, in any order, and dense products it has what these would be."""
_CELLS = ("lstm_step", "gru_gates", "gru_output")


@hookimpl
def heddle_kernels():
    reason = unavailable()
    loaders = (_PRIMITIVES | _FURTHER).items()
    return [
        KernelInfo("partition", "numpy", "cpu", "heddle_kernels.numpy:partition"),
        KernelInfo("neighbor_sample", "numpy", "cpu", "heddle_kernels.sampling:NeighborSampler"),
        KernelInfo("live_graph", "numpy", "cpu", "heddle_kernels.live:LiveGraph"),
        KernelInfo("live_embed", "numpy", "cpu", "heddle_kernels.live:live_embed"),
        KernelInfo("relational_conv", "torch", "cpu", "heddle_kernels.torch:relational_conv", ("torch",)),
        KernelInfo("matmul", "torch", "cpu", "heddle_kernels.torch.products:matmul", ("torch",)),
        *(KernelInfo(name, "torch", "cpu", loader, ("torch",)) for name, loader in loaders),
        *(
            KernelInfo(name, "torch", "cpu", f"heddle_kernels.torch.cells.cell:{name}", ("torch",))
            for name in _CELLS
        ),
        *(KernelInfo(name, "torch", "cuda", loader, ("torch",), reason) for name, loader in loaders),
        *(KernelInfo(name, "jax", "cpu", loader, ("jax",)) for name, loader in _IN_JAX.items()),
        *(KernelInfo(name, "jax", "cuda", _IN_JAX[name], ("jax",), reason) for name in _IN_JAX_ON_CUDA),
        KernelInfo("gather", "numpy", "cpu", "heddle_kernels.numpy:gather"),
        KernelInfo("row_matmul", "numpy", "cpu", "heddle_kernels.numpy.row_matmul:row_matmul"),
        KernelInfo("sum_rows", "numpy", "cpu", "heddle_kernels.numpy:sum_rows"),
        KernelInfo("build_adjacency", "numpy", "cpu", "heddle_kernels.numpy:build_adjacency"),
    ]
