"""Graphs as PyG's containers, and back.

layout.py     under which names features lie in a Data, so that they come back as they were
write.py      to_native
read.py       from_native, and tensors_of for graphs of the native's own tensors
"""

from heddle_pyg.native.read import from_native, tensors_of
from heddle_pyg.native.write import to_native

__all__ = ["from_native", "tensors_of", "to_native"]
