"""Recurrent cells whose gates are graph convolutions: GraphRNN, GraphGRU, GraphLSTM, and T-GCN's."""

from heddle_dgl.cells.base import GraphCell
from heddle_dgl.cells.gru import GraphGRU
from heddle_dgl.cells.lstm import GraphLSTM
from heddle_dgl.cells.rnn import GraphRNN

__all__ = ["GraphCell", "GraphGRU", "GraphLSTM", "GraphRNN"]
