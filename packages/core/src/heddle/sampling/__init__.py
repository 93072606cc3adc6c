"""The definition of neighbour sampling: slow, obvious, and what every other sampler gives bit for bit.

stream.py      random numbers that depend on what they are for and not on who draws them when
draw.py        which of a node's edges are taken
checked_graph.py the graph a sampler is built on, checked at the door
request.py     what a sampler is asked, checked at the door
eligible.py    which edges may be taken at all
table.py       the nodes of a sample while it grows
result.py      nodes and edges put together as a Sample or a HeteroSample
blocks.py      a sample as one bipartite graph per layer
budget.py      HGT's sampling, layer by layer
walk.py        random walks
reference.py   ReferenceSampler
store.py       a graph as samplers and mini-batches read it, memory-mapped or not
parts.py       what is sampled around seeds, cut out of a store with its features
"""

from heddle.sampling.blocks import Block, blocks
from heddle.sampling.parts import Part, Parts
from heddle.sampling.reference import ReferenceSampler
from heddle.sampling.store import GraphStore, store_of
from heddle.sampling.stream import sample_key

__all__ = [
    "Block",
    "GraphStore",
    "Part",
    "Parts",
    "ReferenceSampler",
    "blocks",
    "sample_key",
    "store_of",
]
