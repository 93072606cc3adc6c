"""RGCNConv: torch_geometric's R-GCN convolution, weights and signature, with sums over relations that are planned."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from heddle.errors import ConfigError, GraphError
from heddle.graphs.graph import EdgeSet, EdgeType, hetero_graph
from heddle.graphs.memo import Memo
from heddle.graphs.pytree import tree_map
from heddle.nn.bundles import bundles_of, prepare_bundles
from heddle.nn.layers.rgcn import RGCN
from heddle.ops.relational.bundle import Bundles
from heddle.ops.relational.plan import check_plan, plan_relations
from heddle_pyg.layers.inputs import as_array, as_tensor, check_constant
from heddle_torch.digest import contents_version, outside_transforms
from heddle_torch.kernels import ops_on

AGGREGATIONS = ("mean", "add", "sum")
ONE, PAIR = ("n", "n"), ("sent", "received")
"""Node types: the same nodes send and receive, or others do."""


class RGCNConv(nn.Module):
    """y[i] = sum over relations r of mean over r's edges (j, i) of x[j] W_r, plus x[i] root + bias.

    A state_dict goes both ways between this and torch_geometric.nn.RGCNConv: "weight", "comp", "root", "bias". The mean
    is per relation whatever the plan, the graph's size and what is installed; the answer never depends on which way it
    was computed. What is prepared of edges is kept as long as edge_index and edge_type live and stay unchanged.

    >>> conv = RGCNConv(3, 4, num_relations=2)
    >>> conv(torch.ones(2, 3), torch.tensor([[0, 1], [1, 0]]), torch.tensor([0, 1])).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        num_relations: int,
        num_bases: int | None = None,
        num_blocks: int | None = None,
        aggr: str = "mean",
        root_weight: bool = True,
        bias: bool = True,
        plan: str = "auto",
    ):
        """Draw the parameters from torch's generator, as torch_geometric does.

        Args:
            in_channels: of all nodes, or of those that send and those that receive.
            num_bases, num_blocks: as in torch_geometric's; at most one of them.
            aggr: "mean" or "sum" ("add") of a relation's messages.
            plan: one of `heddle.ops.relational.plan.PLANS` but "loop".

        Raises:
            ConfigError: bases and blocks, widths that blocks don't divide, another aggr or plan.
        """
        super().__init__()
        if aggr not in AGGREGATIONS:
            raise ConfigError(f"RGCNConv: found aggr {aggr!r}, expected one of {AGGREGATIONS}")
        if check_plan(plan) == "loop":
            raise ConfigError(
                "RGCNConv: found plan 'loop', expected a planned one; use torch_geometric's own"
            )
        self.in_channels, self.out_channels, self.num_relations = in_channels, out_channels, num_relations
        self.num_bases, self.num_blocks, self.aggr, self.plan = num_bases, num_blocks, aggr, plan
        left, right = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        RGCN((("", "", ""),), left, out_channels, num_bases or 0, num_blocks or 0)  # checks widths
        count, shape = num_relations, [left, out_channels]
        if num_bases:
            count = num_bases
        elif num_blocks:
            shape = [num_blocks, left // num_blocks, out_channels // num_blocks]
        self.weight = nn.Parameter(torch.empty(count, *shape))
        self.comp = nn.Parameter(torch.empty(num_relations, num_bases)) if num_bases else None
        self.root = nn.Parameter(torch.empty(right, out_channels)) if root_weight else None
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self._memo = Memo(version=contents_version)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw anew: glorot for matrices, zeros for the bias."""
        for parameter in (self.weight, self.comp, self.root):
            if parameter is not None:
                bound = math.sqrt(6.0 / (parameter.shape[-2] + parameter.shape[-1]))
                nn.init.uniform_(parameter, -bound, bound)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(
        self, x: Tensor | tuple[Tensor | None, Tensor] | None, edge_index: Tensor, edge_type: Tensor
    ) -> Tensor:
        """Return [n receivers, out_channels].

        Args:
            x: [n, in_channels]; [n] int rows of an embedding table that the weights are; None for all of them in order;
                or a pair, of nodes that send and nodes that receive.
            edge_index: [2, n_edges] int64, senders above receivers.
            edge_type: [n_edges] int64 in [0, num_relations).

        Raises:
            GraphError: edges of another shape, an id out of range, edges that `torch.func` goes over.
        """
        pair = isinstance(x, tuple)
        sent, received = x if isinstance(x, tuple) else (x, x)
        table = sent is None or not sent.is_floating_point()
        if table and self.num_blocks:
            raise GraphError(
                "RGCNConv: found no features, expected some with num_blocks; pass [n, in_channels]"
            )
        width = self.weight.shape[-2] if sent is None else len(sent) if table else sent.shape[1]
        n_sent = width if sent is None else len(sent)
        n_received = n_sent if received is None else len(received)
        kinds = PAIR if pair else ONE
        bundles = self._bundles(edge_index, edge_type, kinds, (n_sent, n_received), 0 if table else width)
        ops = ops_on(self.weight.device)
        params = self._params(None if sent is None or not table else sent)
        indexed = table and sent is not None
        if not pair:
            roots = {
                "root": self.root[sent] if indexed and self.root is not None else self.root,
                "bias": self.bias,
            }
            params |= {name: value for name, value in roots.items() if value is not None}
        layer = self._layer(kinds, width, dense=indexed)
        y = layer.apply_bundles(ops, params, bundles, {kinds[0]: None if table else sent})
        if kinds[1] in y and not pair:
            return y[kinds[1]]
        out = y.get(kinds[1], self.weight.new_zeros(n_received, self.out_channels))
        if self.root is not None and pair:
            out = out + (
                self.root
                if received is None
                else received @ self.root
                if received.is_floating_point()
                else self.root[received]
            )
        return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, num_relations={self.num_relations}, plan={self.plan}"
        )

    def _layer(self, kinds: tuple[str, str], width: int, dense: bool = False) -> RGCN:
        """Return the portable layer; `dense`: with a whole weight for each relation, whatever it is composed of."""
        bases, blocks = (0, 0) if dense else (self.num_bases or 0, self.num_blocks or 0)
        one_type = kinds == ONE
        root, bias = one_type and self.root is not None, one_type and self.bias is not None
        return _portable(kinds, width, self.out_channels, self.num_relations, bases, blocks, root, bias)

    def _params(self, rows: Tensor | None) -> dict[str, Tensor]:
        """Return the weights by their portable names; of some rows alone, where these are a table's."""
        if rows is not None:
            flat = self.weight.flatten(1)
            whole = flat if self.comp is None else self.comp @ flat
            return {"weight": whole.view(self.num_relations, *self.weight.shape[1:])[:, rows]}
        if self.comp is None:
            return {"weight": self.weight}
        return {"basis": self.weight, "coefficients": self.comp}

    def _bundles(
        self,
        edge_index: Tensor,
        edge_type: Tensor,
        kinds: tuple[str, str],
        counts: tuple[int, int],
        width: int,
    ) -> Bundles:
        """Return the edges by relation as the plan wants them, prepared once."""
        if edge_index.ndim != 2 or edge_index.shape[0] != 2 or edge_type.shape != edge_index.shape[1:]:
            shapes = f"{tuple(edge_index.shape)} and {tuple(edge_type.shape)}"
            raise GraphError(
                f"RGCNConv: found edge_index and edge_type of shapes {shapes}, expected [2, n] and [n]"
            )
        check_constant((edge_index, edge_type))
        relations = [_relation(kinds, i) for i in range(self.num_relations)]

        def prepare() -> Bundles:
            ends, types = as_array(edge_index), as_array(edge_type)
            bad = (types < 0) | (types >= self.num_relations)
            if bad.any():
                at = int(bad.argmax())
                raise GraphError(
                    f"edge_type[{at}]: found {types[at]}, expected an id in [0, {self.num_relations}); check the edges"
                )
            order = np.argsort(types, kind="stable")
            ends, types = ends[:, order], types[order]
            edges = {}
            for i in np.unique(types).tolist():
                first, last = np.searchsorted(types, (i, i + 1))
                senders, receivers = ends[:, first:last]
                edges[_relation(kinds, i)] = EdgeSet(None, senders, receivers, np.array([last - first]))
            sizes = {node_type: np.array([count]) for node_type, count in zip(kinds, counts)}
            graph = hetero_graph({}, edges, sizes)
            plan = plan_relations(graph, dict.fromkeys(relations, (width, self.out_channels)), self.plan)
            prepared = prepare_bundles(graph, [plan], mean=self.aggr == "mean")
            return bundles_of(tree_map(lambda leaf: as_tensor(leaf, self.weight), prepared), 0)

        inference = torch.is_inference_mode_enabled()  # its tensors can't be saved for a gradient
        key = (self.weight.dtype, self.weight.device, kinds, counts, width, inference)
        with outside_transforms():  # tensors made inside one end with it
            return self._memo.get([edge_index, edge_type], key, prepare)


def _relation(kinds: tuple[str, str], i: int) -> EdgeType:
    return kinds[0], f"{i:07d}", kinds[1]


@lru_cache(maxsize=64)
def _portable(
    kinds: tuple[str, str], width: int, out: int, count: int, bases: int, blocks: int, root: bool, bias: bool
) -> RGCN:
    relations = tuple(_relation(kinds, i) for i in range(count))
    return RGCN(relations, dict.fromkeys(kinds, width), out, bases, blocks, root, bias, share_root=True)
