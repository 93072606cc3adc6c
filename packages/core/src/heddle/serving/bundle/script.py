"""Bundles of scripts: trees on the table and on the embeddings of a script's module, which score raw rows."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import heddle
from heddle.atomic import write_bytes
from heddle.data.prepared.read import open_prepared
from heddle.data.prepared.reader import prepared as read_dataset
from heddle.data.task import Task, model_spec_of
from heddle.errors import ConfigError, problem
from heddle.nn.heads import head_for
from heddle.nn.model import Model, ModelSpec
from heddle.nn.models.script_module import ScriptEncoder
from heddle.sampling.stream import sample_key
from heddle.sampling.types import Fanout
from heddle.serving.bundle.export import check_free
from heddle.serving.bundle.layout import TREES, BundleContents, TreesContents, write_bundle
from heddle.serving.bundle.model import SCRIPT, scorer_of_arrays
from heddle.serving.bundle.offline import embeddings
from heddle.serving.bundle.training import training_summary
from heddle.serving.live.graph import create
from heddle.serving.scoring.scorer import Reading, Scorer
from heddle.workflow.artifacts import write_weights
from heddle.workflow.boost.questions import EMBEDDINGS, OWN
from heddle.workflow.loaders.questions.base import EVALUATION
from heddle.workflow.metrics.decision import CLASSES, Decision


class ScriptModel:
    """A script's trained module on a prepared folder whose rows have times, as a server computes it.

    Args:
        encoder, arrays: of the module.
        prepared: the folder; its task's target is a relation with labels.
        fanout: in-edges taken of each node, hop by hop.
        seed: of the draws.

    Raises:
        ConfigError: another number of hops than of layers; rows without times or labels.
    """

    def __init__(
        self,
        encoder: ScriptEncoder,
        arrays: Mapping[str, np.ndarray],
        prepared: str | Path,
        fanout: Fanout,
        seed: int,
        registry: Any,
    ):
        self.encoder, self.arrays = encoder, {f"encoder.{name}": array for name, array in arrays.items()}
        self.prepared, self._registry = Path(prepared).expanduser().resolve(), registry
        if len(fanout.sizes) != encoder.n_layers:
            actual, expected = (
                f"fanouts={list(fanout.sizes)}",
                f"{encoder.n_layers} counts, one for each layer",
            )
            raise ConfigError(problem("bundle", actual, expected, "give the DataSpec such fanouts"))
        opened = open_prepared(self.prepared)
        self.target = tuple(opened.task.target)
        edges = opened.edges.get(self.target) if len(self.target) == 3 else None
        if edges is None or edges.time is None or not set(edges.features) <= {"x", "codes"}:
            expected = "one about the rows of a table with times, by a schema"
            raise ConfigError(
                problem("bundle", f"a folder about {self.target}", expected, "prepare such a one")
            )
        self._dataset = read_dataset(str(self.prepared), task="edge_classification")
        self.spec: ModelSpec = model_spec_of(self._dataset, Task("edge_classification", "cross_entropy", ()))
        key = sample_key(seed, EVALUATION, 0)
        self.reading = Reading(fanout, key, inclusive=False, timed=True)

    def scorer(self) -> Scorer:
        """Return what computes the module's embeddings."""
        model = Model(self.encoder, head_for(self.spec, self.encoder.out_dim))
        return scorer_of_arrays(model, self.spec, self.reading, self.arrays, self._registry)

    def embed_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return [n_rows, d] of the sender and of the receiver of every row, each as of the row's time."""
        count = len(np.asarray(self._dataset.targets))
        senders, receivers = embeddings(self.scorer(), self.target, self.prepared, count, self._registry)
        return senders, receivers

    def export(
        self, root: Path, booster: Any, metrics: Mapping[str, Any], name: str, *, overwrite: bool = False
    ) -> Path:
        """Write a bundle whose rows are scored by trees on the table and these embeddings, and return its folder.

        Args:
            booster: xgboost.Booster of `heddle.workflow.boost.fit_boost` on rows and their embeddings.
            metrics: split -> metric -> value, of the trees.

        Raises:
            ConfigError: a bundle is there, and isn't to be replaced.
        """
        check_free(root, overwrite)
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "live").exists():
            create(root / "live", self.prepared)
        about = {"model": SCRIPT, "task": "edge_classification"}
        write_weights(root, {f"params/{key}": array for key, array in self.arrays.items()}, about)
        write_bytes(root / TREES, bytes(booster.save_raw("json")))
        card = {
            "model": "trees on the table and a script's embeddings",
            "data": self._dataset.name,
            "task": "edge_classification",
            "metrics": dict(metrics),
            "rows": {split: len(rows) for split, rows in self._dataset.splits.items()},
            "versions": {"heddle": heddle.__version__, "python": platform.python_version()},
        }
        encoder = self.encoder
        options = {
            "types": encoder.types,
            "relations": encoder.relations,
            "n_layers": encoder.n_layers,
            "out_dim": encoder.out_dim,
            "activation": encoder.activation,
        }
        contents = BundleContents(
            name,
            {"name": SCRIPT, "options": options},
            TreesContents((OWN, EMBEDDINGS), CLASSES, 2),
            self.target,
            self.spec,
            self.reading,
            tuple(map(str, self._dataset.class_names)),
            Decision(CLASSES).as_json(),
            self.prepared,
            card,
        )
        training = training_summary(root, contents, self._dataset.splits, self._registry)
        write_bundle(root, contents._replace(training=training))
        return root
