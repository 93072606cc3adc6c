"""The public names, each with the module that it is loaded from on first use."""

from .backend import PygBackend as PygBackend
from .layers.module import PortableModule as PortableModule
from .layers.rgcn import RGCNConv as RGCNConv
from .models.native_model import NativeModel as NativeModel
from .models.native_model import native_model as native_model
from .native.read import from_native as from_native
from .native.write import to_native as to_native
from .options import PygOptions as PygOptions
from .sampling.neighbors import PygNeighborSampler as PygNeighborSampler
from .scripts.edge_predictor import EdgePredictor as EdgePredictor
from .scripts.embedding import TorchNodeEmbedding as TorchNodeEmbedding
from .scripts.graph_predictor import GraphPredictor as GraphPredictor
from .scripts.hetero_module import HeteroModule as HeteroModule
from .scripts.link_predictor import LinkPredictor as LinkPredictor

__version__: str
