"""EvolveGCN: a GCN whose weights are the state of a recurrent cell, so that no node needs a past."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from heddle.errors import ConfigError
from heddle.nn.layers.gcn import GCN
from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.propagation import PropagationSpec
from heddle_dgl.cells.base import Params
from heddle_dgl.models.recurrent import head, head_params
from heddle_dgl.reuse.run import Run
from heddle_dgl.reuse.windows import WindowBatch

_GATES = {"O": ("f", "i", "o", "c"), "H": ("z", "r", "h")}


@dataclass(frozen=True)
class EvolveLayer:
    """x_t -> S x_t W_t, with W_t by an LSTM of matrices from W_(t-1) ("O"), or by a GRU from x_t and W_(t-1) ("H").

    Source: Pareja et al., EvolveGCN: Evolving Graph Convolutional Networks for Dynamic Graphs (2020), sections 3.2 to
    3.4; `top` is the summary of x_t by its rows of highest score, as in their eq. 5.
    """

    in_dim: int
    out_dim: int
    version: str = "O"

    def params(self) -> dict[str, ParamSpec]:
        square, shape = (self.in_dim, self.in_dim), (self.in_dim, self.out_dim)
        specs = {"weight": ParamSpec(shape)}
        for gate in _GATES[self.version]:
            specs |= {f"w.{gate}": ParamSpec(square), f"u.{gate}": ParamSpec(square)}
            specs[f"b.{gate}"] = ParamSpec(shape, "zeros")
        return specs | ({"p": ParamSpec((self.in_dim,), "normal")} if self.version == "H" else {})

    def evolve(self, params: Params, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the next state, whose first entry is the weight W_t: [in_dim, out_dim], for "H" one for each window.

        Args:
            params: of the layer.
            x: [n_nodes, n_windows, in_dim]; version "O" doesn't read it.
            state: as `start` or `evolve` returned it.

        Raises:
            ConfigError: version "H" with fewer nodes than out_dim.
        """
        return self._lstm(params, *state) if self.version == "O" else self._gru(params, x, *state)

    def start(self, params: Params, n_windows: int) -> tuple[Tensor, ...]:
        """Return the state before the first step: for "O" the weight W [in_dim, out_dim] and zeros.

        For "H" it is W for each window, [n_windows, in_dim, out_dim].
        """
        weight = params["weight"]
        if self.version == "O":
            return weight, torch.zeros_like(weight)
        return (weight.expand(n_windows, *weight.shape),)

    def convolve(self, messages: Tensor, weight: Tensor) -> Tensor:
        """Return messages W: [n_nodes, n_windows, in_dim] -> [n_nodes, n_windows, out_dim]."""
        if weight.ndim == 2:
            return messages @ weight
        return torch.bmm(messages.transpose(0, 1), weight).transpose(0, 1)

    def _lstm(self, params: Params, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        def gate(name: str) -> Tensor:
            return params[f"w.{name}"] @ h + params[f"u.{name}"] @ h + params[f"b.{name}"]

        f, i, o = (torch.sigmoid(gate(name)) for name in "fio")
        c = f * c + i * torch.tanh(gate("c"))
        return o * torch.tanh(c), c

    def _gru(self, params: Params, x: Tensor, h: Tensor) -> tuple[Tensor]:
        x = self.highest_rows(params, x)

        def gate(name: str, memory: Tensor) -> Tensor:
            return params[f"w.{name}"] @ x + params[f"u.{name}"] @ memory + params[f"b.{name}"]

        z, r = torch.sigmoid(gate("z", h)), torch.sigmoid(gate("r", h))
        return ((1 - z) * h + z * torch.tanh(gate("h", r * h)),)

    def highest_rows(self, params: Params, x: Tensor) -> Tensor:
        """Return the out_dim rows of x with the highest scores x p / |p|, times tanh of these: [n_windows, in, out].

        Raises:
            ConfigError: fewer rows than out_dim.
        """
        if x.shape[0] < self.out_dim:
            raise ConfigError(
                f"evolvegcn: found {x.shape[0]} nodes, expected at least {self.out_dim}, the width of the layer; "
                "lower model.hidden or take version O"
            )
        scores = (x @ params["p"]) / params["p"].norm()
        values, rows = scores.topk(self.out_dim, dim=0)
        picked = x.gather(0, rows[..., None].expand(-1, -1, x.shape[-1]))
        return (picked * torch.tanh(values)[..., None]).permute(1, 2, 0)


@dataclass(frozen=True)
class EvolveGCN:
    """Layers of evolving weights with ReLU between them, and one product of the last step's embeddings that predicts.

    Messages of one snapshot serve one product only, so engines differ in the inputs alone: "fused" aggregates those of
    all steps in one call, and no constant twice.
    """

    layers: tuple[EvolveLayer, ...]
    horizon: int
    out_dim: int = 1
    tau = 0.0

    def params(self) -> dict[str, ParamSpec]:
        named = (prefixed(f"layers.{position}", layer.params()) for position, layer in enumerate(self.layers))
        specs = {name: spec for layer in named for name, spec in layer.items()}
        return specs | head_params(self.layers[-1].out_dim, self.horizon, self.out_dim)

    def specs(self) -> tuple[PropagationSpec, ...]:
        return GCN(1, 1).specs()

    def forecast(
        self, run: Run, params: Params, windows: WindowBatch, fed: Sequence[bool] | None = None
    ) -> Tensor:
        """Return the predictions, [horizon, n_nodes, n_windows, out_dim]; `fed` is ignored, as there is no decoder."""
        return head(params, self.embed(run, params, windows), self.horizon, self.out_dim)

    def embed(self, run: Run, params: Params, windows: WindowBatch) -> Tensor:
        """Return the last step's embeddings, [n_nodes, n_windows, out_dim]."""
        steps = range(windows.length)
        xs = [windows.at(t) for t in steps]
        for position, layer in enumerate(self.layers):
            layer_params = scoped(f"layers.{position}", params)
            messages = self._messages(run, windows, xs, position)
            state, outputs = layer.start(layer_params, windows.n_windows), []
            for x, message in zip(xs, messages):
                state = layer.evolve(layer_params, x, state)
                outputs.append(torch.relu(layer.convolve(message, state[0])))
            xs = outputs
        return xs[-1]

    def _messages(
        self, run: Run, windows: WindowBatch, xs: Sequence[Tensor], position: int
    ) -> Sequence[Tensor]:
        conv = GCN(1, 1)
        if run.fused and position == 0:
            steps = range(len(xs))
            return windows.windowed(windows.messages_of(run, conv, steps), steps).unbind(0)
        if run.fused and windows.static_graph:
            run.aggregations += len(xs)
            every = torch.stack(tuple(xs), 1)
            return conv.aggregate(run.ops, windows.graph_at(0).propagations, every).unbind(1)
        if run.store is not None and position == 0:
            for t, x in enumerate(xs):
                windows.recall(run, conv, x, t)
        return [run.messages(windows.graph_at(t), conv, x) for t, x in enumerate(xs)]
