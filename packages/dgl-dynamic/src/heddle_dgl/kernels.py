"""Kernels for the one product that dominates: heddle-kernels where they are installed, DGL's, or torch's CSR."""

import logging
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from heddle.adjacency import Adjacency
from heddle.errors import ConfigError, PluginError, nearest
from heddle_dgl.fused import TORCH_STEPS, Steps
from heddle_dgl.identity import IdentityCache
from heddle_dgl.ops import Kernel

log = logging.getLogger(__name__)

_STEPS = ("lstm_step", "gru_gates", "gru_output")

KERNELS = ("auto", "heddle", "torch", "dgl")


def kernel_named(name: str, device: torch.device) -> tuple[str, Kernel | None]:
    """Return (which it is, the kernel; None for torch's CSR product) of "auto" or one of KERNELS.

    "auto" takes heddle-kernels through the registry where they are installed, else torch: DGL's are slower, and
    take seconds to import.

    Raises:
        ConfigError: an unknown name.
        PluginError: a named kernel that isn't installed; says why.
    """
    if name not in KERNELS:
        raise ConfigError(
            f"backend.kernel: found {name!r}, expected one of {list(KERNELS)}{nearest(str(name), KERNELS)}"
        )
    if name == "torch":
        return "torch", None
    if name == "dgl":
        return "dgl", dgl_kernel()
    from heddle.plugins.registry import load_plugins

    try:
        found = load_plugins().find_kernel("spmm", library="torch", device=device.type)
    except PluginError as error:
        if name == "heddle":
            raise
        log.info("messages by torch: %s", error)
        return "torch", None
    return "heddle", found


def steps_named(name: str, device: torch.device, dtype: torch.dtype) -> Steps:
    """Return heddle-kernels' steps of cells where kernel `name` lets them and they are there, else torch's.

    They compute in float32 and float64.
    """
    if name not in ("auto", "heddle") or dtype not in (torch.float32, torch.float64):
        return TORCH_STEPS
    from heddle.plugins.registry import load_plugins

    registry = load_plugins()
    try:
        found = [registry.find_kernel(each, library="torch", device=device.type) for each in _STEPS]
        return Steps(found[0], found[1], found[2], by_step=True)
    except PluginError as error:
        log.info("steps of cells by torch: %s", error)
        return TORCH_STEPS


def dgl_kernel() -> Kernel:
    """Return DGL's sparse product; each adjacency becomes a DGLGraph once.

    Raises:
        PluginError: DGL isn't installed.
    """
    dgl = import_dgl()
    graphs: IdentityCache[Any] = IdentityCache()

    def product(adjacency: Adjacency, x: Tensor, weight: Tensor | None) -> Tensor:
        pair = graphs.get(adjacency.senders, adjacency.receivers, make=lambda: _both_ways(dgl, adjacency))
        return _DglSpmm.apply(x, weight, *pair, dgl.ops)

    return product


def import_dgl() -> Any:
    """Return the module dgl, which takes seconds to import, without its deprecation warnings.

    Raises:
        PluginError: it isn't installed or fails to import.
    """
    import os
    import warnings

    os.environ.setdefault("DGLBACKEND", "pytorch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import dgl
            import dgl.ops
    except Exception as error:
        raise PluginError(
            f"dgl: found no usable DGL ({type(error).__name__}: {error}), expected dgl 1.1.3, which has wheels up to "
            "Python 3.11; pip install 'heddle-dgl-dynamic', or set backend.kernel=torch"
        ) from error
    return dgl


def _both_ways(dgl: Any, adjacency: Adjacency) -> tuple[Any, Any]:
    """Return the edges, in the adjacency's order, as a DGLGraph from nodes "s" to nodes "r", and turned round."""
    sizes = {"s": adjacency.n_senders, "r": adjacency.n_receivers}
    ends = (adjacency.senders.contiguous(), adjacency.receivers.contiguous())
    graph = dgl.heterograph({("s", "e", "r"): ends}, num_nodes_dict=sizes)
    return graph, dgl.heterograph({("r", "e", "s"): ends[::-1]}, num_nodes_dict=sizes)


class _DglSpmm(Function):
    """DGL's u_mul_e_sum as a function that is closed under differentiation in x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, graph: Any, back: Any, ops: Any) -> Tensor:
        ctx.rest = weight, graph, back, ops
        if weight is None:
            return ops.copy_u_sum(graph, x)
        return ops.u_mul_e_sum(graph, x, weight[:, None])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        weight, graph, back, ops = ctx.rest
        return _DglSpmm.apply(grad.contiguous(), weight, back, graph, ops), None, None, None, None
