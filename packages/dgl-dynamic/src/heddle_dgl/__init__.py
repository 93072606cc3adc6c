"""DynaGraph on Heddle: dynamic GNNs with cached message passing. See README.md.

The paper's functions: `cache`, `msg_pass`, `update`, `integrate`, `stack_seq_model`, and the cells they work with.

DglBackend                  the engine of `backend=dgl-dynamic`; DglOptions: its keys
msg_pass, update            a layer in two halves, the first of which is computed once: Messages
cache, step                 a function whose results are kept while nothing it reads changes; step: the next time step
GraphRNN, GraphGRU, GraphLSTM, TGCN    cells; integrate: a cell of any layer; dgl_layer: of any DGL module
SeqModel, stack_seq_model, Recurrent, A3TGCN, EvolveGCN    models of sequences
DynamicModule               a model as an nn.Module
SnapshotStore               snapshots in tiers of memory
PlacedGraph, place_graph  a graph's edges, placed once

torch is imported when one of these is used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
