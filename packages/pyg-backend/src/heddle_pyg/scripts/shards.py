"""Shards: the rows of a TorchNodeEmbedding split over processes, fetched by those that read them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from heddle_pyg.scripts.batch import TorchBatch
from heddle_pyg.scripts.embedding import TorchNodeEmbedding
from heddle_torch.group import Group


class Shards:
    """Holds rows rank * share to (rank + 1) * share of each table of some embeddings; rows and gradients travel.

    The parameters stay the same objects, so that optimisers know them: only what they hold is cut, their moments too.
    """

    def __init__(
        self,
        embeddings: Sequence[TorchNodeEmbedding],
        group: Group,
        optimizers: Sequence[torch.optim.Optimizer],
    ):
        self._group, self._optimizers = group, optimizers
        self._tables = {node_type: of.weight(node_type) for of in embeddings for node_type in of.kinds}
        self._rows = {node_type: len(weight) for node_type, weight in self._tables.items()}
        self._share = {node_type: -(-n // group.size) for node_type, n in self._rows.items()}
        self.split()

    def split(self) -> None:
        """Leave each process its own rows of whole tables, and their moments."""
        group = self._group
        for node_type, weight in self._tables.items():
            first = min(group.rank * self._share[node_type], self._rows[node_type])
            last = min(first + self._share[node_type], self._rows[node_type])
            self._change(weight, partial(_rows, first=first, last=last))

    def holds(self, param: Tensor) -> bool:
        """Tell whether `param` is one of the tables whose rows are split over the processes."""
        return any(param is weight for weight in self._tables.values())

    def fetch(self, placed: TorchBatch) -> TorchBatch:
        """Return a batch with the rows [n, d] of its ids, leaves that collect a gradient; all take part."""
        rows = {
            node_type: self._fetch(node_type, placed.ids.get(node_type)).requires_grad_()
            for node_type in self._tables
        }
        return placed._replace(rows=rows)

    def push(self, placed: TorchBatch) -> None:
        """Add the gradients of a batch's fetched rows to those of the tables; all take part."""
        for node_type, weight in self._tables.items():
            grad_rows = placed.rows[node_type].grad
            ids = placed.ids.get(node_type)
            if grad_rows is None or ids is None:
                ids, grad_rows = weight.new_empty(0, dtype=torch.int64), weight.new_empty(0, weight.shape[1])
            order, sent = self._by_owner(node_type, ids)
            received = self._counts(sent)
            positions = self._group.exchange(ids[order], sent, received) - self._first(node_type)
            values = self._group.exchange(grad_rows[order], sent, received)
            if not len(positions) and weight.grad is None:
                continue
            grad = torch.sparse_coo_tensor(positions[None], values, weight.shape, check_invariants=False)
            weight.grad = (grad if weight.grad is None else weight.grad + grad).coalesce()

    @torch.no_grad()
    def gather(self) -> None:
        """Bring all rows, and their moments, back to every process."""
        for node_type, weight in self._tables.items():
            share, n = self._share[node_type], self._rows[node_type]

            def whole(x: Tensor, share: int = share, n: int = n) -> Tensor:
                out = x.new_zeros((share * self._group.size, *x.shape[1:]))
                first = self._group.rank * share
                out[first : first + len(x)] = x
                return self._group.sum_(out)[:n].clone()

            self._change(weight, whole)

    def _fetch(self, node_type: str, ids: Tensor | None) -> Tensor:
        weight = self._tables[node_type]
        ids_here = weight.new_empty(0, dtype=torch.int64) if ids is None else ids
        order, sent = self._by_owner(node_type, ids_here)
        received = self._counts(sent)
        asked = self._group.exchange(ids_here[order], sent, received) - self._first(node_type)
        rows = self._group.exchange(weight.detach()[asked], received, sent)
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order), device=order.device)
        return rows[back]

    def _first(self, node_type: str) -> int:
        return self._group.rank * self._share[node_type]

    def _by_owner(self, node_type: str, ids: Tensor) -> tuple[Tensor, list[int]]:
        """Return the order that sorts ids by the process that holds them, and how many each holds."""
        owner = ids // self._share[node_type]
        return torch.argsort(owner, stable=True), torch.bincount(owner, minlength=self._group.size).tolist()

    def _counts(self, sent: list[int]) -> list[int]:
        ones = [1] * self._group.size
        device = next(iter(self._tables.values())).device
        return self._group.exchange(torch.tensor(sent, device=device), ones, ones).tolist()

    def _change(self, weight: nn.Parameter, function: Callable[[Tensor], Tensor]) -> None:
        """Replace what a table holds, and the moments that optimisers keep of it."""
        n = len(weight)
        weight.grad = None
        weight.data = function(weight.data)
        for optimizer in self._optimizers:
            state: dict[str, Any] = optimizer.state.get(weight, {})
            for name, value in state.items():
                if isinstance(value, Tensor) and value.ndim and len(value) == n:
                    state[name] = function(value)


def _rows(x: Tensor, first: int, last: int) -> Tensor:
    return x[first:last].clone()
