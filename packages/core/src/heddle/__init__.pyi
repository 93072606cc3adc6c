"""The public names, each with the module that it is loaded from on first use."""

from . import errors as errors
from .adjacency import Adjacency as Adjacency
from .api.commands import compose as compose
from .api.commands import embed as embed
from .api.commands import evaluate as evaluate
from .api.commands import export as export
from .api.commands import predict as predict
from .api.commands import train as train
from .api.comparison import Comparison as Comparison
from .api.comparison import compare as compare
from .api.run import Run as Run
from .api.run import load as load
from .batch.padding import Budget as Budget
from .batch.padding import pad as pad
from .batch.padding import unpad as unpad
from .config.run import RunConfig as RunConfig
from .convert.edge_list import from_edge_list as from_edge_list
from .convert.networkx import from_networkx as from_networkx
from .convert.sparse import from_scipy as from_scipy
from .data.dataset import Dataset as Dataset
from .dynamic.changing import DeltaGraph as DeltaGraph
from .dynamic.deltas import EdgeDelta as EdgeDelta
from .dynamic.snapshots import Snapshot as Snapshot
from .dynamic.snapshots import SnapshotSequence as SnapshotSequence
from .dynamic.static import StaticTopologySignal as StaticTopologySignal
from .errors import ConfigError as ConfigError
from .errors import HeddleError as HeddleError
from .graph import EdgeSet as EdgeSet
from .graph import Graph as Graph
from .graph import HeteroGraph as HeteroGraph
from .graph import hetero_graph as hetero_graph
from .layers.cheb import ChebConv as ChebConv
from .layers.gat import GAT as GAT
from .layers.gcn import GCN as GCN
from .layers.gin import GIN as GIN
from .layers.graph_network import GraphNetwork as GraphNetwork
from .layers.hetero_sage import HeteroSAGE as HeteroSAGE
from .layers.hgt import HGT as HGT
from .layers.linear import Linear as Linear
from .layers.mlp import MLP as MLP
from .layers.rgcn import RGCN as RGCN
from .layers.sage import SAGE as SAGE
from .workflow.outcome import Outcome as Outcome

__version__: str
