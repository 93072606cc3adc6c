"""TreeScorer: what boosted trees say of rows and nodes, of their columns, their ends' and their embeddings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.prepared.columns import features_of
from heddle.extras import require
from heddle.nn.model import ModelSpec
from heddle.serving.live.graph import Snapshot
from heddle.serving.scoring.scorer import Answer, Questions, Reading, Scorer, Used, each_by, node_types_of
from heddle.workflow.baselines.rows import Table, taken
from heddle.workflow.boost.grow import margins
from heddle.workflow.boost.questions import EMBEDDINGS, ENDS, OWN
from heddle.workflow.loaders.known import up_to


class Trees:
    """Boosted trees as a function of rows [n, columns] float32; a row's outputs depend on it alone.

    Args:
        path: the trees as XGBoost's JSON.
        answers: as `heddle.workflow.boost.grow.answer_kind`.
        classes: of `answers`.

    Raises:
        PluginError: xgboost isn't installed.
    """

    def __init__(self, path: Path, answers: str, classes: int):
        xgboost = require("xgboost", "boost")
        self._matrix, self.answers, self.classes = xgboost.DMatrix, answers, classes
        self.booster: Any = xgboost.Booster(model_file=str(path))
        self.booster.set_param(
            {"nthread": 1}
        )  # requests are short: threads of their own would only get in the way

    def matrix(self, values: np.ndarray) -> Any:
        """Return rows [n, columns] as XGBoost reads them."""
        names, types = self.booster.feature_names, self.booster.feature_types
        return self._matrix(
            values, feature_names=names, feature_types=types, enable_categorical=True, nthread=1
        )

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return outputs [n, t] as a model of the task gives them: logits, or values."""
        return margins(self.booster, self.matrix(values), self.answers, self.classes)


class TreeScorer:
    """Boosted trees on one graph, asked as a `Scorer` is.

    Args:
        spec: what is asked.
        reading: how the graph is looked at.
        reads: what the columns are, of OWN, ENDS and EMBEDDINGS, in that order.
        scorer: gives the embeddings; None where they aren't read.
    """

    def __init__(
        self, trees: Trees, spec: ModelSpec, reading: Reading, reads: Sequence[str], scorer: Scorer | None
    ):
        self.trees, self.spec, self.reading = trees, spec, reading
        self.reads, self.scorer = tuple(reads), scorer

    def __call__(self, snapshot: Snapshot, questions: Questions) -> Answer:
        """Return the outputs of questions, in their order."""
        table, used = self.table(snapshot, questions)
        return Answer(self.trees(table.values), used)

    def each(self, snapshot: Snapshot, questions: Questions) -> tuple[np.ndarray, list[Used]]:
        """Return the outputs [n, out] of questions, and the rows that were looked at for each by itself."""
        return each_by(self, snapshot, questions)

    def until(self, questions: Questions) -> np.ndarray | None:
        """Return up to when each of the n questions knows, [n] int64; None without times."""
        return None if questions.time is None else up_to(questions.time, self.reading.inclusive)

    def table(self, snapshot: Snapshot, questions: Questions) -> tuple[Table, Any]:
        """Return the columns that the trees read, as known at the questions' times, and what gives the rows of edges
        that were looked at for them."""
        n, node_types = len(questions.ends), node_types_of(self.spec)
        every = np.arange(n)
        until = self.until(questions)

        def of_node(end: int) -> Table:
            features = snapshot.features(node_types[end], questions.ends[:, end], until)
            return taken(features_of(features, None), every)

        parts = [Table(np.zeros((n, 0), np.float32), ())]
        if OWN in self.reads and self.spec.level == "node":
            parts.append(of_node(0))
        elif OWN in self.reads:
            asked: Mapping[str, Any] = questions.asked or {}
            parts.append(taken({name: asked.get(name) for name in ("x", "codes")}, every))
        if ENDS in self.reads and self.spec.level == "edge":
            parts += [of_node(0), of_node(1)]
        used: Any = dict
        if self.scorer is not None and EMBEDDINGS in self.reads:
            embedded = self.scorer.embed(snapshot, questions)
            used = embedded.used
            ends = self.scorer.ends(embedded)
            parts += [Table(np.asarray(end, np.float32), ("q",) * end.shape[1]) for end in ends]
        return parts[0].beside(*parts[1:]), used
