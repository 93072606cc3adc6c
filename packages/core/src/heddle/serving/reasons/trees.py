"""trees: Shapley values of boosted trees, by the columns of their table; embeddings are one group.

What the group brought is split further among what the embeddings were made of: that is approximate. Each column of an
embedding stands for its Shapley value in proportion to how far it is from where it lies with nothing in any row, and so
weighted the model's integrated gradients add up to the group.

Source: Lundberg et al., From local explanations to global understanding with explainable AI for trees (2020),
algorithm 2, as XGBoost has it; the weights of the split are DeepLIFT's rescale rule (Shrikumar et al. 2017, eq. 12).
"""

from typing import Any, NamedTuple

import numpy as np

from heddle.serving.live.graph import Snapshot
from heddle.serving.reasons.integrate import integrate
from heddle.serving.reasons.named import neighbourhood
from heddle.serving.reasons.names import Names
from heddle.serving.reasons.reasons import ColumnReason, EmbeddingReason, NodeReason
from heddle.serving.reasons.sampled import embedding_at, embedding_network, question_of
from heddle.serving.scoring.encoded import Encoded, encoded_of
from heddle.serving.scoring.scorer import Questions, node_types_of
from heddle.serving.scoring.trees import TreeScorer
from heddle.workflow.boost.grow import CLASSES
from heddle.workflow.boost.questions import EMBEDDINGS, ENDS, OWN

SMALL = 1e-3
"""Of the typical distance of an embedding's columns from where they lie with nothing: closer ones count for less."""


class TreeReasons(NamedTuple):
    """What moved the score of trees: parts of `heddle.serving.reasons.reasons.Reasons`."""

    baseline: float
    columns: tuple[ColumnReason, ...]
    nodes: tuple[NodeReason, ...]
    embedding: EmbeddingReason | None


def shapley(booster: Any, matrix: Any, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what each column brought [n, d], and the baselines [n], of outputs times weights.

    Args:
        matrix: of [n, d] values.
        weights: [t], by what the outputs of the trees are multiplied.
    """
    brought = np.asarray(booster.predict(matrix, pred_contribs=True), np.float64)
    weighted = np.tensordot(brought.reshape(len(brought), len(weights), -1), weights, (1, 0))
    return weighted[:, :-1], weighted[:, -1]


def explain_trees(
    scorer: TreeScorer, names: Names, snapshot: Snapshot, questions: Questions, weights: np.ndarray
) -> TreeReasons:
    """Return why one question scores as it does.

    Args:
        weights: [out], by what the scorer's outputs are multiplied.
    """
    trees, (table, _) = scorer.trees, scorer.table(snapshot, questions)
    if trees.answers == CLASSES and trees.classes == 2:  # one output, the second class's
        weights = weights[1:]
    brought, baseline = shapley(trees.booster, trees.matrix(table.values), weights)
    rest, node_types = brought[0], node_types_of(scorer.spec)
    columns: list[ColumnReason] = []
    nodes: list[NodeReason] = []
    until = scorer.until(questions)
    is_edge = scorer.spec.level == "edge"
    if OWN in scorer.reads and is_edge:
        asked = questions.asked or {}
        of_row, rest = _cut(rest, Encoded(asked.get("x"), asked.get("codes")))
        columns = names.asked(*of_row)
    for end, node_type in enumerate(node_types):
        number, total = int(questions.ends[0, end]), 0.0
        parts: tuple[ColumnReason, ...] = ()
        if (ENDS if is_edge else OWN) in scorer.reads:
            features = snapshot.features(node_type, questions.ends[:, end], until)
            of_node, rest = _cut(rest, encoded_of(features))
            total = float(of_node[0].sum())
            parts = names.largest((node_type,), of_node[0], of_node[1], 0, of_node[2])
        nodes.append(NodeReason(node_type, *_key(names, node_type, number, end), total, parts))
    embedding = None
    if EMBEDDINGS in scorer.reads and scorer.scorer is not None:
        embedding = _split(scorer, names, snapshot, questions, rest)
    return TreeReasons(float(baseline[0]), tuple(columns), tuple(nodes), embedding)


def _key(names: Names, node_type: str, number: int, end: int) -> tuple[str, int, bool]:
    key, seen = names.node(node_type, number, end)
    return key, 0, seen


def _cut(
    brought: np.ndarray, encoded: Encoded
) -> tuple[tuple[np.ndarray, Encoded, tuple[int, ...]], np.ndarray]:
    """Return what the columns of one block brought, as `Names` reads it, and what the columns behind them did."""
    floats = 0 if encoded.x is None else encoded.x.shape[1]
    codes = 0 if encoded.codes is None else encoded.codes.shape[1]
    width = floats + codes
    return (brought[:width], encoded, (1,) * codes), brought[width:]


def _split(
    scorer: TreeScorer, names: Names, snapshot: Snapshot, questions: Questions, brought: np.ndarray
) -> EmbeddingReason:
    """Return what the embeddings [d] brought together, split among what they were made of."""
    assert scorer.scorer is not None
    total, question = float(brought.sum()), question_of(scorer.scorer, snapshot, questions)
    moved = embedding_at(question, 1.0) - embedding_at(question, 0.0)
    small = SMALL * float(np.sqrt((moved**2).mean())) if moved.size else 0.0
    weights = np.divide(brought * moved, moved**2 + small**2, out=np.zeros_like(moved), where=moved != 0)
    network = embedding_network(question, weights)
    of = neighbourhood(names, snapshot, question, network, integrate(network))
    return EmbeddingReason(total, total - of.total, of.nodes, of.edges)
