"""TrainCluster and InferenceCluster: the same trees over several processes (Dask), each reading its own rows."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from heddle.errors import ConfigError, problem
from heddle.extras import require
from heddle.workflow.boost.table import BoostTable


class _Cluster:
    """Workers of Dask on this machine's loopback, or an address of a cluster that runs already.

    Args:
        world_size: workers; 1 does without a cluster.
        device: "cpu", or "cuda" for a GPU each (needs dask-cuda).
        threads: of a worker.
        address: of a scheduler that runs already; its workers must see the folders by the same paths.
    """

    def __init__(
        self, world_size: int = 1, device: str = "cpu", threads: int = 1, address: str | None = None
    ):
        name = type(self).__name__
        if world_size < 1:
            raise ConfigError(problem(f"{name}.world_size", world_size, "at least 1", "raise it"))
        if device not in ("cpu", "cuda"):
            raise ConfigError(problem(f"{name}.device", repr(device), "cpu or cuda", "name one"))
        self.world_size, self.device, self.threads, self.address = world_size, device, threads, address

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Give a Client of the workers, which end with it unless they were there before."""
        distributed = require("distributed", "boost")
        if self.address is not None:
            with distributed.Client(self.address) as client:
                yield client
            return
        with (
            TemporaryDirectory(prefix="heddle-dask-") as folder,
            _script_left_out(),
            self._local(distributed, folder) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client

    def _local(self, distributed: Any, folder: str) -> Any:
        """Return new workers on the loopback, whose own files go to `folder`."""
        if self.device == "cuda":
            cuda = require("dask_cuda", "gpu")
            return cuda.LocalCUDACluster(self.world_size, host="127.0.0.1", local_directory=folder)
        return distributed.LocalCluster(
            local_directory=folder,
            n_workers=self.world_size,
            threads_per_worker=self.threads,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=40,
        )


@contextmanager
def _script_left_out() -> Iterator[None]:
    """Keep processes that are started meanwhile from running the calling script, which need not guard itself."""
    main: Any = sys.modules["__main__"]
    spec, file = main.__spec__, main.__dict__.pop("__file__", None)
    main.__spec__ = None
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


class TrainCluster(_Cluster):
    """Workers that train together."""

    def train(
        self, table: BoostTable, parameters: Mapping[str, Any], n_rounds: int, patience: int | None
    ) -> Any:
        """Return the Booster of a table's training split.

        Args:
            parameters: of XGBoost.
            n_rounds: most trees to grow.
            patience: rounds without a better validation before it stops; None never stops.
        """
        dask = require("xgboost.dask", "boost")
        with self.client() as client:

            def matrix(split: str, base: Any = None) -> Any:
                data, labels = _arrays(table, table.rows(split), self.world_size)
                facts = {"feature_names": table.names, "feature_types": table.types}
                return dask.DaskQuantileDMatrix(
                    client, data, labels, ref=base, enable_categorical=True, **facts
                )

            train = matrix("train")
            stops = patience is not None and len(table.rows("valid")) > 0
            trained = dask.train(
                client,
                {**parameters, "nthread": self.threads, "device": self.device},
                train,
                n_rounds,
                evals=[(matrix("valid", train), "valid")] if stops else [],
                early_stopping_rounds=patience if stops else None,
                verbose_eval=False,
            )
        return trained["booster"]


class InferenceCluster(_Cluster):
    """Workers that predict, each its own rows."""

    def predict(self, booster: Any, table: BoostTable, rows: np.ndarray) -> np.ndarray:
        """Return [n] float32 probabilities of a table's rows."""
        if self.world_size == 1 and self.address is None:
            return _predict(booster.save_raw("ubj"), table, rows)
        delayed = require("dask", "boost").delayed
        with self.client() as client:
            raw = booster.save_raw("ubj")
            parts = [delayed(_predict)(raw, table, part) for part in np.array_split(rows, self.world_size)]
            return np.concatenate([future.result() for future in client.compute(parts)])


def _predict(raw: bytes, table: BoostTable, rows: np.ndarray) -> np.ndarray:
    xgboost = require("xgboost", "boost")
    booster = xgboost.Booster(model_file=bytearray(raw))
    scores = [np.empty(0, np.float32)]
    for matrix, _ in table.batches(rows):
        facts = {"feature_names": table.names, "feature_types": table.types}
        scores.append(booster.predict(xgboost.DMatrix(matrix, enable_categorical=True, **facts)))
    return np.concatenate(scores)


def _arrays(table: BoostTable, rows: np.ndarray, parts: int) -> tuple[Any, Any]:
    """Return Dask arrays of the matrix and the labels, a part for each worker that it reads by itself."""
    array, delayed = require("dask.array", "boost"), require("dask", "boost").delayed
    matrices, labels = [], []
    for part in np.array_split(rows, parts):
        shape = (len(part), len(table.names))
        matrices.append(array.from_delayed(delayed(table.matrix)(part), shape, np.float32))
        labels.append(array.from_delayed(delayed(table.labels)(part), (len(part),), np.int64))
    return array.concatenate(matrices), array.concatenate(labels)
