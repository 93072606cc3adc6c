"""The public names, each with the module that it is loaded from on first use."""

from .backend import DglBackend as DglBackend
from .cells import GraphGRU as GraphGRU
from .cells import GraphLSTM as GraphLSTM
from .cells import GraphRNN as GraphRNN
from .cells.tgcn import TGCN as TGCN
from .dgl_conv import dgl_layer as dgl_layer
from .memo import step as step
from .message import Messages as Messages
from .message import cache as cache
from .message import msg_pass as msg_pass
from .message import update as update
from .models import A3TGCN as A3TGCN
from .models import EvolveGCN as EvolveGCN
from .models import Recurrent as Recurrent
from .models import SeqModel as SeqModel
from .module import DynamicModule as DynamicModule
from .options import DglOptions as DglOptions
from .stacking import integrate as integrate
from .stacking import stack_seq_model as stack_seq_model
from .store import SnapshotStore as SnapshotStore
from .structure import Structure as Structure
from .structure import place_structure as place_structure

__version__: str
