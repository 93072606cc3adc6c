"""What dynagraph.py is measured against: DGL as the paper's baseline uses it, and with the paper's caching."""

from typing import Any

import torch
from torch import Tensor

from heddle.nn.layers.gcn import GCN
from heddle.nn.params import scoped
from heddle_dgl.reuse.placed_graph import PlacedGraph
from heddle_dgl.reuse.windows import WindowBatch


class DglLayer:
    """Aggregation by update_all on a DGLGraph of all windows, in the layout [windows * nodes, d].

    `cached`: gates of a cell share what was aggregated for one of them, which is the paper's technique.
    """

    def __init__(self, dgl: Any, structure: PlacedGraph, windows: int, cached: bool):
        self.fn, self.graphs, self.cached = dgl.function, {}, cached
        self._known: dict[tuple[str, int], tuple[Tensor, Tensor]] = {}
        for key, propagation in structure.propagations.items():
            a = propagation.adjacency
            graph = dgl.graph((a.senders.long(), a.receivers.long()), num_nodes=structure.n_nodes)
            graph.edata["w"] = propagation.weight
            batched = dgl.batch([graph] * windows) if windows > 1 else graph
            batched.create_formats_()
            self.graphs[key] = batched

    def walk(self, key: str, x: Tensor) -> Tensor:
        """Return the sum of weighted sender rows."""
        if not self.cached:
            return self._aggregate(key, x)
        slot = key, id(x)
        if slot not in self._known:
            self._known[slot] = x, self._aggregate(key, x)
        return self._known[slot][1]

    def _aggregate(self, key: str, x: Tensor) -> Tensor:
        graph = self.graphs[key]
        with graph.local_scope():
            graph.ndata["x"] = x
            graph.update_all(self.fn.u_mul_e("x", "w", "m"), self.fn.sum("m", "y"))
            return graph.ndata["y"]

    def end_cell(self) -> None:
        """Forget what the cell's gates shared."""
        self._known.clear()

    def conv(self, layer: Any, params: dict[str, Tensor], x: Tensor) -> Tensor:
        """Return the layer's output."""
        if isinstance(layer, GCN):
            return self.walk(layer.specs()[0].signature, x) @ params["weight"]
        y, k = x @ params["weight"][0], 1
        for spec in layer.specs():
            walked = x
            for _ in range(layer.steps):
                walked = self.walk(spec.signature, walked)
                y, k = y + walked @ params["weight"][k], k + 1
        return y


def by_dgl(
    model: Any, layer: DglLayer, params: dict[str, Tensor], windows: WindowBatch, fed: list[bool]
) -> Tensor:
    """Return the predictions of an encoder-decoder by the cells' own equations, gate by gate."""
    n_windows, n_nodes = windows.n_windows, windows.graph_at(0).n_nodes

    def flat(x: Tensor) -> Tensor:
        return x.transpose(0, 1).reshape(n_windows * n_nodes, -1)

    def cell_step(cell: Any, weights: dict[str, Tensor], x: Tensor, state: Any) -> Any:
        def conv(gate_part: str, gate: str, value: Tensor) -> Tensor:
            return layer.conv(
                cell.x_layer if gate_part == "x" else cell.h_layer,
                scoped(f"{gate_part}.{gate}", weights),
                value,
            )

        state = cell.equations(conv, weights, x, cell.start(x) if state is None else state)
        layer.end_cell()
        return state

    states: list[Any] = [None] * len(model.encoder)
    for t in range(windows.length):
        x = flat(windows.at(t))
        for k, cell in enumerate(model.encoder):
            states[k] = cell_step(cell, scoped(f"encoder.{k}", params), x, states[k])
            x = states[k][0]
    y, outputs = x.new_zeros(n_windows * n_nodes, model.out_dim), []
    for t in range(windows.horizon):
        x = y
        for k, cell in enumerate(model.decoder):
            states[k] = cell_step(cell, scoped(f"decoder.{k}", params), x, states[k])
            x = states[k][0]
        y = x @ params["out.weight"] + params["out.bias"]
        outputs.append(y.reshape(n_windows, n_nodes, -1).transpose(0, 1))
        if fed[t] and t + 1 < windows.horizon:
            y = flat(windows.at(windows.length + t, model.out_dim))
    return torch.stack(outputs)
