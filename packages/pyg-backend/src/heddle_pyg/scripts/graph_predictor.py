"""GraphPredictor: classes or values of whole graphs from the embeddings of their nodes."""

from torch import Tensor, nn
from torch.nn import functional

from heddle.errors import ConfigError, nearest
from heddle.nn.heads import READOUTS
from heddle_pyg.scripts.batch import TorchBatch


class GraphPredictor(nn.Module):
    """y = MLP(readout of relu(h_i) over the nodes i of a graph); a graph without nodes has a readout of 0.

    Args:
        model: TorchBatch -> node type -> [n, d], such as a HeteroModule.
        dim_out: classes, labels, or 1 for a value or a score.
        dim_hidden: columns inside the MLP; None for those of the embeddings.
        readout: sum, mean or max.

    Raises:
        ConfigError: another readout.
    """

    def __init__(self, model: nn.Module, dim_out: int, dim_hidden: int | None = None, readout: str = "sum"):
        super().__init__()
        if readout not in READOUTS:
            raise ConfigError(
                f"GraphPredictor.readout: found {readout!r}, expected one of {READOUTS}{nearest(readout, READOUTS)}"
            )
        self.model, self.readout = model, readout
        width = int(model.dim_out)  # type: ignore[arg-type]
        hidden = dim_hidden or width
        self.head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, dim_out))

    @property
    def n_layers(self) -> int:
        """Rounds of messages of the model."""
        return int(self.model.n_layers)  # type: ignore[arg-type]

    def forward(self, batch: TorchBatch) -> Tensor:
        """Return [m, dim_out] for the batch's graphs."""
        assert batch.graph_ids is not None
        (node_type,) = batch.kinds
        x = functional.relu(self.model(batch)[node_type])
        rows = batch.graph_ids[:, None].expand_as(x)
        empty = x.new_zeros((len(batch.index), x.shape[1]))
        reduce = {"sum": "sum", "mean": "mean", "max": "amax"}[self.readout]
        pooled = empty.scatter_reduce(0, rows, x, reduce, include_self=False)
        result: Tensor = self.head(pooled)
        return result
