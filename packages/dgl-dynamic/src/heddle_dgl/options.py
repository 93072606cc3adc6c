"""Options of this package's engine and of its models."""

from dataclasses import dataclass, field

from heddle.options import ModelOptions, option
from heddle_torch.options import TorchOptions


@dataclass(frozen=True)
class StoreOptions:
    """What the store of constants, kept over windows and epochs, may hold in each place, in megabytes; 0: nothing."""

    device: float = option(0.0, "on the card", least=0)
    host: float = option(1024.0, "in memory", least=0)
    disk: float = option(0.0, "in a memory-mapped temporary file", least=0)


@dataclass(frozen=True)
class DglOptions(TorchOptions):
    """The `backend` node of backend=dgl-dynamic."""

    name: str = "dgl-dynamic"
    engine: str = option(
        "fused",
        "naive: each gate aggregates for itself; cached: gates share messages; fused: and one product",
        choices=("naive", "cached", "fused"),
    )
    cross_layer: bool | None = option(
        None, "reuse messages across layers and steps; null: fused does, cached doesn't"
    )
    kernel: str = option(
        "auto",
        "heddle, torch or dgl: who sums messages; auto: heddle-kernels where installed, else torch",
        choices=("auto", "heddle", "torch", "dgl"),
    )
    compile: bool = option(False, "steps of cells by torch.compile, in place of heddle-kernels or torch")
    incremental: str = option(
        "auto",
        "inputs of a changing graph; rows: sum what changed; delta: add what did; full: all; auto: rows where they pay",
        choices=("auto", "full", "rows", "delta"),
    )
    store: StoreOptions = field(default_factory=StoreOptions)


@dataclass(frozen=True)
class WidthOptions(ModelOptions):
    """Of every model that forecasts."""

    hidden: int = option(64, "width of the hidden layers", least=1)
    layers: int = option(2, "how many", least=1)


@dataclass(frozen=True)
class TgcnOptions(WidthOptions):
    """T-GCN and A3T-GCN."""

    layers: int = option(1, "how many", least=1)


@dataclass(frozen=True)
class HeadOptions(WidthOptions):
    """Of models with a head of either kind."""

    head: str = option(
        "decoder",
        "decoder: writes the horizon step by step; last: one product of the last state",
        choices=("decoder", "last"),
    )
    tau: float | None = option(
        None,
        "decoder: how slowly the truth is withheld in training; 0: from the start; null: by the length of the run",
        least=0,
    )


@dataclass(frozen=True)
class DcrnnOptions(HeadOptions):
    """DCRNN with the settings of Li et al. (2018)."""

    steps: int = option(2, "longest walk, each way", least=0)
    convention: str = option(
        "paper", "paper: its eq. 2; reference: what its code computes", choices=("paper", "reference")
    )


@dataclass(frozen=True)
class GcrnOptions(HeadOptions):
    """Recurrent networks of graph convolutions (Seo et al. 2018)."""

    layer: str = option(
        "cheb",
        "of the gates: gcn, cheb, diffusion, sage, gat",
        choices=("gcn", "cheb", "diffusion", "sage", "gat"),
    )
    order: int = option(2, "cheb: terms; diffusion: steps", least=1)


@dataclass(frozen=True)
class GcrnLstmOptions(GcrnOptions):
    """Model 2 of Seo et al. (2018)."""

    peephole: bool = option(True, "gates see the cell")


@dataclass(frozen=True)
class EvolveOptions(WidthOptions):
    """EvolveGCN (Pareja et al. 2020)."""

    version: str = option("O", "O: weights from weights; H: from the nodes' features too", choices=("O", "H"))
