"""GraphScriptLoader: batches of whole graphs for a Trainer, as `heddle train` makes them of the same data and seed."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset
from heddle.data.spec import DataSpec
from heddle.engines.launch import ALONE, Launch
from heddle.engines.program import Placed, Program
from heddle.graphs.convert import as_hetero
from heddle.graphs.graph import Graph, num_nodes
from heddle.nn.model import Batch, Prepared
from heddle.sampling.types import HeteroSample
from heddle.scripts.dataset_source import NODE, TO, with_ones
from heddle.workflow.launch.peers import batch_numbers
from heddle.workflow.loaders.graphs import GraphLoader
from heddle.workflow.loaders.prefetch import Waiting, prefetched


class GraphScriptLoader(GraphLoader):
    """Asks about whole graphs; of several processes each takes its turn of the batches.

    Args:
        dataset: with its splits.
        spec: how training is drawn.
        model: a portable Model that batches are prepared for; None for a module of the engine, whose batches are
            samples of `hops` hops that hold all nodes and edges of the graphs.
        evaluated: whether the validation split is predicted after every epoch.

    Attributes:
        waiting: how long training waited for batches so far.
    """

    def __init__(
        self, dataset: Dataset, spec: DataSpec, seed: int, model: Any, hops: int, evaluated: bool = False
    ):
        self._of_module = model is None
        given = WholeSample(hops) if model is None else model
        super().__init__(dataset, given, spec.batch_size, seed, static_shapes=False)
        self._spec, self._launch, self.waiting = spec, ALONE, Waiting()
        self.every_epoch = ("valid",) if evaluated else ()

    def for_process(self, launch: Launch) -> "GraphScriptLoader":
        """Return the loader of one of several processes that train together."""
        other = copy.copy(self)
        other._launch, other.waiting = launch, Waiting()
        return other

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the epoch's training batches; of several devices, those of this one."""
        pieces = self.plan(epoch)
        numbers = batch_numbers(len(pieces), self._launch)

        def build(at: int) -> Placed:
            number, counts = numbers[at]
            batch = self.build(pieces[number])
            assert batch.mask is not None
            return program.place(batch if counts else batch._replace(mask=np.zeros_like(batch.mask)))

        return prefetched(build, len(numbers), self._spec.workers, self._spec.prefetch, self.waiting)

    def _shuffled(self, epoch: int) -> np.ndarray:
        return super()._shuffled(epoch) if self._spec.shuffle else self._positions["train"]

    def _build(self, graph: Graph, positions: np.ndarray) -> Batch:
        made = super()._build(graph, positions)
        return made._replace(graph=as_hetero(with_ones(graph), *TO[:2])) if self._of_module else made


class WholeSample:
    """What a module of the engine needs of a batch of graphs: a sample that holds all of them.

    Args:
        hops: layers of the module, each of which reads every edge.
    """

    def __init__(self, hops: int):
        self._hops = hops

    def prepare(self, graph: Graph) -> Prepared:
        """Return {"sample": HeteroSample, "graph_ids": [n_nodes] int64, the graph of each node}."""
        n, edges = num_nodes(graph), len(graph.senders)
        rest = (0,) * (self._hops - 1)
        sample = HeteroSample(
            {NODE: np.arange(n)},
            {TO: np.asarray(graph.senders)},
            {TO: np.asarray(graph.receivers)},
            {TO: np.arange(edges)},
            {NODE: (n, 0, *rest)},
            {TO: (edges, *rest)},
            None,
        )
        return {"sample": sample, "graph_ids": np.repeat(np.arange(len(graph.n_node)), graph.n_node)}
