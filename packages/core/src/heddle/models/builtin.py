"""The portable models that core brings, described; their builders load numpy alone."""

from heddle.capabilities import HOMOGENEOUS, RELATIONS
from heddle.hookspecs import Key, ModelInfo
from heddle.relational.plan import PLANS

_ACTIVATIONS = ("none", "relu", "elu", "leaky_relu", "tanh", "sigmoid", "gelu")
_COMMON = {
    "hidden": Key(int, least=1),
    "layers": Key(int, least=1),
    "activation": Key(str, choices=_ACTIVATIONS),
    "dropout": Key(float, least=0, below=1),
    "jump": Key(str, choices=("last", "cat")),
    "readout": Key(str, choices=("sum", "mean", "max")),
}
_SAGE = {"aggregator": Key(str, choices=("mean", "max"))}
_GAT = {
    "heads": Key(int, least=1),
    "out_heads": Key(int, least=1),
    "version": Key(int, choices=(1, 2)),
    "attention_dropout": Key(float, least=0, below=1),
}
_ONE_TYPE = (HOMOGENEOUS.name,)
_RELATIONAL = (RELATIONS.name,)
_PLANNED = {"plan": Key(str, choices=PLANS)}

MODELS = [
    ModelInfo(
        "gcn",
        "graph convolution (Kipf & Welling 2017)",
        "heddle.models.build:gcn",
        keys=_COMMON,
        capabilities=_ONE_TYPE,
    ),
    ModelInfo(
        "sage",
        "GraphSAGE, mean or max (Hamilton et al. 2017)",
        "heddle.models.build:sage",
        keys=_COMMON | _SAGE,
        capabilities=_ONE_TYPE,
    ),
    ModelInfo(
        "gat",
        "graph attention, v1 and v2 (Velickovic 2018, Brody 2022)",
        "heddle.models.build:gat",
        keys=_COMMON | _GAT,
        capabilities=_ONE_TYPE,
    ),
    ModelInfo(
        "gin",
        "graph isomorphism network (Xu et al. 2019)",
        "heddle.models.build:gin",
        keys=_COMMON,
        capabilities=_ONE_TYPE,
    ),
    ModelInfo(
        "cheb",
        "Chebyshev convolution (Defferrard et al. 2016)",
        "heddle.models.build:cheb",
        keys=_COMMON,
        capabilities=_ONE_TYPE,
    ),
    ModelInfo(
        "diffusion",
        "diffusion convolution (Li et al. 2018)",
        "heddle.models.build:diffusion",
        keys=_COMMON,
        capabilities=_ONE_TYPE,
    ),
    ModelInfo(
        "graph_network",
        "graph network (Battaglia et al. 2018)",
        "heddle.models.build:graph_network",
        keys=_COMMON,
        capabilities=_ONE_TYPE,
    ),
    ModelInfo(
        "rgcn",
        "relational graph convolution (Schlichtkrull et al. 2018)",
        "heddle.models.build:rgcn",
        keys=_COMMON | _PLANNED,
        capabilities=_RELATIONAL,
    ),
    ModelInfo(
        "hetero_sage",
        "GraphSAGE for each relation (Hamilton et al. 2017)",
        "heddle.models.build:hetero_sage",
        keys=_COMMON | _PLANNED | {"combine": Key(str, choices=("sum", "mean"))},
        capabilities=_RELATIONAL,
    ),
    ModelInfo(
        "hgt",
        "heterogeneous graph transformer (Hu et al. 2020)",
        "heddle.models.build:hgt",
        keys=_COMMON | _PLANNED | {"heads": Key(int, least=1)},
        capabilities=_RELATIONAL,
    ),
    ModelInfo(
        "mlp",
        "node features alone, no edges: the baseline to beat",
        "heddle.models.build:mlp",
        keys=_COMMON,
        capabilities=_ONE_TYPE,
    ),
]
