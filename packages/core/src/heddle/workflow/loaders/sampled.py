"""SampledLoader: shuffled mini-batches of one large graph, each the sampled surroundings of what it asks about."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset
from heddle.data.spec import DataSpec
from heddle.engines.launch import ALONE, Launch
from heddle.engines.program import Placed, Program, State
from heddle.graphs.graph import Graph
from heddle.nn.model import Batch, BlockModel, LeafModel
from heddle.sampling.ages import NONE, Ages
from heddle.sampling.blocks import blocks
from heddle.sampling.leaves import Leaves, summable
from heddle.sampling.parts import Part, Parts, kernels_of
from heddle.sampling.store import GraphStore, store_of
from heddle.sampling.stream import branch, sample_key
from heddle.sampling.types import ONE_TYPE
from heddle.workflow.launch.peers import batch_numbers
from heddle.workflow.loaders.links import shuffled
from heddle.workflow.loaders.prefetch import Waiting, prefetched
from heddle.workflow.loaders.questions.base import EVALUATION, Asked, Question
from heddle.workflow.loaders.questions.end_seeds import ask_links
from heddle.workflow.metrics.predictions import Predictions

_DROPOUT = 1
"""Tells what dropout draws from what else the key of a batch is for."""


class SampledGraph:
    """One graph as a source of batches for one model.

    Args:
        parts: what cuts parts out of the graph.
        node_type: of seeds that don't say theirs.
        batch_of: (part, index, leaves) -> Batch, as the model takes it.
        layered: (hops) -> whether the model computes a sample of so many hops layer by layer.
        leaves: node type -> features, of the types of whose outermost nodes such a model takes nothing but sums.
        ages: what nodes know of how old they are at the time of the question.
    """

    def __init__(
        self,
        parts: Parts,
        node_type: str,
        seed: int,
        batch_of: Callable[[Part, np.ndarray, Leaves | None], Batch],
        layered: Callable[[int], bool],
        leaves: Mapping[str, np.ndarray] = MappingProxyType({}),
        ages: Ages = NONE,
    ):
        self.parts, self._node_type, self._seed = parts, node_type, seed
        self._batch_of, self._layered, self._ages = batch_of, layered, ages
        self._leaves = {node_type: x for node_type, x in leaves.items() if node_type not in ages.times}

    def batch(self, asked: Asked, spec: DataSpec, epoch: int, number: int) -> Batch:
        """Return the Batch of what is asked.

        What is drawn depends on the seed, the epoch and the number of the batch; of a layered sample on the seed, the
        epoch and the nodes alone, so that the samples of two batches are those of the joined one. What dropout takes
        from features that are summed where they lie depends on the seed, the epoch, the batch and the node.
        """
        seeds, times = asked.seeds, asked.times
        if not isinstance(seeds, Mapping) and not self.parts.store.is_homogeneous:
            seeds = {self._node_type: seeds}
            times = None if times is None else {self._node_type: times}
        layered = self._layered(len(spec.fanouts))
        key = sample_key(self._seed, epoch, 0 if layered else number)
        fanout, leaves = spec.fanout(layered), None
        if layered and self._leaves:
            fanout = fanout._replace(leaves=tuple(self._leaves))
        part = self.parts.around(seeds, fanout, key, times)
        part = part._replace(graph=self._ages.added(part.graph, part.sample, times))
        if fanout.leaves:
            nodes = (
                part.sample.nodes if isinstance(part.sample.nodes, Mapping) else {ONE_TYPE: part.sample.nodes}
            )
            drawn = None if epoch == EVALUATION else branch(sample_key(self._seed, epoch, number), _DROPOUT)
            leaves = Leaves(self._leaves, nodes, drawn, self.parts.kernels.sum_rows)
        return self._batch_of(part, asked.index, leaves)._replace(
            targets=asked.targets,
            mask=asked.mask,
            asked=asked.columns,
            weights=asked.weights,
            groups=asked.groups,
        )


class SampledLoader:
    """Asks a question some entries at a time; a batch depends on (seed, epoch, its number) alone.

    The one source of sampled batches, of `heddle train` and of scripts.

    Args:
        specs: "train", "valid", "test" -> how the batches of each split are drawn.
        launch: the processes that train together: each takes its turn of the batches.

    Attributes:
        waiting: how long training waited for batches so far.
    """

    every_epoch: tuple[str, ...] = ("valid",)

    def __init__(
        self,
        question: Question,
        graph: SampledGraph,
        specs: Mapping[str, DataSpec],
        seed: int,
        launch: Launch = ALONE,
    ):
        self._question, self._graph, self._specs, self._seed = question, graph, specs, seed
        self._launch, self.waiting = launch, Waiting()

    def stats(self) -> dict[str, float]:
        """Return the share of the training time that went by in waiting for batches."""
        return {"loader_wait_share": self.waiting.share}

    def for_process(self, launch: Launch) -> "SampledLoader":
        """Return the loader of one of several processes that train together."""
        other = copy.copy(self)
        other._launch, other.waiting = launch, Waiting()
        return other

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Return what each batch of an epoch asks about: positions [n] int in the question, in the epoch's order."""
        spec, n = self._specs["train"], len(self._question)
        if spec.shuffle:
            return shuffled(n, spec.batch_size, self._seed, epoch)
        return np.split(np.arange(n), range(spec.batch_size, n, spec.batch_size))

    def build(self, positions: np.ndarray, epoch: int, number: int = 0) -> Batch:
        """Return the batch of training that asks about `positions` [n] int in the question.

        Args:
            number: of the batch in its epoch.
        """
        return self._graph.batch(self._question.learn(positions, epoch), self._specs["train"], epoch, number)

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the epoch's training batches in random order; of several devices, those of this one."""
        pieces, spec = self.plan(epoch), self._specs["train"]
        numbers = batch_numbers(len(pieces), self._launch)

        def build(at: int) -> Placed:
            number, counts = numbers[at]
            batch = self.build(pieces[number], epoch, number)
            return program.place(batch if counts else batch._replace(mask=np.zeros_like(batch.mask)))

        return prefetched(build, len(numbers), spec.workers, spec.prefetch, self.waiting)

    def predictions(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Predictions]:
        """Return the predictions of each split, from samples around what is asked."""
        return {split: self._predicted(program, state, split) for split in splits}

    def everything(self, program: Program, state: State) -> Predictions:
        """Return the predictions of all nodes of the target type, or of the links of all splits."""
        return self._predicted(program, state, None)

    def asked(
        self, program: Program, links: np.ndarray, times: np.ndarray | None, node_types: tuple[str, str]
    ) -> Iterator[Placed]:
        """Yield batches about any links, in their order.

        Args:
            links: [n, 2] int, (sender, receiver).
            times: [n] int64, up to when each question knows; None without times.
            node_types: of senders and of receivers.
        """
        spec = self._specs["test"]
        pieces = np.split(np.arange(len(links)), range(spec.batch_size, len(links), spec.batch_size))

        def build(number: int) -> Placed:
            rows = pieces[number]
            about = ask_links(links[rows], None if times is None else times[rows], node_types)
            return program.place(self._graph.batch(about, spec, EVALUATION, number))

        return prefetched(build, len(pieces), spec.workers, spec.prefetch)

    def ends(
        self, program: Program, state: State, node_types: tuple[str, str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the embeddings [m, d] of the senders and the receivers of all edges that are asked about, in order,
        each as of its edge's time; "" is the type of a homogeneous graph's nodes."""
        vectors_of_end: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        rows_of_batches = []
        for rows, embedded, index in self._embedded(program, state):
            rows_of_batches.append(rows)
            for end, node_type in enumerate(node_types):
                vectors = embedded[node_type] if node_type else embedded
                vectors_of_end[end].append(np.asarray(vectors)[index[:, end]])
        order = np.argsort(np.concatenate(rows_of_batches))
        senders, receivers = (np.concatenate(parts)[order] for parts in vectors_of_end)
        return senders, receivers

    def nodes(self, program: Program, state: State, node_type: str) -> np.ndarray:
        """Return the embeddings [n, d] of all nodes that are asked about, in order, each as of its question's time."""
        parts, rows_of_batches = [], []
        for rows, embedded, index in self._embedded(program, state):
            vectors = embedded[node_type] if node_type else embedded
            parts.append(np.asarray(vectors)[index])
            rows_of_batches.append(rows)
        result: np.ndarray = np.concatenate(parts)[np.argsort(np.concatenate(rows_of_batches))]
        return result

    def _embedded(self, program: Program, state: State) -> Iterator[tuple[np.ndarray, Any, np.ndarray]]:
        """Yield (rows, embeddings of a batch's nodes, index of the rows): every row once, as its split sees it."""
        spec, everything = self._specs["test"], self._question.rows(None)
        left = np.ones(len(everything), bool)
        for split in ("test", "valid", "train", None):
            rows = everything[left] if split is None else self._question.rows(split)
            rows = rows[left[rows]]
            left[rows] = False
            pieces = np.split(rows, range(spec.batch_size, len(rows), spec.batch_size)) if len(rows) else []

            def build(
                number: int, pieces: list[np.ndarray] = pieces, split: str | None = split
            ) -> tuple[Placed, np.ndarray]:
                asked = self._question.ask(pieces[number], split)
                batch = self._graph.batch(asked, spec, EVALUATION, number)
                return program.place(batch), np.asarray(batch.index)

            built = prefetched(build, len(pieces), spec.workers, spec.prefetch)
            for piece, (placed, index) in zip(pieces, built):
                yield piece, program.embed(state, placed), index

    def baselines(self, splits: Sequence[str]) -> dict[str, dict[str, Predictions]]:
        """Return baseline -> split -> what a trivial rule answers to the same questions."""
        by_name: dict[str, dict[str, Predictions]] = {}
        for split in splits:
            for name, predicted in self._question.baselines(split).items():
                by_name.setdefault(name, {})[split] = predicted
        return by_name

    def _predicted(self, program: Program, state: State, split: str | None) -> Predictions:
        spec = self._specs[split or "test"]
        rows, pieces = self._question.rows(split), self._question.cut(split, spec.batch_size)

        def build(number: int) -> Placed:
            asked = self._question.ask(rows[pieces[number]], split)
            return program.place(self._graph.batch(asked, spec, EVALUATION, number))

        placed = prefetched(build, len(pieces), spec.workers, spec.prefetch)
        outputs = np.concatenate([np.asarray(program.predict(state, batch)) for batch in placed])
        ordered = np.empty_like(outputs)
        ordered[np.concatenate(pieces)] = outputs
        return self._question.predicted(split, rows, ordered)


def sampled_graph(dataset: Dataset, model: Any, seed: int, registry: Any, ages: Ages = NONE) -> SampledGraph:
    """Return a dataset's graph as the source of batches for a portable Model, or for one native to an engine."""
    graph: Any = dataset.graphs
    kernels, times = kernels_of(registry), dataset.times
    stamps = ({}, {}) if times is None else (times.nodes, times.edges)
    parts = Parts(
        graph if isinstance(graph, GraphStore) else store_of(graph, *stamps, dataset.key_hashes), kernels
    )

    @cache
    def layered(hops: int) -> bool:
        return isinstance(model, BlockModel) and model.takes_blocks(hops)

    def made(part: Part, index: np.ndarray, leaves: Leaves | None) -> Batch:
        return batch_of(model, part, index, kernels.adjacency, leaves)

    leaves = leaves_of(model, parts.store)
    return SampledGraph(parts, dataset.target_type, seed, made, layered, leaves, ages)


def leaves_of(model: Any, store: GraphStore) -> dict[str, np.ndarray]:
    """Return node type -> features [n, d], of types of which a model takes only sums of the outermost nodes'."""
    x = summable(store.nodes)
    kinds = model.leaves(tuple(x)) if isinstance(model, LeafModel) else ()
    return {node_type: x[node_type] for node_type in x if node_type in kinds}


def batch_of(
    model: Any, part: Part, index: np.ndarray, adjacency: Any, leaves: Leaves | None = None
) -> Batch:
    """Return a Batch of a part, prepared layer by layer where the model knows how, so that none computes too much.

    Args:
        index: [n] or [n, 2] int, the part's nodes that are asked about.
        adjacency: how edges are sorted, a kernel or core's own.
        leaves: sums of the outermost nodes' features, where the model takes these; else None.
    """
    if not isinstance(model, BlockModel):
        return Batch(part.graph, model.prepare(part.graph), index)
    prepared = model.prepare_blocks(part.graph, blocks(part.sample, leaves), adjacency)
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
