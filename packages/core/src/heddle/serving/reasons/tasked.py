"""tasked: what a model makes of a question of a task, which is no node of the graph, as a Network."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from heddle.serving.live.graph import Snapshot
from heddle.serving.reasons.network import Feed, Flow, Level, Link
from heddle.serving.reasons.sampled import Question, node_feed, plain, question_in
from heddle.serving.scoring.encoded import Encoded
from heddle.serving.scoring.scorer import Questions
from heddle.serving.scoring.task import TaskScorer


def task_question_of(scorer: TaskScorer, snapshot: Snapshot, questions: Questions) -> Question:
    """Return the one question of `questions` with the levels of the encoder; its end is a row behind the entity's.

    A question is a receiver of its entity alone, so the first hop takes no edges: the entity's come at the second.
    """
    entity, _, asked_type = scorer.relation
    plan = scorer.scorer.plan
    assert plan is not None
    assert not isinstance(plan.fanout.sizes, Mapping)
    fanout = plan.fanout._replace(sizes=(0, *plan.fanout.sizes[1:]), layered=True, leaves=())
    until = scorer.reading.until(questions)
    times = None if until is None else {entity: until}
    sample = snapshot.sample({entity: questions.ends[:, 0]}, fanout, plan.key, times)
    question = question_in(scorer.scorer, snapshot, sample, until)
    asked = Encoded((questions.asked or {}).get("x"), (questions.asked or {}).get("codes"))
    tables = plan.nodes.get(asked_type, ())
    brought = asked.embedded(tables) if asked_type in plan.nodes else None
    values = {name: of.embedded(plan.nodes[name]) for name, of in question.nodes.items()}
    one, levels = np.zeros(1, np.int64), []
    for number, (level, layer) in enumerate(zip(question.embedding, plan.layers, strict=True)):
        feeds: list[Feed] = list(level.feeds)
        links: list[Link] = list(level.links)
        root, weight = layer.terms.roots.get(asked_type), layer.terms.weights.get(scorer.relation)
        if root is not None and number:
            links.append(Link(asked_type, Flow(asked_type, one, one, np.ones(1), plain(root))))
        elif root is not None and brought is not None:
            feeds.append(Feed(("asked", ""), brought, Flow(asked_type, one, one, np.ones(1), plain(root))))
        if weight is not None:
            flow = Flow(asked_type, one, one, np.ones(1), plain(weight))
            if number:
                links.append(Link(entity, flow))
            else:
                feeds.append(node_feed(entity, sample, values, flow))
        sizes: Any = {**level.sizes, asked_type: (1, layer.terms.out_dim)}
        levels.append(Level(sizes, tuple(feeds), tuple(links), level.biases, level.relu))
    widths = {**question.widths, "": tuple(table.shape[1] for table in tables)}
    ends = ((asked_type, 0),)
    return question._replace(
        ends=ends, asked=None if brought is None else asked, embedding=tuple(levels), widths=widths
    )
