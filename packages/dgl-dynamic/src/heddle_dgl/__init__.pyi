"""The public names, each with the module that it is loaded from on first use."""

from .backend import DglBackend as DglBackend
from .cells import GraphGRU as GraphGRU
from .cells import GraphLSTM as GraphLSTM
from .cells import GraphRNN as GraphRNN
from .cells.dgl_conv import dgl_layer as dgl_layer
from .cells.tgcn import TGCN as TGCN
from .models import A3TGCN as A3TGCN
from .models import EvolveGCN as EvolveGCN
from .models import Recurrent as Recurrent
from .models import SeqModel as SeqModel
from .models.stacking import integrate as integrate
from .models.stacking import stack_seq_model as stack_seq_model
from .module import DynamicModule as DynamicModule
from .options import DglOptions as DglOptions
from .reuse.message import Messages as Messages
from .reuse.message import cache as cache
from .reuse.message import msg_pass as msg_pass
from .reuse.message import update as update
from .reuse.placed_graph import PlacedGraph as PlacedGraph
from .reuse.placed_graph import place_graph as place_graph
from .reuse.step_memo import step as step
from .reuse.store import SnapshotStore as SnapshotStore

__version__: str
