"""offline: what a bundle's model says of rows of a prepared folder, by the very code that answers requests."""

from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.prepared.graphs import features_of, in_edges
from heddle.data.prepared.mapped import ends_of_rows
from heddle.data.prepared.read import open_prepared
from heddle.serving.bundle.model import scorer_of
from heddle.serving.live.graph import folder_snapshot
from heddle.serving.live.kernel import store_of
from heddle.serving.scoring.scorer import Questions


def predict_rows(root: str | Path, prepared: str | Path, rows: np.ndarray, registry: Any) -> np.ndarray:
    """Return the outputs [n, out] of rows of the target relation, or of nodes, of a prepared folder, at their times.

    They are those that a server of the bundle gives the same rows at the same moments, to the bit.

    Args:
        root: the bundle.
        prepared: a folder with the same columns as the bundle's own.
        rows: [n] int.

    Raises:
        DataError: a broken bundle or folder.
    """
    scorer, opened = scorer_of(root, registry), open_prepared(prepared)
    snapshot = folder_snapshot(prepared, store_of(registry))
    if scorer.spec.level == "node":
        nodes = opened.nodes[scorer.spec.target_type]
        time = None if nodes.time is None or not scorer.reading.timed else np.asarray(nodes.time[rows])
        return scorer(snapshot, Questions(np.asarray(rows)[:, None], time)).outputs
    target = opened.task.target
    edges = opened.edges[target[0], target[1], target[2]]
    ends = edges.ends
    if ends is None:
        ends = ends_of_rows(*in_edges(opened, (target[0], target[1], target[2])), None)
    features = features_of({name: array[rows] for name, array in edges.features.items()}, None)
    asked = features if isinstance(features, dict) else {} if features is None else {"x": features}
    time = np.asarray(edges.time[rows]) if edges.time is not None and scorer.reading.timed else None
    return scorer(snapshot, Questions(np.asarray(ends[rows], np.int64), time, asked)).outputs
