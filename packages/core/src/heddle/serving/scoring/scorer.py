"""Scorer: what a model says of rows and nodes, at their times, from one state of a live graph."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.data.prepared.columns import features_of
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import EdgeSet, EdgeType, HeteroGraph, hetero_graph
from heddle.nn.model import Batch, Model, ModelSpec
from heddle.nn.params import scoped
from heddle.sampling.blocks import blocks
from heddle.sampling.types import Fanout, HeteroSample
from heddle.serving.live.graph import Snapshot
from heddle.serving.scoring.embedders import Embedders
from heddle.serving.scoring.plan import Embedded, MakeEmbedder, Plan, plan_of
from heddle.serving.scoring.readout import readout_of
from heddle.serving.scoring.row_ops import RowOps
from heddle.workflow.loaders.known import up_to

NOTHING = np.zeros(0, np.int64)

Used = Mapping[EdgeType, np.ndarray]
"""Relation -> the rows of edges that were looked at, each once, ascending."""


class Questions(NamedTuple):
    """What is asked: of nodes [n], or of edges by both ends.

    Attributes:
        ends: [n, 1] or [n, 2] int64, numbers of nodes; of one that isn't there, the first number that none has.
        time: [n] int64, when each is asked; None without times.
        asked: of edges, their own columns: "x" [n, d], "codes" [n, c].
    """

    ends: np.ndarray
    time: np.ndarray | None = None
    asked: Mapping[str, np.ndarray] | None = None

    def part(self, start: int, stop: int) -> "Questions":
        """Return the questions at positions [start, stop)."""
        time = None if self.time is None else self.time[start:stop]
        asked = None if self.asked is None else {name: of[start:stop] for name, of in self.asked.items()}
        return Questions(self.ends[start:stop], time, asked)


class Reading(NamedTuple):
    """How a run looks at a graph.

    Attributes:
        fanout: in-edges taken of each node, hop by hop.
        key: what draws depend on: a prediction's of the run.
        inclusive: whether what came at the very time of a question is known to it.
        timed: whether questions have times.
    """

    fanout: Fanout
    key: int
    inclusive: bool
    timed: bool

    def until(self, questions: Questions) -> np.ndarray | None:
        """Return up to when each question knows, [n] int64; None where questions have no times."""
        if not self.timed:
            return None
        assert questions.time is not None
        return up_to(questions.time, self.inclusive)


class Answer(NamedTuple):
    """Outputs [n, out], and what gives the rows that they came of, until the thread asks the next question."""

    outputs: np.ndarray
    used: Callable[[], Used]


class Ends(NamedTuple):
    """Embeddings of what is asked about.

    Attributes:
        rows: node type -> [m, d].
        at: [n] or [n, 2], where each question's ends are among them.
        params: of the head.
        prepared: what the head reads besides.
        used: as of `Answer`.
    """

    rows: Any
    at: np.ndarray
    params: Any
    prepared: Any
    used: Callable[[], Used]


def node_types_of(spec: ModelSpec) -> tuple[str, ...]:
    """Return the node type that is asked about, or those of both ends."""
    if spec.level == "node":
        return (spec.target_type,)
    return spec.target_type, spec.receiver_type or spec.target_type


def each_by(scorer: Any, snapshot: Snapshot, questions: Questions) -> tuple[np.ndarray, list[Used]]:
    """Return the outputs [n, out] of questions that a scorer is asked one by one, and the rows looked at for each."""
    outputs, used = [], []
    for i in range(len(questions.ends)):
        answer = scorer(snapshot, questions.part(i, i + 1))
        outputs.append(answer.outputs.reshape(1, -1))
        used.append(answer.used())
    return np.concatenate(outputs), used


class Scorer:
    """A trained model on one graph; calls from any number of threads are alike.

    A question's outputs depend on it and on the state alone: they have the same bits alone, in any batch and on any
    thread, where the model computes a sample layer by layer out of sums and products (HeteroSAGE, R-GCN).

    Args:
        params: name -> array, as the model names them.
        ops: what computes.
        adjacency: as `heddle.graphs.adjacency.build_adjacency`.
        embedder: the kernel "live_embed", which computes such a model in one call; None for `ops`.

    Attributes:
        plan: the model as averages over relations; None for one that is more.
        head_params: of the model's head, by its own names.
        readout: what answers as the head on embeddings of a kernel; None for `Head.apply`.
    """

    def __init__(
        self,
        model: Model,
        spec: ModelSpec,
        params: Mapping[str, np.ndarray],
        reading: Reading,
        ops: RowOps,
        adjacency: Callable[..., Any] = build_adjacency,
        embedder: MakeEmbedder | None = None,
    ):
        self.model, self.spec, self.reading, self.ops = model, spec, reading, ops
        self._params, self._adjacency = ops.weights(params), adjacency
        self.head_params = scoped("head", params)
        self.readout = readout_of(model.head, self.head_params, ops)
        self._layered = model.takes_blocks(len(reading.fanout.sizes))
        self._fanout = reading.fanout._replace(layered=self._layered, leaves=())
        self.plan: Plan | None = None
        if isinstance(spec.in_dim, Mapping):
            featured = frozenset(
                node_type for node_type, width in spec.in_dim.items() if width or node_type in spec.codes
            )
            self.plan = plan_of(model, params, featured, reading.fanout, reading.key)
        self.embedders = Embedders(embedder, self.plan)

    @property
    def node_types(self) -> tuple[str, ...]:
        """The node type that is asked about, or those of both ends."""
        return node_types_of(self.spec)

    def __call__(self, snapshot: Snapshot, questions: Questions) -> Answer:
        """Return the outputs of questions, in their order."""
        embedded, head = self.embed(snapshot, questions), self.model.head
        if self.readout is not None and embedded.params is self.head_params:  # the kernel's embeddings
            return Answer(self.readout(embedded.rows, embedded.at, questions.asked), embedded.used)
        outputs = head.apply(
            self.ops, embedded.params, embedded.rows, embedded.prepared, embedded.at, asked=questions.asked
        )
        return Answer(np.asarray(outputs), embedded.used)

    def each(self, snapshot: Snapshot, questions: Questions) -> tuple[np.ndarray, list[Used]]:
        """Return the outputs [n, out] of questions, and the rows that were looked at for each by itself.

        By a kernel each is embedded by itself, and the head answers all in one call; rows have the bits of either way.
        """
        n = len(questions.ends)
        if self.readout is None or n == 1 or not self.by_kernel(snapshot):
            return each_by(self, snapshot, questions)
        embedded, used = [], []
        for i in range(n):
            one = self.embed(snapshot, questions.part(i, i + 1))
            embedded.append(self.ends(one))
            used.append(one.used())
        node_types = self.node_types
        ends = [np.concatenate(end) for end in zip(*embedded)]
        at = np.arange(n)
        if len(ends) == 1:
            return self.readout({node_types[0]: ends[0]}, at, questions.asked), used
        if node_types[0] == node_types[1]:
            rows, at = {node_types[0]: np.concatenate(ends)}, np.stack([at, n + at], axis=1)
        else:
            rows, at = dict(zip(node_types, ends)), np.stack([at, at], axis=1)
        return self.readout(rows, at, questions.asked), used

    def ends(self, embedded: "Ends") -> tuple[np.ndarray, ...]:
        """Return the embeddings [n, d] of what is asked about: of nodes, or of both ends of edges."""
        at = embedded.at[:, None] if embedded.at.ndim == 1 else embedded.at
        return tuple(np.asarray(embedded.rows[of])[at[:, end]] for end, of in enumerate(self.node_types))

    def embed(self, snapshot: Snapshot, questions: Questions) -> "Ends":
        """Return the embeddings of what is asked about, each as of its question's time."""
        seeds, times, index = self.seeds(questions)
        embedder = self.embedders.on(snapshot)
        if embedder is None:
            return self._by_parts(snapshot, seeds, times, index)
        embedded: Embedded = embedder(snapshot.cut, seeds, times)
        return Ends(embedded.rows, index, self.head_params, {}, embedded.used)

    def seeds(
        self, questions: Questions
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray] | None, np.ndarray]:
        """Return seeds by node type, up to when each knows, and where each question's ends are among them."""
        until, ends = self.reading.until(questions), questions.ends
        node_types, n = self.node_types, len(ends)
        if len(node_types) == 1 or node_types[0] == node_types[1]:
            columns = ends.shape[1]
            times = None if until is None else {node_types[0]: np.tile(until, columns)}
            at = np.arange(n * columns).reshape(columns, n).T
            return {node_types[0]: ends.T.reshape(-1)}, times, at[:, 0] if columns == 1 else at
        seeds = {node_types[0]: ends[:, 0], node_types[1]: ends[:, 1]}
        times = None if until is None else {node_types[0]: until, node_types[1]: until}
        return seeds, times, np.array([np.arange(n)] * 2).T

    def by_kernel(self, snapshot: Snapshot) -> bool:
        """Tell whether a kernel computes the embeddings."""
        return self.embedders.on(snapshot) is not None

    def _by_parts(
        self,
        snapshot: Snapshot,
        seeds: Mapping[str, np.ndarray],
        times: Mapping[str, np.ndarray] | None,
        index: np.ndarray,
    ) -> "Ends":
        """Return what the model itself computes of a sample, on numpy."""
        sample = snapshot.sample(seeds, self._fanout, self.reading.key, times)
        graph = self._graph(snapshot, sample, times)
        if self._layered:
            prepared = self.model.prepare_blocks(graph, blocks(sample), self._adjacency)
        else:
            prepared = self.model.prepare(graph)
        rows = self.model.embed(self.ops, self._params, Batch(graph, prepared, index))

        def used() -> Used:
            return {key: np.unique(snapshot.rows(key, taken)) for key, taken in sample.edges.items()}

        return Ends(rows, index, scoped("head", self._params), prepared, used)

    def _graph(self, snapshot: Snapshot, sample: HeteroSample, times: Any) -> HeteroGraph:
        """Return the sampled graph with the features that the model was made for, as known at each tree's time."""
        by_tree = None if times is None else np.concatenate([NOTHING, *times.values()])
        nodes: dict[str, Any] = {}
        for node_type, ids in sample.nodes.items():
            until = None
            if by_tree is not None:
                tree = None if sample.tree is None else sample.tree[node_type]
                until = (
                    np.full(len(ids), by_tree[0] if len(by_tree) else 0) if tree is None else by_tree[tree]
                )
            nodes[node_type] = self._node_features(snapshot, node_type, ids, until)
        edges = {}
        for key, taken in sample.edges.items():
            features = None
            if key in self.spec.edge_dim or key in self.spec.edge_codes:  # type: ignore[operator]
                features = features_of(snapshot.columns(key, taken), None)
            edges[key] = EdgeSet(features, sample.senders[key], sample.receivers[key], np.array([len(taken)]))
        return hetero_graph(
            nodes, edges, {node_type: np.array([len(ids)]) for node_type, ids in sample.nodes.items()}
        )

    def _node_features(
        self, snapshot: Snapshot, node_type: str, ids: np.ndarray, until: np.ndarray | None
    ) -> Any:
        assert isinstance(self.spec.in_dim, Mapping)
        if not self.spec.in_dim[node_type] and node_type not in self.spec.codes:
            return ids.astype(np.int64)
        features = features_of(snapshot.features(node_type, ids, until), None)
        if isinstance(features, Mapping) and node_type not in self.spec.codes:
            return features["x"]
        return features
