"""The public names, each with the module that it is loaded from on first use."""

from .backend import PygBackend as PygBackend
from .module import PortableModule as PortableModule
from .native.read import from_native as from_native
from .native.write import to_native as to_native
from .native_model import NativeModel as NativeModel
from .native_model import native_model as native_model
from .options import PygOptions as PygOptions
from .rgcn import RGCNConv as RGCNConv
from .sampler import PygNeighborSampler as PygNeighborSampler
from .turnkey.embedding import TorchNodeEmbedding as TorchNodeEmbedding
from .turnkey.hetero_module import HeteroModule as HeteroModule
from .turnkey.link_predictor import LinkPredictor as LinkPredictor

__version__: str
