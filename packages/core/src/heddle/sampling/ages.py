"""ages: how long before its question each sampled node came into being, as further columns of its features."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.graph import HeteroGraph
from heddle.sampling.types import ONE_TYPE


class Ages(NamedTuple):
    """What is added to nodes that have a time.

    Attributes:
        scales: lengths of time, in the unit of the times; () adds nothing.
        times: node type -> [n_nodes] int, when each came into being, of the types that get ages.
    """

    scales: tuple[int, ...] = ()
    times: Mapping[str, np.ndarray] = {}

    @property
    def width(self) -> int:
        """How many columns are added."""
        return len(self.scales) + 1 if self.scales else 0

    def columns(self, age: np.ndarray) -> np.ndarray:
        """Return [n, width] float32 of ages [n]: exp(-age / s) for each scale s, then log(1 + age / the least scale).

        >>> Ages((10, 100)).columns(np.array([0, 10])).round(2).tolist()
        [[1.0, 1.0, 0.0], [0.37, 0.9, 0.69]]
        """
        past = np.maximum(age, 0).astype(np.float64)
        made = [np.exp(-past / scale) for scale in self.scales]
        return np.stack([*made, np.log1p(past / min(self.scales))], axis=1).astype(np.float32)

    def added(self, graph: Any, sample: Any, seed_times: Any) -> Any:
        """Return a part of a graph whose timed nodes have the columns of their ages.

        Args:
            sample: what the part was cut by.
            seed_times: [n] of the seeds, or node type -> [n].
        """
        if not self.width:
            return graph
        hetero = isinstance(graph, HeteroGraph)
        by_type = seed_times if isinstance(seed_times, Mapping) else {ONE_TYPE: seed_times}
        moments = np.concatenate([np.asarray(times, np.int64) for times in by_type.values()])
        nodes = dict(graph.nodes) if hetero else {ONE_TYPE: graph.nodes}
        ids = sample.nodes if hetero else {ONE_TYPE: sample.nodes}
        trees = sample.tree if hetero or sample.tree is None else {ONE_TYPE: sample.tree}
        for node_type, times in self.times.items():
            here = np.asarray(ids[node_type])
            now = moments[:1] if trees is None else moments[np.asarray(trees[node_type], np.int64)]
            age = (now if len(moments) else np.zeros(len(here), np.int64)) - np.asarray(times)[here]
            nodes[node_type] = _beside(nodes[node_type], self.columns(age))
        return graph._replace(nodes=nodes if hetero else nodes[ONE_TYPE])


NONE = Ages()


def ages_of(
    scales: Sequence[int], times: Mapping[str, np.ndarray], nodes: Mapping[str, Any], asked: str
) -> Ages:
    """Return the Ages of a graph's nodes.

    Types without features are known by their numbers, and get none; nor does that of the questions, whose age is 0.

    Args:
        times: node type -> [n_nodes].
        nodes: node type -> features.
        asked: the type that is asked about.
    """
    if not scales:
        return NONE
    chosen = {
        node_type: moments
        for node_type, moments in times.items()
        if node_type != asked and nodes.get(node_type) is not None
    }
    return Ages(tuple(scales), chosen)


def aged(model_spec: Any, ages: Ages) -> Any:
    """Return a ModelSpec of nodes whose features are wider by their ages."""
    if not ages.times:
        return model_spec
    in_dim = {
        node_type: width + ages.width * (node_type in ages.times)
        for node_type, width in model_spec.in_dim.items()
    }
    return model_spec._replace(in_dim=in_dim)


def _beside(pytree: Any, columns: np.ndarray) -> Any:
    if not isinstance(pytree, Mapping):
        return np.concatenate([pytree, columns.astype(pytree.dtype)], axis=1)
    x = pytree.get("x")
    return {**pytree, "x": columns if x is None else np.concatenate([x, columns.astype(x.dtype)], axis=1)}
