"""export_bundle: a trained run as a folder that scores rows, wherever core and numpy are."""

import json
import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import heddle
from heddle.data.reader_options import PreparedOptions
from heddle.errors import ConfigError, problem
from heddle.nn.model import Model
from heddle.options import plain
from heddle.sampling.stream import sample_key
from heddle.sampling.types import Fanout
from heddle.serving.bundle.layout import WEIGHTS, BundleContents, write_bundle
from heddle.serving.live.graph import create
from heddle.serving.scoring.scorer import Reading
from heddle.workflow.loaders.questions.base import EVALUATION
from heddle.workflow.loaders.sampler import specs_of
from heddle.workflow.saved import restore

if TYPE_CHECKING:
    from heddle.config.run import RunConfig


def export_bundle(
    config: "RunConfig", run: Path, registry: Any, root: Path, *, overwrite: bool = False
) -> Path:
    """Write a trained run as a bundle and return its folder.

    Args:
        config: the run's own (`heddle.config.saved.saved_config`).
        run: the run's folder.
        root: the bundle's folder; its live graph, where there is one already, is kept.
        overwrite: replace a model that is there, as a server loads it anew.

    Raises:
        ConfigError: data, a model or a sampler that rows can't be scored with; a bundle is there already.
    """
    if (root / "bundle.json").exists() and not overwrite:
        raise ConfigError(
            problem(str(root), "a bundle", "none yet", "choose another folder, or allow overwriting it")
        )
    prepared = _prepared_folder(config)
    parts, _ = restore(config, run, registry)
    _check_model(parts, config)
    fanout = _fanout(parts, config)
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "live").exists():
        create(root / "live", prepared)
    shutil.copyfile(run / WEIGHTS, root / f".{WEIGHTS}.part")
    (root / f".{WEIGHTS}.part").replace(root / WEIGHTS)
    timed = parts.until is not None
    inclusive = parts.times.get("ties") == "include"
    reading = Reading(fanout, sample_key(config.seed, EVALUATION, 0), inclusive, timed)
    decision = None if parts.decision is None else parts.decision.as_json()
    model = {"name": config.model.name, "options": plain(config.model)}
    classes = tuple(map(str, parts.dataset.class_names))
    write_bundle(
        root, BundleContents(model, parts.model_spec, reading, classes, decision, prepared, _card(parts, run))
    )
    return root


def _prepared_folder(config: "RunConfig") -> Path:
    """Return the prepared folder that a run learned from. Raises ConfigError: settings that rows can't be scored by."""
    if not isinstance(config.data, PreparedOptions) or config.data.root is None:
        actual, do = f"data={config.data.reader}", "prepare it with heddle data prepare"
        raise ConfigError(problem("bundle", actual, "a prepared folder, which rows can be appended to", do))
    if config.task.query is not None:
        do = "state the question as a task of the folder's schema and prepare it anew"
        raise ConfigError(problem("bundle", "task.query", "a task of the folder, whose rows are sent", do))
    if config.sampler.is_sampled and config.sampler.ages:
        actual, do = f"sampler.ages={list(config.sampler.ages)}", "train without them"
        raise ConfigError(problem("bundle", actual, "none, since a server gives nodes no ages", do))
    return Path(config.data.root).expanduser().resolve()


def _check_model(parts: Any, config: "RunConfig") -> None:
    if not isinstance(parts.model, Model) or parts.task.level not in ("node", "edge"):
        actual = f"model {config.model.name} for {parts.task.level}s"
        do = "choose a model that is portable between engines"
        raise ConfigError(problem("bundle", actual, "a portable model of nodes or edges", do))


def _fanout(parts: Any, config: "RunConfig") -> Fanout:
    if config.sampler.is_sampled:
        fanout = specs_of(config.sampler)["test"].fanout(True)
    else:
        count = next((n for n in range(1, 9) if parts.model.takes_blocks(n)), 1)
        fanout = Fanout(
            (-1,) * count, layered=True
        )  # whole neighbourhoods: what a step on the whole graph sees
    if not parts.model.takes_blocks(len(fanout.sizes)):
        actual = f"fanouts {list(fanout.sizes)} of a model that doesn't compute them layer by layer"
        do = "give as many fanouts as the model has layers"
        raise ConfigError(problem("bundle", actual, "as many hops as layers", do))
    return fanout


def _card(parts: Any, run: Path) -> dict[str, Any]:
    """Return what is worth knowing of a model."""
    metrics = (
        json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        if (run / "metrics.json").exists()
        else {}
    )
    return {
        "data": parts.dataset.name,
        "task": parts.task.kind,
        "trained_from": str(run),
        "metrics": metrics,
        "rows": {split: len(rows) for split, rows in parts.dataset.splits.items()},
        "unused_inputs": list(parts.unused),
        "versions": {"heddle": heddle.__version__, "python": platform.python_version()},
    }
