"""Options of this package's engine and of `model=pyg`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heddle.options import ModelOptions, option
from heddle.options.bases import ACTIVATIONS
from heddle_torch.options import TorchOptions

READOUTS = ("sum", "mean", "max")


@dataclass(frozen=True)
class PygOptions(TorchOptions):
    """The `backend` node of backend=pyg."""

    name: str = "pyg"
    kernel: str = option(
        "auto",
        "heddle or torch: who computes the primitives; auto: heddle-kernels where installed, else torch",
        choices=("auto", "heddle", "torch"),
    )


@dataclass(frozen=True)
class PygModelOptions(ModelOptions):
    """A model class of torch_geometric.nn.models, or any that is like one, trained as it is. Of a heterogeneous graph
    every relation gets its own copy of its layers (torch_geometric.nn.to_hetero)."""

    name: str = "pyg"
    cls: str = option("GraphSAGE", "GCN, GraphSAGE, GAT, GIN, PNA, EdgeCNN, GraphUNet ...; or MODULE:CLASS")
    hidden: int = option(64, "width of the hidden layers", least=1)
    layers: int = option(2, "layers, or depth", least=1)
    activation: str = option("relu", ", ".join(ACTIVATIONS), choices=ACTIVATIONS)
    dropout: float = option(0.5, "where the class drops", least=0, below=1)
    jk: str | None = option(None, "jumping knowledge: cat, max, lstm, last")
    readout: str = option("mean", "graph tasks: sum, mean, max", choices=READOUTS)
    kwargs: Mapping[str, Any] = option(
        {},
        "further arguments of the class or its layers: model.kwargs.heads=4 model.kwargs.v2=true; "
        "model.kwargs.edge_dim=D lets a class that can use edge features have those of the data",
    )
