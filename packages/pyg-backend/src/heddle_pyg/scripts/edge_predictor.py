"""EdgePredictor: classes or values of edges from the embeddings of their ends and from their own columns."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from heddle_pyg.scripts.batch import TorchBatch
from heddle_pyg.scripts.graph_predictor import GraphPredictor
from heddle_pyg.scripts.link_predictor import LinkPredictor


class EdgePredictor(nn.Module):
    """y = MLP([h_u, h_v, x W + sum of E_c(code_c)]) of an edge from u to v with columns x and codes.

    Args:
        model: TorchBatch -> node type -> [n, d], such as a HeteroModule.
        metadata: the `MetaLoader` of data prepared for a task of edges, which says what columns they bring along.
        dim_out: classes, labels, or 1 for a value or a score.
        dim_hidden: columns inside the MLP; None for those of the embeddings.
    """

    def __init__(self, model: nn.Module, metadata: Any, dim_out: int, dim_hidden: int | None = None):
        super().__init__()
        self.model, about = model, metadata.asked_edges
        width = int(model.dim_out)  # type: ignore[arg-type]
        hidden = dim_hidden or width
        self.columns = nn.Linear(about.width, hidden) if about.width else None
        self.codes = nn.ModuleList(nn.Embedding(size, hidden) for size in about.sizes)
        read = 2 * width + (hidden if about.width or about.sizes else 0)
        self.head = nn.Sequential(nn.Linear(read, hidden), nn.ReLU(), nn.Linear(hidden, dim_out))

    @property
    def n_layers(self) -> int:
        """Hops that the model reads."""
        return int(self.model.n_layers)  # type: ignore[arg-type]

    def forward(self, batch: TorchBatch) -> Tensor:
        """Return [m, dim_out] for the batch's edges."""
        senders, receivers = batch.embeddings(self.model(batch))
        return self.answers(senders, receivers, batch.asked)

    def answers(self, senders: Tensor, receivers: Tensor, asked: Sequence[Tensor]) -> Tensor:
        """Return [m, dim_out] from the embeddings [m, d] of both ends and the edges' own columns.

        Args:
            asked: floats [m, columns] and int64 codes [m, columns], those there are.
        """
        terms = [self.columns(x) for x in asked if self.columns is not None and x.is_floating_point()]
        columns = [column for x in asked if not x.is_floating_point() for column in x.unbind(1)]
        for embed, column in zip(self.codes, columns):
            assert isinstance(embed, nn.Embedding)
            terms.append(embed(column.clamp(max=embed.num_embeddings - 1)))
        parts = [senders, receivers, *([sum(terms[1:], terms[0])] if terms else [])]
        result: Tensor = self.head(torch.cat(parts, 1))
        return result


def embedder_of(module: nn.Module) -> nn.Module:
    """Return the module that embeds nodes: that of a LinkPredictor, EdgePredictor or GraphPredictor, or itself."""
    return module.model if isinstance(module, (LinkPredictor, EdgePredictor, GraphPredictor)) else module
