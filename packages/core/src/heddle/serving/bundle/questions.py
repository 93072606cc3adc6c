"""questions_of: what rows of a prepared folder ask, as a server is asked about them."""

from collections.abc import Sequence

import numpy as np

from heddle.data.prepared.columns import features_of
from heddle.data.prepared.edges import in_edges
from heddle.data.prepared.folder import Prepared
from heddle.data.prepared.mapped import ends_of_rows
from heddle.serving.bundle.task import TaskQuestion
from heddle.serving.scoring.scorer import Questions


def questions_of(
    timed: bool, target: Sequence[str], opened: Prepared, rows: np.ndarray, task: TaskQuestion | None = None
) -> Questions:
    """Return what rows of a relation, or nodes, of a folder ask at their own times.

    Args:
        task: whose questions the nodes are, each about another node; None for nodes that are asked about.
    """
    if len(target) == 1:
        nodes = opened.nodes[target[0]]
        time = None if nodes.time is None or not timed else np.asarray(nodes.time[rows])
        questions = Questions(np.asarray(rows)[:, None], time)
        return questions if task is None else _of_task(task, questions, opened)
    edges = opened.edges[target[0], target[1], target[2]]
    ends = edges.ends
    if ends is None:
        ends = ends_of_rows(*in_edges(opened, (target[0], target[1], target[2])), None)
    features = features_of({name: array[rows] for name, array in edges.features.items()}, None)
    asked = features if isinstance(features, dict) else {} if features is None else {"x": features}
    time = np.asarray(edges.time[rows]) if edges.time is not None and timed else None
    return Questions(np.asarray(ends[rows], np.int64), time, asked)


def _of_task(task: TaskQuestion, questions: Questions, opened: Prepared) -> Questions:
    """Return what questions of a task that are nodes of a folder ask of the nodes that they are about."""
    edges, rows = opened.edges[task.relation], questions.ends[:, 0]
    ends = edges.ends
    if ends is None:
        ends = ends_of_rows(*in_edges(opened, task.relation), None)
    about = np.empty(opened.nodes[task.relation[2]].rows, np.int64)
    about[ends[:, 1]] = ends[:, 0]
    asked = None if questions.time is None else task.features(questions.time)
    return Questions(about[rows][:, None], questions.time, asked)
