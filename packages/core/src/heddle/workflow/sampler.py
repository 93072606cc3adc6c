"""The `sampler` config node, checked at the door, and the parts of a dataset's graph that it describes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.data.dataset import Dataset
from heddle.errors import ConfigError, nearest
from heddle.graph import Graph
from heddle.model import Batch, BlockModel
from heddle.sample import Fanout
from heddle.sampling.blocks import blocks
from heddle.sampling.parts import Part, Parts, kernels_of
from heddle.sampling.store import GraphStore, store_of
from heddle.sampling.stream import sample_key

NAMES = ("full", "neighbor")


class Sampling(NamedTuple):
    """How batches are sampled.

    Attributes:
        name: "full": every step sees the whole graph; "neighbor": the sampled surroundings of some nodes or links.
        fanouts: in-edges taken of each node, hop by hop; -1 for all.
        batch_size: nodes or links of a step.
        eval_fanouts: as fanouts, where predictions are made; None for the same.
        replace: draw each edge anew.
        workers: threads that build batches ahead; 0 for none. Never changes a batch.
        prefetch: batches that are ready, at most, before they are wanted.
    """

    name: str = "full"
    fanouts: tuple[int, ...] = ()
    batch_size: int = 1024
    eval_fanouts: tuple[int, ...] | None = None
    replace: bool = False
    workers: int = 2
    prefetch: int = 4

    @property
    def is_sampled(self) -> bool:
        """Whether steps see parts of the graph."""
        return self.name != "full"

    def fanout(self, model: Any, evaluating: bool = False) -> Fanout:
        """Return what a sampler is asked in training, or for predictions: layers where the model computes by layer."""
        own = self.eval_fanouts if evaluating and self.eval_fanouts is not None else self.fanouts
        layered = isinstance(model, BlockModel) and model.takes_blocks(len(own))
        return Fanout(own, replace=self.replace and not evaluating, layered=layered)


def sampling_from(node: Mapping[str, Any] | None) -> Sampling:
    """Return the Sampling of a `sampler` config node; without one, whole graphs.

    Raises:
        ConfigError: an unknown name, no hops, or a count below its least value.
    """
    given = dict(node or {})
    name = given.get("name", "full")
    if name not in NAMES:
        raise ConfigError(
            f"sampler: found {name!r}, expected one of {list(NAMES)}{nearest(str(name), NAMES)}"
        )
    if name == "full":
        return Sampling()
    own = {key: value for key, value in given.items() if key in Sampling._fields}
    for key in ("fanouts", "eval_fanouts"):
        sizes = own.get(key)
        if sizes is not None:
            own[key] = tuple(int(size) for size in sizes)
    sampling = Sampling(**own)
    for key, sizes in (("fanouts", sampling.fanouts), ("eval_fanouts", sampling.eval_fanouts or (1,))):
        if not sizes or min(sizes) < -1:
            raise ConfigError(
                f"sampler.{key}: found {list(sizes)}, expected a size for each hop, -1 for all edges; "
                f"as in sampler.{key}=[15,10]"
            )
    for key, least in (("batch_size", 1), ("workers", 0), ("prefetch", 1)):
        if getattr(sampling, key) < least:
            raise ConfigError(f"sampler.{key}: found {getattr(sampling, key)}, expected at least {least}")
    return sampling


class SampledGraph:
    """A dataset's graph as a source of batches for one model."""

    def __init__(self, dataset: Dataset, model: Any, sampling: Sampling, seed: int, registry: Any):
        graph: Any = dataset.graphs
        store = graph if isinstance(graph, GraphStore) else store_of(graph)
        self.parts, self.sampling = Parts(store, kernels_of(registry)), sampling
        self._model, self._seed, self._type = model, seed, dataset.target_type

    def batch(self, seeds: Any, epoch: int, number: int, evaluating: bool = False) -> Batch:
        """Return the Batch around nodes, the first of its part, that asks about each of them.

        Args:
            seeds: [n] ids of the target type, or node type -> ids.
            epoch, number: what is drawn depends on them; of a layered sample, on the epoch and the nodes alone.
        """
        if not isinstance(seeds, Mapping) and not self.parts.store.is_homogeneous:
            seeds = {self._type: seeds}
        fanout = self.sampling.fanout(self._model, evaluating)
        key = sample_key(self._seed, epoch, 0 if fanout.layered else number)
        part = self.parts.around(seeds, fanout, key)
        count = sum(map(len, seeds.values())) if isinstance(seeds, Mapping) else len(seeds)
        return batch_of(self._model, part, np.arange(count), self.parts.kernels.adjacency)


def batch_of(model: Any, part: Part, index: np.ndarray, adjacency: Any) -> Batch:
    """Return a Batch of a part, prepared layer by layer where the model knows how, so that none computes too much."""
    if not isinstance(model, BlockModel):
        return Batch(part.graph, model.prepare(part.graph), index)
    prepared = model.prepare_blocks(part.graph, blocks(part.sample), adjacency)
    graph = part.graph
    if "blocks" in prepared:  # these hold the edges that are needed, so that no others go to the device
        graph = _without_edges(graph)
    return Batch(graph, prepared, index)


def _without_edges(graph: Any) -> Any:
    none, nothing = np.zeros(0, np.int32), np.zeros(1, np.int64)
    if isinstance(graph, Graph):
        return graph._replace(edges=None, senders=none, receivers=none, n_edge=nothing)
    return graph._replace(
        edges={
            key: of._replace(features=None, senders=none, receivers=none, n_edge=nothing)
            for key, of in graph.edges.items()
        }
    )
