"""Options of the portable models that core brings, each with the settings of its paper or of a usual example."""

from dataclasses import dataclass

from heddle.ops.relational.ways import PLANS
from heddle.options.bases import ACTIVATIONS, PooledOptions, PortableOptions
from heddle.options.option import option


@dataclass(frozen=True)
class StackOptions(PooledOptions):
    """Of layers one after another on a homogeneous graph."""

    hidden: int = option(64, "width of the hidden layers", least=1)
    layers: int = option(2, "how many", least=1)
    activation: str = option("relu", ", ".join(ACTIVATIONS), choices=ACTIVATIONS)
    dropout: float = option(0.5, "on each layer's input", least=0, below=1)
    residual: bool = option(False, "add a layer's input to its output where widths agree")
    jump: str = option(
        "last", "graph tasks: last, or cat for all layers' outputs side by side", choices=("last", "cat")
    )


@dataclass(frozen=True)
class GcnOptions(StackOptions):
    """Two layers of 16, as Kipf & Welling (2017) have for Cora."""

    hidden: int = option(16, "width of the hidden layers", least=1)


@dataclass(frozen=True)
class SageOptions(StackOptions):
    """GraphSAGE (Hamilton et al. 2017)."""

    aggregator: str = option("mean", "mean, max", choices=("mean", "max"))


@dataclass(frozen=True)
class GatOptions(StackOptions):
    """8 heads of 8, then one, as Velickovic et al. (2018) have for Cora."""

    heads: int = option(8, "of the hidden layers, side by side", least=1)
    out_heads: int = option(1, "of the last layer, averaged", least=1)
    version: int = option(1, "2: attention of Brody et al. (2022)", choices=(1, 2))
    activation: str = option("elu", ", ".join(ACTIVATIONS), choices=ACTIVATIONS)
    dropout: float = option(0.6, "on each layer's input", least=0, below=1)
    attention_dropout: float = option(0.6, "on the weights of the edges", least=0, below=1)


@dataclass(frozen=True)
class GinOptions(StackOptions):
    """Five layers and a sum over all of them, as Xu et al. (2019) have for classes of graphs."""

    hidden: int = option(32, "width of the hidden layers and inside their MLPs", least=1)
    layers: int = option(5, "how many", least=1)
    norm: bool = option(True, "layer normalisation inside the MLPs")
    dropout: float = option(0.0, "on each layer's input", least=0, below=1)
    jump: str = option(
        "cat", "graph tasks: last, or cat for all layers' outputs side by side", choices=("last", "cat")
    )
    readout: str = option("sum", "graph tasks: sum, mean, max", choices=("sum", "mean", "max"))


@dataclass(frozen=True)
class ChebOptions(StackOptions):
    """Chebyshev convolution (Defferrard et al. 2016)."""

    hidden: int = option(16, "width of the hidden layers", least=1)
    order: int = option(3, "terms of the polynomial; order 1 sees no neighbours", least=1)


@dataclass(frozen=True)
class DiffusionOptions(StackOptions):
    """Diffusion convolution (Li et al. 2018)."""

    steps: int = option(2, "longest walk each way", least=0)


@dataclass(frozen=True)
class GraphNetworkOptions(PooledOptions):
    """Rounds of a graph network (Battaglia et al. 2018)."""

    hidden: int = option(64, "width of nodes, edges and graphs inside", least=1)
    layers: int = option(2, "rounds of message passing", least=1)
    norm: bool = option(True, "layer normalisation inside the MLPs")
    activation: str = option("relu", ", ".join(ACTIVATIONS), choices=ACTIVATIONS)
    dropout: float = option(0.0, "on each round's input", least=0, below=1)
    readout: str = option("sum", "graph tasks: sum, mean, max", choices=("sum", "mean", "max"))


@dataclass(frozen=True)
class RelationalOptions(PortableOptions):
    """Of layers over the relations of a heterogeneous graph."""

    hidden: int = option(64, "width of the hidden layers", least=1)
    layers: int = option(2, "how many", least=1)
    plan: str = option(
        "auto", f"{', '.join(PLANS)}: how sums are taken; results stay the same", choices=PLANS
    )
    activation: str = option("relu", ", ".join(ACTIVATIONS), choices=ACTIVATIONS)
    head: str = option(
        "layer",
        "nodes: layer, the last layer's outputs are the answers; mlp: an MLP answers from embeddings of `hidden`",
        choices=("layer", "mlp"),
    )


@dataclass(frozen=True)
class RgcnOptions(RelationalOptions):
    """Two layers of 16, as Schlichtkrull et al. (2018) have for AIFB."""

    hidden: int = option(16, "width of the hidden layers", least=1)
    bases: int = option(0, "share this many bases between relations; 0 gives each its own weights", least=0)
    blocks: int = option(0, "or cut each weight into this many diagonal blocks", least=0)
    root: bool = option(True, "weights for a node's own features")


@dataclass(frozen=True)
class HeteroSageOptions(RelationalOptions):
    """GraphSAGE for each relation, as in torch_geometric's examples, with the dropout of GCN on Cora."""

    dropout: float = option(0.5, "on each layer's input", least=0, below=1)
    combine: str = option(
        "sum", "sum or mean over the relations that enter a node type", choices=("sum", "mean")
    )
    project: bool = option(False, "a linear layer and the activation for each node type before the layers")


@dataclass(frozen=True)
class HgtOptions(RelationalOptions):
    """Heterogeneous graph transformer (Hu et al. 2020), as in torch_geometric's example."""

    heads: int = option(2, "of the layers; without `project` the last has one", least=1)
    project: bool = option(True, "linear layers before and after, so that all layers add to what a node is")
