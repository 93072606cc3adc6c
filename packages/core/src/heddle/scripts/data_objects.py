"""Data objects: one graph, what is asked of it, and how its splits are drawn; for a `Trainer`."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset, Times
from heddle.data.prepared.datasets import targets_of
from heddle.data.spec import DataSpec
from heddle.data.task import Task
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError, DataError
from heddle.graphs.graph import EdgeType
from heddle.sampling.parts import Parts, SamplingKernels, kernels_of
from heddle.sampling.store import GraphStore
from heddle.scripts.metadata import MetaLoader
from heddle.scripts.sources import EDGE_TASKS, GRAPH_TASKS
from heddle.workflow.loaders.known import up_to, without_times


class DataObject:
    """What `NodeDataObject`, `EdgeDataObject` and `LPDataObject` share.

    Args:
        train_dataloader, valid_dataloader, test_dataloader: the specs of the splits; `train_data_loader` and so on
            mean the same. Without one for validation or test the training spec is used, unshuffled.
        data_path: the prepared folder; None takes the metadata of the training spec.
        backend: the engine, in any case of letters; None for the installed one that trains scripts.
        seed: of the orders, samples and negative edges.
        time, ties, known: as `task.time`, `task.ties` and `task.known` of `heddle train`: where questions have times,
            nothing newer than a question is shown to it.

    Raises:
        ConfigError: no training spec, or neither `data_path` nor metadata.
    """

    def __init__(
        self,
        train_dataloader: DataSpec | None = None,
        valid_dataloader: DataSpec | None = None,
        test_dataloader: DataSpec | None = None,
        *,
        train_data_loader: DataSpec | None = None,
        valid_data_loader: DataSpec | None = None,
        test_data_loader: DataSpec | None = None,
        data_path: str | Path | None = None,
        backend: str | None = None,
        seed: int = 0,
        time: str = "auto",
        ties: str = "auto",
        known: str = "rolling",
    ):
        train = train_dataloader or train_data_loader
        if train is None:
            raise ConfigError(
                f"{type(self).__name__}: found no train_dataloader, expected a DataSpec; pass train_dataloader=spec"
            )
        if data_path is None and train.metadata is None:
            raise ConfigError(
                f"{type(self).__name__}: found neither data_path nor metadata in the training spec, "
                "expected one of them; pass data_path=FOLDER"
            )
        self.metadata: MetaLoader = train.metadata if train.metadata is not None else MetaLoader(data_path)
        if time == "ignore" and self.metadata.dataset is not None:  # edges that are asked about are left out
            self.metadata = MetaLoader(without_times(self.metadata.dataset))
        self.backend = None if backend is None else backend.lower()
        self.seed, self.data_path = int(seed), data_path
        self.task = TaskOptions(time=time, ties=ties, known=known)
        evaluated = train.merge(shuffle=False)
        self.root = data_path if data_path is not None else self.metadata.root
        self.specs: dict[str, DataSpec] = {
            "train": train,
            "valid": valid_dataloader or valid_data_loader or evaluated,
            "test": test_dataloader or test_data_loader or evaluated,
        }

    @property
    def construct_cache(self) -> Mapping[str, Any]:
        """{"graph": the GraphStore that batches are cut from}."""
        return {"graph": self.graph}

    @property
    def graph(self) -> GraphStore:
        """The graph that batches are cut from."""
        return self.parts.store

    @property
    def parts(self) -> Parts:
        """What cuts parts out of the graph."""
        raise NotImplementedError

    @property
    def dataset(self) -> Dataset:
        """What is asked of the graph, as `heddle train` knows it; `graphs` is the GraphStore of `parts`."""
        raise NotImplementedError

    @property
    def known(self) -> np.ndarray | None:
        """Links [n, 2] that are true besides those of the splits; None for none."""
        return None

    @cached_property
    def times(self) -> Times | None:
        """When questions are asked and things came into being; None where that isn't known or looked at."""
        return None if self.task.time == "ignore" else self.metadata.times(self._relation)

    @property
    def _relation(self) -> EdgeType | None:
        """The relation whose links are asked about, None for nodes."""
        return None

    @cached_property
    def _kernels(self) -> SamplingKernels:
        from heddle.engines.plugins import load_plugins

        return kernels_of(load_plugins())


class NodeDataObject(DataObject):
    """Nodes whose classes, labels, values or ranks are to be predicted, as the data was prepared for.

    Raises:
        DataError: the data wasn't prepared for nodes.
    """

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        if len(self.metadata.target) != 1:
            raise DataError(
                f"NodeDataObject: found data prepared for {self.metadata.task_kind} of {self.metadata.target}, "
                "expected one node type; use EdgeDataObject for classes or values of edges, GraphDataObject for those "
                "of graphs, LPDataObject for links"
            )

    @cached_property
    def parts(self) -> Parts:
        store = self.metadata.store if self.times is None else self.metadata.timed_store
        return Parts(store, self._kernels)

    @cached_property
    def dataset(self) -> Dataset:
        meta, (node_type,) = self.metadata, self.metadata.target
        splits = {split: meta.node_split(node_type, split) for split in self.specs}
        given = splits if any(map(len, splits.values())) else {}
        task, name = meta.task_kind, str(self.root or "graph")
        targets, classes = meta.labels(node_type), task == "node_classification"
        if targets.ndim > 1 or not classes:  # labels of classes stay where they lie
            targets = targets_of(targets, classes=classes)
        about = targets, given, meta.num_classes, node_type
        weights, groups = meta.weights(node_type), meta.groups(node_type)
        return Dataset(name, task, self.graph, *about, times=self.times, weights=weights, groups=groups)


class EdgeDataObject(DataObject):
    """Rows of a relation whose classes, values or ranks are to be predicted, as the data was prepared for.

    Both ends of a row are seen as they were before it. Its own columns are in no message: a model reads them from its
    batch, as `EdgePredictor` does. Without times, rows of validation and test are hidden from messages, and so are the
    columns of the others.

    Raises:
        DataError: the data wasn't prepared for edges.
    """

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        if self.metadata.task_kind not in EDGE_TASKS:
            raise DataError(
                f"EdgeDataObject: found data prepared for {self.metadata.task_kind} of {self.metadata.target}, "
                "expected classes or values of edges; use NodeDataObject for nodes, LPDataObject for links"
            )
        target = self.metadata.target
        self.relation: EdgeType = (target[0], target[1], target[2])

    @cached_property
    def parts(self) -> Parts:
        if self.times is not None:
            return Parts(self.metadata.timed_store, self._kernels)
        splits = self.metadata.edge_questions.splits
        unseen = [np.asarray(splits[split]) for split in ("valid", "test") if split in splits]
        store = self.metadata.store_without(self.relation, unseen, columns=False)
        return Parts(store, self._kernels)

    @cached_property
    def times(self) -> Times | None:
        if self.task.time == "ignore":
            return None
        return self.metadata.times(self.relation, rows=True)

    @cached_property
    def dataset(self) -> Dataset:
        asked = self.metadata.edge_questions
        return asked._replace(name=str(self.root or asked.name), graphs=self.graph, times=self.times)

    def rows(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Return [n, 2] the ends of every row of the relation, and [n] up to which time each may look, or None."""
        asked, times = self.metadata.edge_questions.asked, self.times
        assert asked is not None
        ends = np.asarray(asked.ends, np.int64)
        return ends, None if times is None else up_to(np.asarray(times.asked, np.int64), inclusive=False)


class GraphDataObject(DataObject):
    """Whole graphs whose classes, values or ranks are to be predicted: a Dataset of many graphs in memory.

    A batch holds `batch_size` graphs, all nodes and edges of each; fanouts aren't looked at. The specs of validation
    and test aren't either: their graphs are predicted `batch_size` of the training spec at a time.

    Raises:
        DataError: the data asks for no classes or values of graphs.
    """

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        if self.metadata.task_kind not in GRAPH_TASKS:
            raise DataError(
                f"GraphDataObject: found data prepared for {self.metadata.task_kind} of {self.metadata.target}, "
                "expected classes or values of graphs; use NodeDataObject for nodes, EdgeDataObject for edges, "
                "LPDataObject for links"
            )

    @cached_property
    def parts(self) -> Parts:
        return Parts(self.metadata.store, self._kernels)

    @property
    def dataset(self) -> Dataset:
        dataset = self.metadata.dataset
        assert dataset is not None
        return dataset


class LPDataObject(DataObject):
    """Links of one relation, to be predicted; those of validation and test are hidden from messages.

    Links of a homogeneous graph in memory that has no splits of them are split by the seed, as `heddle train` does.

    Args:
        relation: (source, relation, target); None for the relation that the data was prepared for.

    Raises:
        DataError: the data was prepared for nodes, and no relation is given.
    """

    def __init__(self, *args: Any, relation: EdgeType | None = None, **options: Any):
        super().__init__(*args, **options)
        target = relation or self.metadata.target
        if len(target) != 3:
            raise DataError(
                f"LPDataObject: found data prepared for {self.metadata.task_kind} of {self.metadata.target}, expected "
                f"a relation; pass relation=, one of {self.metadata.edge_types}"
            )
        self.relation: EdgeType = (target[0], target[1], target[2])
        if self.metadata.dataset is not None:
            from heddle.data.drawn_splits import with_splits

            task = Task("link_prediction", "binary_cross_entropy", ())
            self.metadata = MetaLoader(with_splits(self.metadata.dataset, task, self.seed))

    @cached_property
    def parts(self) -> Parts:
        if self.times is not None:  # every link is seen by the questions after it
            return Parts(self.metadata.timed_store, self._kernels)
        return Parts(self.metadata.store_without(self.relation, ("valid", "test")), self._kernels)

    @property
    def _relation(self) -> EdgeType | None:
        return self.relation

    @cached_property
    def dataset(self) -> Dataset:
        source, _, target = self.relation
        splits = {
            split: np.asarray(self.metadata.links(self.relation, split), np.int64) for split in self.specs
        }
        last = target if target != source else ""
        return Dataset(
            str(self.root or "graph"),
            "link_prediction",
            self.graph,
            None,
            splits,
            0,
            source,
            receiver_type=last,
            times=self.times,
        )

    def rows(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Return [n, 2] the links of every row of the relation, and [n] up to which time each may look, or None."""
        links, times = self.metadata.links(self.relation), self.metadata.link_times(self.relation)
        if times is None or self.times is None:
            return np.asarray(links, np.int64), None
        return np.asarray(links, np.int64), up_to(np.asarray(times, np.int64), inclusive=False)

    @property
    def known(self) -> np.ndarray | None:
        return self.metadata.links(self.relation) if self.metadata.is_homogeneous else None
