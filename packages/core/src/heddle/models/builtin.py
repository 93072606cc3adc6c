"""The portable models that core brings, described; their builders load numpy alone."""

from heddle.hookspecs import ModelInfo

MODELS = [
    ModelInfo("gcn", "graph convolution (Kipf & Welling 2017)", "heddle.models.build:gcn"),
    ModelInfo("sage", "GraphSAGE, mean or max (Hamilton et al. 2017)", "heddle.models.build:sage"),
    ModelInfo("gat", "graph attention, v1 and v2 (Velickovic 2018, Brody 2022)", "heddle.models.build:gat"),
    ModelInfo("gin", "graph isomorphism network (Xu et al. 2019)", "heddle.models.build:gin"),
    ModelInfo("cheb", "Chebyshev convolution (Defferrard et al. 2016)", "heddle.models.build:cheb"),
    ModelInfo("diffusion", "diffusion convolution (Li et al. 2018)", "heddle.models.build:diffusion"),
    ModelInfo("graph_network", "graph network (Battaglia et al. 2018)", "heddle.models.build:graph_network"),
    ModelInfo("rgcn", "relational graph convolution (Schlichtkrull et al. 2018)", "heddle.models.build:rgcn"),
    ModelInfo("mlp", "node features alone, no edges: the baseline to beat", "heddle.models.build:mlp"),
]
