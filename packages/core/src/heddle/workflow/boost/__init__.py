"""Gradient boosting on a table of edges, alone and with the embeddings of their ends (extra `boost`).

- `table`: BoostTable, rows of a prepared folder as a matrix, batch by batch
- `fit`: fit_boost, and what it returns; `compare`: what the embeddings add, as a report
- `cluster`: TrainCluster and InferenceCluster, on which both run where a table is larger than a machine's memory
"""

from heddle.workflow.boost.cluster import InferenceCluster, TrainCluster
from heddle.workflow.boost.compare import Comparison, compare
from heddle.workflow.boost.fit import Boosted, fit_boost
from heddle.workflow.boost.table import BoostTable

__all__ = ["BoostTable", "Boosted", "Comparison", "InferenceCluster", "TrainCluster", "compare", "fit_boost"]
