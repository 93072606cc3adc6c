"""Models of signals on graphs: encoder-decoders, and recurrent or evolving encoders with a head."""

from heddle_dgl.models.attention import A3TGCN
from heddle_dgl.models.evolve import EvolveGCN
from heddle_dgl.models.recurrent import Recurrent
from heddle_dgl.models.seq import SeqModel

__all__ = ["A3TGCN", "EvolveGCN", "Recurrent", "SeqModel"]
