"""The prepared folder: a graph on disk as memory-mapped arrays, ids in Parquet, and one metadata file, written last.

- `folder`: Prepared, PreparedNodes, PreparedEdges, FolderTask: what a folder holds
- `write`: FolderWriter, which makes one; `metadata`: the metadata file, checked
- `read`: open_prepared, which opens one without loading it, and verify, which reads every byte
- `columns`, `edges`: features side by side, edges by receiver and by row
- `graphs`: Prepared as a SampleGraph for samplers, and as a HeteroGraph; `datasets`: as a Dataset
- `reader`: `prepared`, the dataset about the task that is asked for, which `data=prepared` names

The layout is described in docs/prepared.md.
"""

from heddle.data.prepared.datasets import to_dataset
from heddle.data.prepared.folder import FolderTask, Prepared, PreparedEdges, PreparedNodes
from heddle.data.prepared.graphs import sample_graph, to_graph
from heddle.data.prepared.read import open_prepared, read_ids, verify
from heddle.data.prepared.reader import prepared, read_prepared
from heddle.data.prepared.write import FolderWriter, csc

__all__ = [
    "FolderTask",
    "FolderWriter",
    "Prepared",
    "PreparedEdges",
    "PreparedNodes",
    "csc",
    "open_prepared",
    "prepared",
    "read_ids",
    "read_prepared",
    "sample_graph",
    "to_dataset",
    "to_graph",
    "verify",
]
