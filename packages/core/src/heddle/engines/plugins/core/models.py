"""The portable models that core brings, described; their builders load numpy alone."""

from heddle.engines.hookspecs import ModelInfo
from heddle.nn.capabilities import HOMOGENEOUS, RELATIONS

_OPTIONS = "heddle.nn.models.options"
_ONE_TYPE = (HOMOGENEOUS.name,)
_RELATIONAL = (RELATIONS.name,)

MODELS = [
    ModelInfo(
        "gcn",
        "graph convolution (Kipf & Welling 2017)",
        "heddle.nn.models.build:gcn",
        options=f"{_OPTIONS}:GcnOptions",
        capabilities=_ONE_TYPE,
        recommends={
            "optim.lr": 0.01,
            "optim.weight_decay": 5e-4,
            "optim.weight_decay_on": "encoder.layers.0.*",
        },
    ),
    ModelInfo(
        "sage",
        "GraphSAGE, mean or max (Hamilton et al. 2017)",
        "heddle.nn.models.build:sage",
        options=f"{_OPTIONS}:SageOptions",
        capabilities=_ONE_TYPE,
        recommends={"optim.lr": 0.01, "optim.weight_decay": 5e-4},
    ),
    ModelInfo(
        "gat",
        "graph attention, v1 and v2 (Velickovic 2018, Brody 2022)",
        "heddle.nn.models.build:gat",
        options=f"{_OPTIONS}:GatOptions",
        capabilities=_ONE_TYPE,
        recommends={
            "optim.lr": 0.005,
            "optim.weight_decay": 5e-4,
            "trainer.epochs": 400,
            "trainer.patience": 100,
        },
    ),
    ModelInfo(
        "gin",
        "graph isomorphism network (Xu et al. 2019)",
        "heddle.nn.models.build:gin",
        options=f"{_OPTIONS}:GinOptions",
        capabilities=_ONE_TYPE,
        recommends={
            "optim.lr": 0.01,
            "optim.weight_decay": 0.0,
            "trainer.epochs": 60,
            "trainer.batch_size": 32,
        },
    ),
    ModelInfo(
        "cheb",
        "Chebyshev convolution (Defferrard et al. 2016)",
        "heddle.nn.models.build:cheb",
        options=f"{_OPTIONS}:ChebOptions",
        capabilities=_ONE_TYPE,
        recommends={"optim.lr": 0.01, "optim.weight_decay": 5e-4},
    ),
    ModelInfo(
        "diffusion",
        "diffusion convolution (Li et al. 2018)",
        "heddle.nn.models.build:diffusion",
        options=f"{_OPTIONS}:DiffusionOptions",
        capabilities=_ONE_TYPE,
        recommends={"optim.lr": 0.01, "optim.weight_decay": 5e-4},
    ),
    ModelInfo(
        "graph_network",
        "graph network (Battaglia et al. 2018)",
        "heddle.nn.models.build:graph_network",
        options=f"{_OPTIONS}:GraphNetworkOptions",
        capabilities=_ONE_TYPE,
        recommends={"optim.lr": 0.001, "optim.weight_decay": 0.0, "trainer.batch_size": 32},
    ),
    ModelInfo(
        "rgcn",
        "relational graph convolution (Schlichtkrull et al. 2018)",
        "heddle.nn.models.build:rgcn",
        options=f"{_OPTIONS}:RgcnOptions",
        capabilities=_RELATIONAL,
        recommends={"optim.lr": 0.01, "optim.weight_decay": 0.0, "trainer.epochs": 50},
    ),
    ModelInfo(
        "hetero_sage",
        "GraphSAGE for each relation (Hamilton et al. 2017)",
        "heddle.nn.models.build:hetero_sage",
        options=f"{_OPTIONS}:HeteroSageOptions",
        capabilities=_RELATIONAL,
        recommends={
            "optim.lr": 0.01,
            "optim.weight_decay": 0.0,
            "trainer.epochs": 100,
            "trainer.patience": 20,
        },
    ),
    ModelInfo(
        "hgt",
        "heterogeneous graph transformer (Hu et al. 2020)",
        "heddle.nn.models.build:hgt",
        options=f"{_OPTIONS}:HgtOptions",
        capabilities=_RELATIONAL,
        recommends={"optim.lr": 0.005, "optim.weight_decay": 0.001, "trainer.epochs": 100},
    ),
    ModelInfo(
        "mlp",
        "node features alone, no edges: the baseline to beat",
        "heddle.nn.models.build:mlp",
        options=f"{_OPTIONS}:StackOptions",
        capabilities=_ONE_TYPE,
        recommends={"optim.lr": 0.01, "optim.weight_decay": 5e-4},
    ),
]
