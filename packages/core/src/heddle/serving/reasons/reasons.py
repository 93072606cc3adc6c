"""Reasons: what moved a score, by the names that people know."""

from dataclasses import dataclass

GRADIENTS, SHAPLEY = "integrated gradients", "Shapley values"
"""How reasons are found: of models that average over relations, and of boosted trees."""


@dataclass(frozen=True)
class ColumnReason:
    """What a column brought; `value` as it was sent, or what its numbers stand for."""

    column: str
    value: str
    contribution: float


@dataclass(frozen=True)
class NodeReason:
    """What a node brought by its own features, wherever it stands in the sample.

    Attributes:
        table: its type.
        key: as text; of a node that was never seen, as it was sent.
        hop: 0 for what is asked about, 1 for its neighbours, ...
        seen: whether it was there.
        columns: of the nodes that brought most; () of others.
    """

    table: str
    key: str
    hop: int
    seen: bool
    contribution: float
    columns: tuple[ColumnReason, ...]


@dataclass(frozen=True)
class EdgeReason:
    """What an edge brought.

    Attributes:
        relation: source/relation/target; of a reverse one, the messages against the row's direction.
        table: whose row it is.
        row: in its table and after it.
        sender, receiver: places in `Reasons.nodes`.
        contribution: by its own columns.
        carried: by all that came along it: its columns, its sender's and those of what lies behind. What is carried is
            counted again at each hop.
        columns: of the edges that carried most; () of others.
    """

    relation: str
    table: str
    row: int
    sender: int
    receiver: int
    contribution: float
    carried: float
    columns: tuple[ColumnReason, ...]


@dataclass(frozen=True)
class EmbeddingReason:
    """What the embeddings that trees read brought together, and how that may be split: approximately.

    Attributes:
        gap: contribution less what nodes and edges brought.
        nodes, edges: as of Reasons.
    """

    contribution: float
    gap: float
    nodes: tuple[NodeReason, ...]
    edges: tuple[EdgeReason, ...]


@dataclass(frozen=True)
class Reasons:
    """What moved a score. The contributions of columns, nodes and edges, of an embedding, and the gap, add up to score
    less baseline.

    Attributes:
        method: GRADIENTS or SHAPLEY.
        of: the class, label or value that is explained.
        score: of two classes the logit of `of` less the other's, of more less the mean of the others', before
            calibration; of a label its logit; of values the value.
        baseline: the score of the same neighbourhood with nothing in any row: numbers at 0 as encoded, no categories;
            of trees the mean of their scores in training.
        gap: score less baseline less what is listed.
        exact: whether the gap is nothing but rounding.
        columns: of the row that was sent, largest first.
        nodes: the ends first, then their neighbours hop by hop.
        embedding: of trees that read embeddings; these hold the neighbourhood, nodes and edges the ends alone.
    """

    method: str
    of: str
    score: float
    baseline: float
    gap: float
    exact: bool
    columns: tuple[ColumnReason, ...] = ()
    nodes: tuple[NodeReason, ...] = ()
    edges: tuple[EdgeReason, ...] = ()
    embedding: EmbeddingReason | None = None

    @property
    def total(self) -> float:
        """What everything brought."""
        parts = [of.contribution for of in self.columns] + [of.contribution for of in self.nodes]
        parts += [of.contribution for of in self.edges]
        return sum(parts) + (self.embedding.contribution if self.embedding is not None else 0.0)
