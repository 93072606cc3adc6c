"""sampled: what a Scorer's model makes of one question, as a Network over the question's sample."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import ConfigError, problem
from heddle.graphs.graph import EdgeType
from heddle.nn.heads import EdgeHead, NodeHead, NodeMLP, ScaledHead
from heddle.nn.layers.mlp import MLP
from heddle.sampling.blocks import Block, blocks
from heddle.sampling.types import HeteroSample
from heddle.serving.live.graph import Snapshot
from heddle.serving.reasons.network import Feed, Flow, Level, Link, Network
from heddle.serving.scoring.encoded import Encoded, encoded_of
from heddle.serving.scoring.plan import Plan
from heddle.serving.scoring.scorer import Questions, Scorer

HEAD = "head"


class Question(NamedTuple):
    """One question: its sample, what is known of it, and the network that answers.

    Attributes:
        ends: (node type, position in the sample's nodes) of each end.
        nodes: node type -> what was known of the sample's nodes; types without features are left out.
        edges: relation -> the same of its edges, of relations whose columns are read.
        asked: of the asked edge's own columns; None for none.
        embedding: levels that give the ends' embeddings, by node type.
        widths: node type, relation or "" of what is asked -> widths of the embeddings of its codes.
    """

    sample: HeteroSample
    ends: tuple[tuple[str, int], ...]
    nodes: Mapping[str, Encoded]
    edges: Mapping[EdgeType, Encoded]
    asked: Encoded | None
    embedding: tuple[Level, ...]
    widths: Mapping[Any, tuple[int, ...]]


def question_of(scorer: Scorer, snapshot: Snapshot, questions: Questions) -> Question:
    """Return the one question of `questions` with the levels of the encoder.

    Raises:
        ConfigError: a model that is more than averages over relations.
    """
    plan = scorer.plan
    if plan is None:
        actual = f"a model of {type(scorer.model.encoder).__name__}"
        expected = "one that averages over relations with ReLU between (hetero_sage, rgcn)"
        raise ConfigError(problem("explain", actual, expected, "train one of these, or ask without explain"))
    seeds, times, index = scorer.seeds(questions)
    sample = snapshot.sample(seeds, plan.fanout._replace(layered=True, leaves=()), plan.key, times)
    until = None if times is None else next(iter(times.values()))[:1]
    question = question_in(scorer, snapshot, sample, until)
    asked = None
    if questions.asked:
        asked = Encoded(questions.asked.get("x"), questions.asked.get("codes"))
    ends = tuple(zip(scorer.node_types, np.atleast_1d(np.asarray(index)[0]).tolist()))
    return question._replace(ends=ends, asked=asked)


def question_in(
    scorer: Scorer, snapshot: Snapshot, sample: HeteroSample, until: np.ndarray | None
) -> Question:
    """Return a question about a sample, without its ends: what is known at `until` [1], and the encoder's levels."""
    plan = scorer.plan
    assert plan is not None
    nodes = {}
    for node_type in plan.nodes:
        ids = np.asarray(sample.nodes[node_type], np.int64)
        moments = None if until is None else np.repeat(until, len(ids))
        nodes[node_type] = encoded_of(snapshot.features(node_type, ids, moments))
    edges = {
        relation: encoded_of(snapshot.columns(relation, sample.edges[relation])) for relation in plan.edges
    }
    head = scorer.model.head.head if isinstance(scorer.model.head, ScaledHead) else scorer.model.head
    widths: dict[Any, tuple[int, ...]] = {
        key: tuple(table.shape[1] for table in tables)
        for key, tables in (*plan.nodes.items(), *plan.edges.items())
    }
    if isinstance(head, EdgeHead):
        widths[""] = tuple(table.shape[1] for table in _asked_tables(head, scorer.head_params))
    return Question(sample, (), nodes, edges, None, _encoder_levels(plan, sample, nodes, edges), widths)


def network_of(scorer: Scorer, question: Question, weights: np.ndarray) -> Network:
    """Return the network whose score is outputs [out] times weights [out].

    Raises:
        ConfigError: a head that isn't sums, products and ReLU.
    """
    head, constant = scorer.model.head, 0.0
    if isinstance(head, ScaledHead):
        mean, scale = (np.array(column) for column in zip(*head.scales))
        constant, weights, head = float(weights @ mean), weights * scale, head.head
    levels = question.embedding
    if isinstance(head, NodeHead):
        return replace(embedding_network(question, weights), constant=constant)
    if isinstance(head, NodeMLP):
        levels = (*levels[:-1], levels[-1]._replace(relu=True))
        feeds, mlp = [], head._mlp
    elif isinstance(head, EdgeHead):
        feeds, mlp = _asked_feeds(head, scorer.head_params, question), head._mlp
    else:
        do = "ask without explain"
        raise ConfigError(problem("explain", f"a head {type(head).__name__}", "one of nodes or edges", do))
    levels = (*levels, *_head_levels(mlp, scorer.head_params, question, feeds))
    return Network(levels, {HEAD: weights[None, :]}, constant)


def embedding_network(question: Question, weights: np.ndarray) -> Network:
    """Return the network whose score is the ends' embeddings, side by side, times weights [ends * width]."""
    last = question.embedding[-1]
    top = {name: np.zeros(size) for name, size in last.sizes.items()}
    for (node_type, at), part in zip(question.ends, np.split(weights, len(question.ends))):
        top[node_type][at] += part
    return Network(question.embedding, top)


def embedding_at(question: Question, alpha: float) -> np.ndarray:
    """Return the embeddings of a question's ends, side by side in [d] float64, with its inputs times `alpha`."""
    last = Network(question.embedding, {}).last(alpha)
    return np.concatenate([last[node_type][at] for node_type, at in question.ends])


def _encoder_levels(
    plan: Plan, sample: HeteroSample, nodes: Mapping[str, Encoded], edges: Mapping[EdgeType, Encoded]
) -> tuple[Level, ...]:
    values = {node_type: nodes[node_type].embedded(tables) for node_type, tables in plan.nodes.items()}
    columns = {relation: edges[relation].embedded(tables) for relation, tables in plan.edges.items()}
    levels: list[Level] = []
    for number, (layer, block) in enumerate(zip(plan.layers, blocks(sample), strict=True)):
        feeds, links = [], []
        sizes = {node_type: (n, layer.terms.out_dim) for node_type, n in block.n_receivers.items()}
        for node_type, root in layer.terms.roots.items():
            every = np.arange(block.n_receivers[node_type])
            flow = Flow(node_type, every, every, np.ones(len(every)), plain(root))
            if number:
                links.append(Link(node_type, flow))
            else:
                feeds.append(node_feed(node_type, sample, values, flow))
        for relation, weight in layer.terms.weights.items():
            flow = _mean(relation, block, block.senders[relation], weight)
            if not len(flow.senders):
                continue
            if number:
                links.append(Link(relation[0], flow, relation))
            else:
                feeds.append(node_feed(relation[0], sample, values, flow, relation))
        for relation, weight in layer.edges.items():
            span = block.span[relation]
            flow = _mean(
                relation, block, np.arange(span.start, span.start + len(block.edges[relation])), weight
            )
            if len(flow.senders):
                feeds.append(Feed(("edge", relation), columns[relation], flow, relation))
        biases = {node_type: plain(bias) for node_type, bias in layer.terms.biases.items()}
        relu = number < len(plan.layers) - 1
        levels.append(Level(sizes, tuple(feeds), tuple(links), biases, relu))
    return tuple(levels)


def node_feed(
    node_type: str, sample: HeteroSample, values: Mapping[str, np.ndarray], flow: Flow, hop: Any = None
) -> Feed:
    """Return what a type's nodes bring to the first layer; of a type without features, the row of a table of each.

    Args:
        values: node type -> [n_nodes, d], features of the sample's nodes.
        flow: how they reach the layer; its weight is the table, for a type without features.
        hop: [n_nodes] int, which hop each is of, or None.
    """
    if node_type in values:
        return Feed(("node", node_type), values[node_type], flow, hop)
    ids, table = np.asarray(sample.nodes[node_type], np.int64), flow.weight
    rows = np.zeros((len(ids), table.shape[1]))
    rows[ids < len(table)] = table[ids[ids < len(table)]]
    return Feed(("node", node_type), rows, flow._replace(weight=np.eye(table.shape[1])), hop, whole=True)


def _mean(relation: EdgeType, block: Block, senders: np.ndarray, weight: Any) -> Flow:
    receivers = np.asarray(block.receivers[relation], np.int64)
    share = 1.0 / np.bincount(receivers, minlength=1)[receivers] if len(receivers) else np.zeros(0)
    return Flow(relation[2], np.asarray(senders, np.int64), receivers, share, plain(weight))


def _asked_tables(head: EdgeHead, params: Mapping[str, Any]) -> list[np.ndarray]:
    return [np.asarray(params[f"codes.{column}"]) for column in range(len(head.asked_codes))]


def _asked_feeds(head: EdgeHead, params: Mapping[str, Any], question: Question) -> list[Feed]:
    if question.asked is None:
        return []
    values = question.asked.embedded(tuple(_asked_tables(head, params)))
    weight = plain(params["0.weight"])[2 * head.dim :]
    one = np.zeros(1, np.int64)
    return [Feed(("asked", ""), values, Flow(HEAD, one, one, np.ones(1), weight))]


def _head_levels(mlp: MLP, params: Mapping[str, Any], question: Question, feeds: list[Feed]) -> list[Level]:
    """Return an MLP on the embeddings of the ends, side by side."""
    one, levels = np.zeros(1, np.int64), []
    for number, width in enumerate(mlp.dims[1:]):
        weight, links = plain(params[f"{number}.weight"]), []
        if number:
            links.append(Link(HEAD, Flow(HEAD, one, one, np.ones(1), weight)))
        else:
            each = question.embedding[-1].sizes[question.ends[0][0]][1]
            for end, (node_type, at) in enumerate(question.ends):
                part = weight[end * each : (end + 1) * each]
                links.append(Link(node_type, Flow(HEAD, np.array([at]), one, np.ones(1), part)))
        relu = number < len(mlp.dims) - 2
        biases = {HEAD: plain(params[f"{number}.bias"])}
        levels.append(
            Level({HEAD: (1, width)}, tuple(feeds) if not number else (), tuple(links), biases, relu)
        )
    return levels


def plain(array: Any) -> np.ndarray:
    """Return an array of any shape as plain float64."""
    return np.array(np.asarray(array), np.float64, subok=False)
