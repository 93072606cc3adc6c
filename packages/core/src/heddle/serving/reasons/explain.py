"""explain: Reasons of rows of a bundle: columns, neighbours and edges that moved their scores."""

from dataclasses import replace

import numpy as np

from heddle.data.etl.rows import RowError, Rows
from heddle.errors import problem
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.live.graph import Snapshot
from heddle.serving.reasons.integrate import integrate
from heddle.serving.reasons.named import neighbourhood
from heddle.serving.reasons.names import Names
from heddle.serving.reasons.reasons import GRADIENTS, SHAPLEY, ColumnReason, Reasons
from heddle.serving.reasons.sampled import network_of, question_of
from heddle.serving.reasons.tasked import task_question_of
from heddle.serving.reasons.trees import explain_trees
from heddle.serving.scoring.task import TaskScorer
from heddle.serving.scoring.trees import TreeScorer
from heddle.workflow.metrics.decision import LABELS


def explains(bundle: Bundle) -> bool:
    """Tell whether reasons of a bundle's scores are known."""
    scorer = bundle.scorer
    if isinstance(scorer, TreeScorer | TaskScorer):
        return True
    return bundle.task is None and bundle.contents.spec.level != "link" and scorer.plan is not None


def explain(
    bundle: Bundle,
    rows: Rows,
    of: str | None = None,
    snapshot: Snapshot | None = None,
    outputs: np.ndarray | None = None,
) -> list[Reasons]:
    """Return why rows score as they do, each as it is alone in a state.

    Args:
        of: the class, label or number of the output; None for the second of two classes, or for what is said of more.
        outputs: [n, out], what the model says of the rows in this state; None to ask it.

    Raises:
        RowError: a row that can't be read; no such class.
        ConfigError: a model whose reasons aren't known.
    """
    snapshot = snapshot or bundle.live.snapshot()
    made = []
    for at in range(rows.n):
        one = Rows(1, {name: [values[at]] for name, values in rows.columns.items()})
        questions = bundle.questions(one, snapshot)
        if outputs is None:
            said = bundle.scorer(snapshot, questions).outputs.reshape(1, -1)
        else:
            said = outputs[at : at + 1]
        weights, name = _explained(bundle, said, of)
        score, names = float(said[0] @ weights), Names(bundle, snapshot, one)
        if isinstance(bundle.scorer, TreeScorer):
            trees = explain_trees(bundle.scorer, names, snapshot, questions, weights)
            reasons = Reasons(
                SHAPLEY, name, score, trees.baseline, 0.0, True, *trees[1:3], (), trees.embedding
            )
        else:
            if isinstance(bundle.scorer, TaskScorer):
                scorer = bundle.scorer.scorer
                question = task_question_of(bundle.scorer, snapshot, questions)
            else:
                scorer = bundle.scorer
                question = question_of(scorer, snapshot, questions)
            network = network_of(scorer, question, weights)
            integrated = integrate(network)
            of_sample = neighbourhood(names, snapshot, question, network, integrated)
            columns: list[ColumnReason] = []
            if of_sample.asked is not None and question.asked is not None:
                columns = names.asked(of_sample.asked, question.asked, question.widths[""])
            reasons = Reasons(
                GRADIENTS,
                name,
                score,
                integrated.baseline,
                0.0,
                integrated.exact,
                tuple(columns),
                *of_sample[:2],
            )
        made.append(replace(reasons, gap=score - reasons.baseline - reasons.total))
    return made


def _explained(bundle: Bundle, outputs: np.ndarray, of: str | None) -> tuple[np.ndarray, str]:
    """Return by what outputs are multiplied, and what is explained so."""
    n, classes, decision = outputs.shape[1], bundle.contents.classes, bundle.decision
    names = list(classes) if len(classes) == n else [str(at) for at in range(n)]
    if of is not None and of not in names:
        raise RowError(problem("explain", repr(of), f"true, or one of {names}", "ask for one of them"))
    exclusive = decision is not None and decision.kind != LABELS and n > 1
    if of is not None:
        at = names.index(of)
    elif exclusive and n == 2:
        at = 1
    else:
        at = int(outputs[0].argmax()) if decision is not None else 0
    weights = np.full(n, -1.0 / (n - 1)) if exclusive else np.zeros(n)
    weights[at] = 1.0
    return weights, names[at] if n > 1 or classes else "value"
