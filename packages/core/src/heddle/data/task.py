"""Task: what is predicted, by which loss it is learned and which metrics tell how well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from heddle.data.dataset import TASKS, Dataset
from heddle.data.task_options import RANKINGS, TaskOptions
from heddle.errors import ConfigError, nearest
from heddle.graphs.graph import Array, Graph, HeteroGraph
from heddle.graphs.pytree import leaves
from heddle.nn.model import Batch, ModelSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.losses import LISTWISE, LOSSES, listwise
from heddle.sampling.types import ONE_RELATION, ONE_TYPE

_LEVELS = {
    "node_classification": "node",
    "node_regression": "node",
    "edge_classification": "edge",
    "edge_regression": "edge",
    "node_ranking": "node",
    "edge_ranking": "edge",
    "graph_ranking": "graph",
    "graph_classification": "graph",
    "graph_regression": "graph",
    "link_prediction": "link",
    "forecast": "step",
}


FOCAL = "focal"
"""The name of cross_entropy or binary_cross_entropy with a gamma."""

OF_CLASSES = ("cross_entropy", "binary_cross_entropy")
"""Losses whose outputs are logits."""


class Objective(Protocol):
    """By what a model is trained and measured: a Task, or what a script gives in its place."""

    @property
    def metrics(self) -> Sequence[str] | Mapping[str, Any]:
        """Names of `heddle.workflow.metrics.by_name`; or names of any choice -> Metric."""
        ...

    def loss(self, ops: GraphOps, outputs: Array, batch: Any) -> Array:
        """Return the scalar loss [] of outputs [n, ...] against the batch's known targets."""
        ...


@dataclass(frozen=True)
class Task:
    """One kind of prediction.

    Attributes:
        kind: one of `heddle.data.dataset.TASKS`.
        loss_name: a key of `heddle.ops.losses.LOSSES`.
        metrics: names of `heddle.workflow.metrics.by_name`, the first of which is the headline.
        class_weights: of cross_entropy, by which the losses of each class are multiplied; () for 1.
        pos_weight: of binary_cross_entropy, by which the losses of true labels are multiplied; () for 1.
        gamma: of the focal loss; 0 for none.
        length, horizon: steps that a forecast reads and predicts; 0 for other tasks.
    """

    kind: str
    loss_name: str
    metrics: tuple[str, ...]
    length: int = 0
    horizon: int = 0
    class_weights: tuple[float, ...] = ()
    pos_weight: tuple[float, ...] = ()
    gamma: float = 0.0

    @property
    def level(self) -> str:
        """What a prediction is about: "node", "edge", "graph", "link", or "step" of a forecast."""
        return _LEVELS[self.kind]

    def loss(self, ops: GraphOps, outputs: Array, batch: Batch) -> Array:
        """Return the scalar loss [] of outputs [n, ...]: the sum over the batch's known targets by `batch.divisor`.

        Each entry's is multiplied by its weight, where the batch or the task has some; the divisor counts entries.
        """
        given = ops, outputs, batch.targets, batch.mask, batch.weights
        if self.loss_name == LISTWISE:
            mean = listwise(*given, batch.groups)
        else:
            mean = LOSSES[self.loss_name](*given, **self.loss_options)
        if batch.divisor is None:
            return mean
        return mean * (ops.xp.sum(ops.xp.astype(batch.mask, mean.dtype)) / batch.divisor)

    @property
    def loss_options(self) -> dict[str, Any]:
        """What the loss of `loss_name` is given besides its arrays, also by a script's `heddle.ops.criterion`."""
        if self.loss_name == "cross_entropy":
            return {"class_weights": self.class_weights, "gamma": self.gamma}
        if self.loss_name == "binary_cross_entropy":
            return {"pos_weight": self.pos_weight, "gamma": self.gamma}
        return {}


def task_for(options: TaskOptions, dataset: Dataset) -> Task:
    """Return the task that the `task` node names; "auto" takes the dataset's own, and its loss and metrics.

    Raises:
        ConfigError: an unknown kind or loss, or a kind that the dataset has no targets for.
    """
    name = dataset.task if options.name == "auto" else options.name
    if name not in _LEVELS:
        raise ConfigError(f"task: found {name!r}, expected one of {sorted(_LEVELS)}{nearest(name, TASKS)}")
    length, horizon = (options.length, options.horizon) if name == "forecast" else (0, 0)
    if min(length, horizon) < (name == "forecast"):
        raise ConfigError(
            f"task: found length={length}, horizon={horizon}, expected at least 1 step of each; raise them"
        )
    usual, metrics = _defaults(name, dataset, horizon)
    loss = usual if options.loss in ("auto", FOCAL) else options.loss
    if loss == LISTWISE and name not in RANKINGS:
        raise ConfigError(
            f"task.loss=listwise: found {name}, expected a ranking, whose rows are in groups; set task.loss=auto"
        )
    if loss not in (*LOSSES, LISTWISE):
        names = [*sorted(LOSSES), FOCAL, LISTWISE]
        raise ConfigError(f"task.loss: found {loss!r}, expected one of {names}{nearest(loss, names)}")
    if options.loss == FOCAL and loss not in OF_CLASSES:
        raise ConfigError(
            f"task.loss=focal: found {name}, whose loss is {usual}, expected a task of classes, labels or links; set "
            "task.loss=auto"
        )
    gamma = options.gamma if options.loss == FOCAL else 0.0
    return Task(name, loss, options.metrics or metrics, length, horizon, gamma=gamma)


def model_spec_of(dataset: Dataset, task: Task) -> ModelSpec:
    """Describe to a model builder what `dataset` offers and `task` asks."""
    if task.level == "step":
        assert dataset.series is not None
        _, n_nodes, width = dataset.series.values.shape
        window = task.length, task.horizon
        return ModelSpec("step", width, 0, dataset.series.n_targets, {"": n_nodes}, window=window)
    graph = dataset.graphs if task.level != "graph" else dataset.graphs[0]
    labels = dataset.targets.shape[1] if dataset.targets is not None and dataset.targets.ndim > 1 else 1
    out_dim = (
        0 if task.level == "link" else (dataset.num_classes if task.loss_name == "cross_entropy" else labels)
    )
    n_link_types = 0
    if task.level == "link" and dataset.splits["train"].shape[1] == 3:
        n_link_types = int(max(split[:, 1].max(initial=-1) for split in dataset.splits.values())) + 1
    asked = dataset.asked
    asked_dim = 0 if asked is None or asked.x is None else int(asked.x.shape[1])
    asked_codes = () if asked is None else asked.sizes
    if isinstance(graph, HeteroGraph):
        return ModelSpec(
            task.level,
            {key: _width(pytree) for key, pytree in graph.nodes.items()},
            {key: width for key, of in graph.edges.items() if (width := _width(of.features))},
            out_dim,
            {key: int(count.sum()) for key, count in graph.n_node.items()},
            tuple(graph.edges),
            dataset.target_type,
            n_link_types,
            receiver_type=dataset.receiver_type,
            asked_dim=asked_dim,
            asked_codes=asked_codes,
            codes=_codes(dataset, graph.nodes),
            edge_codes=_codes(dataset, {key: of.features for key, of in graph.edges.items()}),
        )
    assert isinstance(graph, Graph)
    graphs: Sequence[Graph] = [graph] if task.level != "graph" else dataset.graphs  # type: ignore[assignment]
    return ModelSpec(
        task.level,
        _width(graph.nodes),
        _width(graph.edges),
        out_dim,
        {"": int(graph.n_node.sum())},
        n_link_types=n_link_types,
        asked_dim=asked_dim,
        asked_codes=asked_codes,
        codes=_codes(dataset, *({ONE_TYPE: one.nodes} for one in graphs)),
        edge_codes=_codes(dataset, *({ONE_RELATION: one.edges} for one in graphs)),
    )


def _defaults(name: str, dataset: Dataset, horizon: int) -> tuple[str, tuple[str, ...]]:
    if name == "forecast":
        steps = sorted({step for step in (3, 6, 12) if step <= horizon} | {horizon})
        return "mae", (
            "masked_mae",
            *(f"{error}@{step}" for step in steps for error in ("mae", "rmse", "mape")),
        )
    if name == "link_prediction":
        return "binary_cross_entropy", ("mrr", "hits@1", "hits@3", "hits@10", "auroc", "ap")
    if name in RANKINGS:
        return LISTWISE, ("ndcg@10", "mrr", "hits@1")
    if name in ("node_regression", "edge_regression", "graph_regression"):
        return "mse", ("rmse", "mae")
    if dataset.targets is not None and dataset.targets.ndim > 1:
        return "binary_cross_entropy", ("auroc", "ap")
    if name == "edge_classification" and dataset.num_classes == 2:
        return "cross_entropy", ("accuracy", "f1", "auroc", "ap")
    return "cross_entropy", ("accuracy", "f1")


def _width(pytree: Any) -> int:
    """Columns of a pytree's feature matrix: the array itself or its entry "x"; 0 if there is none."""
    matrices = leaves(pytree.get("x") if isinstance(pytree, Mapping) else pytree)
    return int(matrices[0].shape[1]) if matrices and matrices[0].ndim == 2 else 0


def _codes(dataset: Dataset, *features: Mapping[Any, Any]) -> dict[Any, tuple[int, ...]]:
    """Return node type or relation -> number of codes of each column: those that the data says, else as occur.

    Args:
        features: node type or relation -> pytree of features, for each graph.
    """
    sizes: dict[Any, tuple[int, ...]] = {}
    for graph in features:
        for key, pytree in graph.items():
            codes = pytree.get("codes") if isinstance(pytree, Mapping) else None
            if codes is None:
                continue
            known = dataset.n_codes.get(key)
            if known is not None:
                sizes[key] = tuple(known)
                continue
            most = tuple(int(codes[:, i].max(initial=0)) + 1 for i in range(codes.shape[1]))
            sizes[key] = tuple(map(max, sizes.get(key, most), most))
    return sizes
