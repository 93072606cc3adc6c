"""Runs: `train` makes a run folder from a configuration, or goes on with one."""

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import heddle
from heddle.atomic import write_arrays, write_json, write_text
from heddle.data.dataset import SPLITS
from heddle.engines.capabilities import Compiles, StatesKernels
from heddle.errors import HeddleError
from heddle.options import plain
from heddle.workflow import artifacts
from heddle.workflow.assemble import Assembly, assemble
from heddle.workflow.baselines import compare
from heddle.workflow.callbacks import Callback, Checkpoints, EarlyStop, Tracking, display
from heddle.workflow.checkpoint import load
from heddle.workflow.console import print_metrics
from heddle.workflow.folder import check_free, is_finished, new_folder
from heddle.workflow.loaders.loader import CountingLoader
from heddle.workflow.metrics.comparison import compared
from heddle.workflow.metrics.deciding import decide, decision_entry, write_decision
from heddle.workflow.metrics.intervals import interval_entries
from heddle.workflow.metrics.predictions import metric_values
from heddle.workflow.options import Place
from heddle.workflow.progress import Progress
from heddle.workflow.report import ReportInputs, page
from heddle.workflow.settings import Settings, settings_for
from heddle.workflow.trainer import fit

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

log = logging.getLogger(__name__)


def train(config: "RunConfig", registry: Any) -> Path:
    """Train what `config` describes and return the run folder; `tell` prints what came of it.

    With `config.resume` set to a run folder that run, whose own configuration the rest is, goes on to the same metrics
    as without the break.

    Raises:
        HeddleError: anything wrong with the config, the data, the engine or the training; its folder is kept.
    """
    if config.resume:
        return _resume(config, Path(config.resume), registry)
    check_free(config.run)
    parts = assemble(config, registry)
    settings = settings_for(config.trainer, config.optim, parts.task)
    folder = new_folder(config)
    config = replace(config, run=replace(config.run, dir=str(folder)))
    artifacts.write_config(folder, plain(config))
    progress = Progress(parts.program.init(config.seed))
    return _run(config, registry, parts, settings, progress, folder)


def _resume(config: "RunConfig", folder: Path, registry: Any) -> Path:
    if is_finished(folder):
        print(f"resume: the run in {folder} is finished, nothing is left to do")
        return folder
    parts = assemble(config, registry)
    settings = settings_for(config.trainer, config.optim, parts.task)
    progress = Progress(parts.program.init(config.seed))
    saved = load(folder, parts.program)
    if saved is None:
        print(f"resume: no checkpoint in {folder} yet, the run starts at its first epoch")
    else:
        progress = saved
        print(f"resume: the run in {folder} goes on after epoch {progress.epoch}")
    return _run(config, registry, parts, settings, progress, folder)


def _run(
    config: "RunConfig",
    registry: Any,
    parts: Assembly,
    settings: Settings,
    progress: Progress,
    folder: Path,
) -> Path:
    tracker = registry.tracker(config.tracker.name)(config.tracker, folder)
    versions = artifacts.versions(parts.backend.describe())
    if isinstance(parts.backend, StatesKernels):
        kernels = parts.backend.kernels
        log.info("kernels: %s", kernels.summary())
        versions["kernels"] = kernels.served()
    if isinstance(parts.backend, Compiles) and parts.backend.compiled:
        log.info("compiled: %s", parts.backend.compiled)
        versions["compiled"] = parts.backend.compiled
    write_json(folder / "versions.json", versions)
    callbacks: list[Callback] = []
    if settings.patience is not None:
        callbacks.append(EarlyStop(settings.patience))
    callbacks += [Checkpoints(folder, parts.program, settings), Tracking(tracker), display(settings)]
    try:
        fit(parts.program, parts.loader, parts.task, settings, progress, callbacks)
    except HeddleError as error:
        raise type(error)(f"{error}; the run folder {folder} is kept") from error
    except OSError as error:
        raise HeddleError(
            f"run folder {folder}: found that writing fails ({error}), expected room and permission; "
            f"make some and go on with `heddle train resume={folder}`"
        ) from error
    except KeyboardInterrupt:
        print(f"stopped; go on with `heddle train resume={folder}`", file=sys.stderr)
        raise
    _finish(config, parts, progress, folder)
    return folder


def _finish(config: "RunConfig", parts: Assembly, progress: Progress, folder: Path) -> None:
    """Write what the best epoch's weights give; metrics.json last."""
    artifacts.write_table(folder / "metrics.csv", progress.rows)
    artifacts.write_weights(folder, progress.best_arrays, _about(config, parts))
    program = parts.program
    progress.state = program.from_arrays(progress.best_arrays)
    predictions = parts.loader.predictions(program, progress.state, SPLITS)
    decided = None if parts.deciding is None else decide(parts.deciding, predictions["valid"])
    decision = None if decided is None else decided.decision
    if decision is not None:
        write_decision(folder, decision)
    evaluated = {
        split: metric_values(parts.task, predicted, decision) for split, predicted in predictions.items()
    }
    write_arrays(
        folder / "predictions.npz",
        {
            f"{split}.{field}": rows
            for split, predicted in predictions.items()
            for field, rows in predicted._asdict().items()
            if rows is not None
        },
    )
    result = {
        **evaluated,
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "stopped": progress.stop,
        "seed": config.seed,
        "time": sum(row["seconds"] for row in progress.rows),
        **interval_entries(parts.task, predictions, evaluated, config.task.intervals, config.seed, decision),
        **(
            {"decision": decision_entry(decided, parts.deciding, predictions)}
            if decided and parts.deciding
            else {}
        ),
        **({"times": dict(parts.times)} if parts.times else {}),
        **compare(parts, predictions, decision, config.task, config.seed).entries(),
        "unused": list(parts.unused),
        **_stats(parts),
    }
    inputs = ReportInputs(
        replace(config, run=Place(str(folder))),
        json.loads((folder / "versions.json").read_text(encoding="utf-8")),
        result,
        parts.dataset,
        parts.task,
        progress.rows,
        predictions,
        progress.best_arrays,
        decision,
    )
    write_text(folder / "report.html", page(inputs))
    write_json(folder / "metrics.json", result)


def _stats(parts: Assembly) -> dict[str, dict[str, float]]:
    """Return {"stats": metrics of the work}, e.g. compilations and padding; {} for an engine that has none."""
    engine = parts.program.stats() if parts.program.stats is not None else {}
    stats = {**engine, **(parts.loader.stats() if isinstance(parts.loader, CountingLoader) else {})}
    return {"stats": stats} if stats else {}


def _about(config: "RunConfig", parts: Assembly) -> dict[str, Any]:
    """Return what a weights file says of itself."""
    model_spec = parts.model_spec._asdict()
    model_spec["relations"] = [list(relation) for relation in parts.model_spec.relations]
    for field in ("edge_dim", "edge_codes"):
        if isinstance(model_spec[field], Mapping):
            model_spec[field] = {".".join(key): value for key, value in model_spec[field].items()}
    return {
        "heddle": heddle.__version__,
        "model": plain(config.model),
        "signature": model_spec,
        "task": parts.task.kind,
    }


def tell(folder: Path) -> None:
    """Print the metrics of a finished run, its report's path and, last, its folder's."""
    result = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    print_metrics(result)
    if "baselines" in result:
        print(compared(result))
    if "stats" in result:
        print(", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in result["stats"].items()))
    print(f"report: {folder / 'report.html'}")
    print(folder)
