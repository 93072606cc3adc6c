"""DglConv: a convolution of DGL's own in the gates of a cell."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from heddle.graphs.memo import Memo
from heddle.nn.layers.base import Dropout, Params, Propagations, no_dropout
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import PropagationSpec
from heddle_dgl.kernels import import_dgl
from heddle_torch.digest import counted_version

_EDGES = PropagationSpec("sum", "none")


@dataclass(frozen=True)
class DglConv:
    """A module (graph, x) -> [n_nodes, out_dim], such as dgl.nn.GraphConv, as a layer.

    What it aggregates stays inside the module, so that nothing of it is cached: every gate runs it whole. Its
    parameters are drawn by Heddle, matrices by Glorot and the rest as zeros. Edge weights aren't handed on.

    Attributes:
        module: gives the formula and the shapes; its own parameters aren't used.
    """

    in_dim: int
    out_dim: int
    module: nn.Module = field(compare=False)

    def params(self) -> dict[str, ParamSpec]:
        return {
            name.replace(".", "-"): ParamSpec(tuple(p.shape), "glorot" if p.ndim > 1 else "zeros")
            for name, p in self.module.named_parameters()
        }

    def specs(self) -> tuple[PropagationSpec, ...]:
        return (_EDGES,)

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Tensor,
        dropout: Dropout = no_dropout,
    ) -> Tensor:
        a = propagations[_EDGES.signature].adjacency
        graph = _GRAPHS.get(
            (a.senders, a.receivers),
            a.n_receivers,
            lambda: import_dgl().graph((a.senders, a.receivers), num_nodes=a.n_receivers),
        )
        named = {name.replace("-", "."): value for name, value in params.items()}
        return torch.func.functional_call(self.module, named, (graph, x))


_GRAPHS = Memo(version=counted_version)


def dgl_layer(conv: Callable[..., nn.Module], **options: Any) -> Callable[[int, int], DglConv]:
    """Return (in_dim, out_dim) -> DglConv, for `integrate`: `integrate(GraphGRU, dgl_layer(dgl.nn.SAGEConv, ...))`.

    Args:
        conv: DGL's class, called with (in_dim, out_dim, **options).
    """
    return lambda in_dim, out_dim: DglConv(in_dim, out_dim, conv(in_dim, out_dim, **options))
