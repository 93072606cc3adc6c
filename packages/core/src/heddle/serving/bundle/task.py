"""TaskQuestion: what a question of a task is made of: an entity, a time, and the time's features."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from heddle.data.etl.features.formulas import turned
from heddle.data.etl.schemas.recipe import schema_of
from heddle.data.etl.schemas.schema import Schema
from heddle.data.prepared.folder import Prepared
from heddle.errors import ConfigError, problem
from heddle.graphs.graph import EdgeType


class TaskQuestion(NamedTuple):
    """How a task asks.

    Attributes:
        relation: from the entities to the questions.
        periods: whose cyclic encodings of the time are a question's features.
    """

    relation: EdgeType
    periods: tuple[str, ...]

    @property
    def entity(self) -> str:
        """The type of the nodes that are asked about."""
        return self.relation[0]

    def features(self, time: np.ndarray) -> dict[str, np.ndarray]:
        """Return "x" [n, d] float32 of [n] int64 seconds; {} for none."""
        if not self.periods:
            return {}
        there = np.ones(len(time), bool)
        made = [turned(time, there, period) for period in self.periods]
        return {"x": np.concatenate(made, axis=1).astype(np.float32)}


def task_of(opened: Prepared, target: Sequence[str], schema: Schema | None = None) -> TaskQuestion | None:
    """Return how what a model of a prepared folder answers is asked; None for rows of the graph.

    Args:
        target: the node type, or relation, that the model answers for.
        schema: of the folder's recipe; None to read it.

    Raises:
        ConfigError: features besides the time's, which are of the task's own table and unknown to a server.
    """
    if "tables" not in opened.recipe or len(target) > 1:
        return None
    schema, node_type = schema or schema_of(opened.recipe), target[0]
    if node_type not in schema.tasks:
        return None
    nodes = schema.nodes[node_type]
    relation = next(edges.type for edges in schema.edges if edges.type[2] == node_type)
    clock = nodes.time[1] if nodes.time is not None else None
    others = [each.column for each in nodes.features if each.encode != "cyclic" or each.column != clock]
    if others or nodes.time is None:
        actual = (
            f"features {others} of the task {node_type}" if others else f"no times in the task {node_type}"
        )
        do = "train on a task with times, without history and without features of its own"
        raise ConfigError(problem("bundle", actual, "questions that are an entity and a time", do))
    return TaskQuestion(relation, tuple(each.period for each in nodes.features))
