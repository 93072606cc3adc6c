"""TaskScorer: what a model says of questions of a task that are no nodes of the graph yet."""

import numpy as np

from heddle.errors import ConfigError, problem
from heddle.graphs.graph import EdgeType
from heddle.serving.live.graph import Snapshot
from heddle.serving.scoring.embedders import Embedders
from heddle.serving.scoring.encoded import Encoded, encoded_of
from heddle.serving.scoring.scorer import Answer, Questions, Scorer, Used, each_by


class TaskScorer:
    """A model of averages asked about an entity at a time, by a question that would be a node with one edge from it.

    Nobody has an edge from a question. So what a layer gives it comes of its own features and of what the layers before
    give its entity, in the sample of the question: that of the entity, a hop further on. `Plan.lower` computes it.

    Args:
        scorer: the trained model.
        relation: from entities to questions.

    Raises:
        ConfigError: a model that is more than averages, or no kernel to compute it.
    """

    def __init__(self, scorer: Scorer, relation: EdgeType):
        self.scorer, self.relation, self.reading = scorer, relation, scorer.reading
        if scorer.plan is None or scorer.embedders.make is None:
            model = f"a model of {type(scorer.model.encoder).__name__}"
            actual = model if scorer.plan is None else "no kernel live_embed"
            expected = "a model of averages over relations, and a kernel live_embed for it"
            do = "train such a model, where such kernels are installed"
            raise ConfigError(problem("bundle", f"questions of a task, and {actual}", expected, do))
        self._plan = scorer.plan
        self._lower = [
            Embedders(scorer.embedders.make, self._plan.lower(count))
            for count in range(1, len(self._plan.layers))
        ]

    def __call__(self, snapshot: Snapshot, questions: Questions) -> Answer:
        """Return the outputs of questions, in their order; see `Scorer`. Their `asked` are their own features."""
        entity, _, question = self.relation
        ids, ops = questions.ends[:, 0], self.scorer.ops
        until = self.reading.until(questions)
        parts = [embedders.on(snapshot) for embedders in self._lower]
        times = None if until is None else {entity: until}
        embedded = [part(snapshot.cut, {entity: ids}, times) for part in parts if part is not None]
        assert len(embedded) == len(parts)
        x = None
        if questions.asked and question in self._plan.nodes:
            asked = Encoded(questions.asked.get("x"), questions.asked.get("codes"))
            x = asked.embedded(self._plan.nodes[question], np.float32)
        for i, layer in enumerate(self._plan.layers):
            terms = layer.terms
            y = np.zeros((len(ids), terms.out_dim), np.float32)
            if question in terms.roots and x is not None:
                y += ops.matmul(x, terms.roots[question])
            if question in terms.biases:
                y += np.asarray(terms.biases[question])
            if self.relation in terms.weights:
                weight = terms.weights[self.relation]
                if i:
                    y += ops.matmul(np.maximum(embedded[i - 1].rows[entity], 0), weight)
                elif entity in self._plan.nodes:
                    features = encoded_of(snapshot.features(entity, ids, until))
                    y += ops.matmul(features.embedded(self._plan.nodes[entity], np.float32), weight)
                else:
                    known = ids < len(weight)
                    y[known] += np.asarray(weight)[ids[known]]
            x = y if i + 1 == len(self._plan.layers) else np.maximum(y, 0)
        head = self.scorer.model.head
        outputs = head.apply(ops, self.scorer.head_params, {question: x}, {}, np.arange(len(ids)))

        def used() -> Used:
            rows: dict[EdgeType, np.ndarray] = {}
            for part in embedded:
                for key, taken in part.used().items():
                    rows[key] = np.union1d(rows.get(key, taken), taken)
            return rows

        return Answer(np.asarray(outputs), used)

    def each(self, snapshot: Snapshot, questions: Questions) -> tuple[np.ndarray, list[Used]]:
        """Return the outputs [n, out] of questions, and the rows that were looked at for each by itself."""
        return each_by(self, snapshot, questions)
