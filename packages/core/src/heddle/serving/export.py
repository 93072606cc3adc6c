"""export: trained models as Served: boosted trees, and what an engine exports of a run or of a script's model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from heddle.engines.capabilities import EXPORTS, Exports
from heddle.errors import ConfigError, problem
from heddle.serving.served import Served, Spec
from heddle.workflow.metrics.decision import Decision

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

ROWS = 16
"""Rows of a sample."""


def export_booster(boosted: Any, name: str = "xgboost", max_batch: int = 8192) -> Served:
    """Return boosted trees (`heddle.workflow.boost.Boosted`) as a model of "features" to "score", a probability."""
    table = boosted.table
    split = next((split for split in ("test", "valid", "train") if len(table.rows(split))), None)
    rows = table.rows(split)[:ROWS]
    features = table.matrix(rows)
    scores = boosted.scores[split][:ROWS] if split in boosted.scores else _scores(boosted, features)
    sample = {"features": features}, {"score": np.asarray(scores, np.float32)[:, None]}
    about = {"columns": table.names, "types": table.types}
    inputs, outputs = Spec("features", "FP32", len(table.names)), Spec("score", "FP32", 1)
    content = bytes(boosted.booster.save_raw("json"))
    json.loads(content)
    return Served(name, "xgboost", content, (inputs,), (outputs,), max_batch, sample, about).check()


def export_model(
    config: "RunConfig",
    run: Path,
    registry: Any,
    name: str = "model",
    max_batch: int = 8192,
    **options: Any,
) -> tuple[Served, Any]:
    """Return a trained run as a model of "index" to "output", exported by an engine that can, and the run, restored.

    A run of classes or labels gives "probability" and "answer" too, by its own calibration and thresholds.

    Args:
        config: the run's own (`heddle.config.saved.saved_config`), or with another engine.
        run: the run's folder.
        registry: the plugins.
        options: of the engine's `export`.

    Raises:
        ConfigError: the run's engine can't export, or the program gives other numbers than the engine.
    """
    from heddle.workflow.metrics.deciding import read_decision
    from heddle.workflow.saved import restore

    parts, state = restore(config, run, registry)
    engine: Any = parts.backend
    if not isinstance(engine, Exports):
        parts, state, engine = _elsewhere(config, run, registry, engine.name)
    served: Served = engine.export(parts, state, name, max_batch, **options)
    decision = read_decision(run)
    return (served if decision is None else with_decision(served, decision)).check(), parts


def with_decision(served: Served, decision: Decision) -> Served:
    """Return a model of "output" that also gives what a run says of it: "probability" and "answer".

    These are calibrated probabilities of each class or label, and the class [rows, 1] or the labels [rows, t].

    Args:
        served: the model, by named tensors.
        decision: calibration and threshold of the run.
    """
    inputs, outputs = served.sample
    rows = outputs["output"]
    said = decision.answers(rows)
    decided = {
        "probability": decision.probabilities(rows).astype(np.float32),
        "answer": said if said.ndim == 2 else said[:, None],
    }
    specs = (
        Spec("probability", "FP32", decided["probability"].shape[1]),
        Spec("answer", "INT64", decided["answer"].shape[1]),
    )
    return served._replace(
        outputs=(*served.outputs, *specs),
        sample=(inputs, {**outputs, **decided}),
        about={**served.about, "decision": decision.as_json()},
    )


def _elsewhere(config: "RunConfig", run: Path, registry: Any, engine: str) -> tuple[Any, Any, Exports]:
    """Restore a run on an engine that exports, if its model is portable and there is one."""
    from heddle.errors import HeddleError
    from heddle.workflow.saved import restore

    for name in registry.able("backend", EXPORTS):
        try:
            other = registry.options("backend", name)(name=name)
            parts, state = restore(replace(config, backend=other), run, registry)
        except HeddleError:
            continue
        if isinstance(parts.backend, Exports):
            return parts, state, parts.backend
    actual = f"backend {engine!r}, which can't export"
    do = f"{registry.suggest('backend', EXPORTS)}: weights of a portable model run on any engine"
    raise ConfigError(problem("deploy", actual, "an engine that exports", do))


def _scores(boosted: Any, features: np.ndarray) -> np.ndarray:
    import xgboost

    names = {"feature_names": boosted.table.names, "feature_types": boosted.table.types}
    result: np.ndarray = boosted.booster.predict(xgboost.DMatrix(features, enable_categorical=True, **names))
    return result
