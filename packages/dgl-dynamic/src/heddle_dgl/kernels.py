"""Who computes what dominates: heddle-kernels where they are installed, DGL's product, or torch alone."""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from heddle.engines.plugins.kernels import Kernels
from heddle.engines.plugins.registry import load_plugins, preference
from heddle.errors import PluginError
from heddle.graphs.adjacency import Adjacency
from heddle.graphs.memo import Memo
from heddle_dgl.fused import TORCH_STEPS, Steps
from heddle_torch import kernels as base
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.digest import counted_version

log = logging.getLogger(__name__)

_STEPS = ("lstm_step", "gru_gates", "gru_output")


def kernels_named(name: str, device: torch.device) -> Kernels:
    """Return the kernels of "auto", "heddle", "torch" (see `heddle_torch.kernels`) or "dgl", whose sums are slower.

    Raises:
        ConfigError: an unknown name.
        PluginError: a named kernel that isn't installed; says why.
    """
    return base.kernels_named(name, device, {"dgl": dgl_kernels})


def ops_named(name: str, device: torch.device) -> TorchOps:
    """Return the primitives on tensors of `device`, computed by the kernels of that name.

    Raises:
        ConfigError, PluginError: see `kernels_named`.
    """
    return TorchOps(device, kernels_named(name, device).by_name)


def steps_named(name: str, device: torch.device, dtype: torch.dtype) -> Steps:
    """Return heddle-kernels' steps of cells where kernel `name` lets them and they are there, else torch's.

    They compute in float32 and float64.
    """
    if name not in ("auto", "heddle") or dtype not in (torch.float32, torch.float64):
        return TORCH_STEPS
    return _found_steps(device.type, preference())


@functools.cache
def _found_steps(device: str, prefer: tuple[str, ...]) -> Steps:
    """Look for steps of cells on one kind of device, once a process: that reads every distribution's entry points."""
    registry = load_plugins(prefer)
    try:
        kernels = [registry.find_kernel(each, library="torch", device=device) for each in _STEPS]
        return Steps(kernels[0], kernels[1], kernels[2], by_step=True)
    except PluginError as error:
        log.info("steps of cells by torch: %s", error)
        return TORCH_STEPS


def dgl_kernels() -> Mapping[str, Callable[..., Any]]:
    """Return DGL's sparse product as `spmm`; each adjacency becomes a DGLGraph once.

    Integers, and weights that want a gradient or differ by column, are left to torch.

    Raises:
        PluginError: DGL isn't installed.
    """
    dgl, torchs = import_dgl(), TorchOps()
    graphs = Memo(version=counted_version)

    def spmm(adjacency: Adjacency, x: Tensor, weight: Tensor | None = None) -> Tensor:
        fixed = weight is None or (weight.ndim == 1 and not weight.requires_grad)
        if not fixed or not x.is_floating_point():
            return torchs.spmm(adjacency, x, weight)
        dtype = x.dtype if weight is None else torch.promote_types(x.dtype, weight.dtype)
        wide = torch.promote_types(dtype, torch.float32)
        pair = graphs.get(
            (adjacency.senders, adjacency.receivers),
            adjacency.n_receivers,
            lambda: _both_ways(dgl, adjacency),
        )
        wide_weight = None if weight is None else weight.to(wide)
        y = _DglSpmm.apply(x.to(wide).flatten(1), wide_weight, *pair, dgl.ops)
        return y.reshape((adjacency.n_receivers, *x.shape[1:])).to(dtype)

    return {"spmm": spmm}


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
    """Return the edges, in the adjacency's order, as a DGLGraph from nodes "s" to nodes "r", and its transpose."""
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
