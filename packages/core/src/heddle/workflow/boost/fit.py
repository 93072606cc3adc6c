"""fit_boost: boosted trees on a BoostTable, on this machine or over a cluster."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.atomic import write_bytes
from heddle.data.formats.text_files import fail
from heddle.extras import require
from heddle.workflow.boost.cluster import InferenceCluster, TrainCluster
from heddle.workflow.boost.table import BoostTable
from heddle.workflow.metrics.by_name import metric

PARAMETERS: Mapping[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "aucpr",
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.1,
    "seed": 0,
}
"""What holds unless it is given otherwise."""


class Boosted(NamedTuple):
    """Boosted trees and how good they are.

    Attributes:
        booster: xgboost.Booster.
        metrics: split -> {"ap": average precision, "auroc": ...} of valid and test.
        scores: split -> [n] float32 probabilities, in the order of `table.rows(split)`.
        table: what they were trained on.
    """

    booster: Any
    metrics: Mapping[str, Mapping[str, float]]
    scores: Mapping[str, np.ndarray]
    table: BoostTable

    def loader(self, split: str = "test", batch_size: int = 8192) -> Iterator[np.ndarray]:
        """Yield the matrix [n, columns] of a split, at most `batch_size` rows at a time, as a server of the trees
        takes it.
        """
        for matrix, _ in self.table.batches(self.table.rows(split), batch_size):
            yield matrix

    def save(self, path: str | Path) -> Path:
        """Write the trees as XGBoost's JSON and return the path."""
        path = Path(path).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, bytes(self.booster.save_raw("json")))
        return path


def fit_boost(
    table: BoostTable,
    n_rounds: int = 200,
    parameters: Mapping[str, Any] | None = None,
    *,
    patience: int | None = 20,
    training_cluster: TrainCluster | None = None,
    inference_cluster: InferenceCluster | None = None,
) -> Boosted:
    """Train on the training split, stop by the validation split, and return the trees with their metrics.

    Rows are read batch by batch and kept as bins of a byte, so that tables larger than memory as floats fit.

    Args:
        n_rounds: trees at most.
        parameters: of XGBoost, over PARAMETERS.
        patience: trees without a better average precision before it stops; None for all rounds.
        training_cluster, inference_cluster: where to; None for this process.

    Raises:
        DataError: no training rows with labels.
    """
    xgboost = require("xgboost", "boost")
    if not len(table.rows("train")):
        fail(table.root, "no training rows", "some with labels", "prepare it with another split")
    chosen = {**PARAMETERS, **(parameters or {})}
    if training_cluster is not None and training_cluster.world_size > 1:
        booster = training_cluster.train(table, chosen, n_rounds, patience)
    else:
        train = _matrix(xgboost, table, "train")
        stops = patience is not None and len(table.rows("valid")) > 0
        booster = xgboost.train(
            chosen,
            train,
            n_rounds,
            evals=[(_matrix(xgboost, table, "valid", train), "valid")] if stops else [],
            early_stopping_rounds=patience if stops else None,
            verbose_eval=False,
        )
    cluster = inference_cluster or InferenceCluster()
    scores = {split: cluster.predict(booster, table, table.rows(split)) for split in ("valid", "test")}
    metrics = {split: measure(table.labels(table.rows(split)), chances) for split, chances in scores.items()}
    return Boosted(booster, metrics, scores, table)


def measure(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return {"ap", "auroc"} of [n] probabilities of labels 0 and 1; NaN where the labels are all alike."""
    known = np.ones(len(labels), bool)
    return {name: metric(name).function(scores - 0.5, labels, known) for name in ("ap", "auroc")}


def _matrix(xgboost: Any, table: BoostTable, split: str, base: Any = None) -> Any:
    """Return a split as bins, which are the training split's (`base`)."""
    rows = table.rows(split)

    class Batches(xgboost.DataIter):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._source = table.batches(rows)

        def next(self, input_data: Any) -> bool:
            batch = next(self._source, None)
            if batch is not None:
                input_data(
                    data=batch[0], label=batch[1], feature_names=table.names, feature_types=table.types
                )
            return batch is not None

        def reset(self) -> None:
            self._source = table.batches(rows)

    return xgboost.QuantileDMatrix(Batches(), ref=base, enable_categorical=True)
