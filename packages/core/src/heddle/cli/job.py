"""What Hydra calls with a composed configuration, here or in another process."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from heddle.api import work
from heddle.cli.main import FULL_ERROR, report
from heddle.config.asked import asked_config
from heddle.config.compose import plain
from heddle.config.run import Plugins
from heddle.config.saved import saved_config, saved_tree
from heddle.engines.launch import Launch
from heddle.engines.plugins import PREFER, Registry, load_plugins
from heddle.errors import HeddleError
from heddle.options import build

Tree = Mapping[str, Any]
"""A composed configuration as Hydra gives it."""


def train(config: DictConfig) -> None:
    """Train what a configuration describes, or go on with the run that its `resume` names."""
    _guarded(config, _train)


def evaluate(config: DictConfig) -> None:
    """Measure the run that a configuration's `run` names, on the engine and data it names or the run's own."""
    _guarded(config, _evaluate)


def predict(config: DictConfig) -> None:
    """Write the predictions of the run that a configuration's `run` names."""
    _guarded(config, _predict)


def _train(tree: Tree) -> None:
    from heddle.workflow.run import tell

    registry = _registry(saved_tree(tree["resume"]) if tree["resume"] else tree)
    config, folder_of_sweep = asked_config(tree, registry), _folder_of_sweep()
    if folder_of_sweep is not None and not (config.run.dir or config.resume):
        config = replace(config, run=replace(config.run, dir=folder_of_sweep))
    folder = work.train(config, registry)
    if folder is None:
        return
    tell(folder)
    if config.deploy.name != "none" and not config.resume:
        from heddle.serving.deploy import export

        here = replace(config, launch=Launch())
        print(f"bundle: {export(config.deploy, folder, here, registry)}")


def _evaluate(tree: Tree) -> None:
    from heddle.atomic import write_json
    from heddle.workflow.console import print_metrics
    from heddle.workflow.saved import evaluate

    registry = _registry(saved_tree(tree["run"]))
    result = evaluate(saved_config(tree["run"], registry, tree), Path(tree["run"]), registry)
    print_metrics(result)
    if tree["out"]:
        write_json(Path(tree["out"]), result)


def _predict(tree: Tree) -> None:
    from heddle.workflow.saved import predict, write_predictions

    folder = Path(tree["run"])
    registry = _registry(saved_tree(folder))
    out = Path(tree["out"]) if tree["out"] else folder / "predictions.csv"
    print(write_predictions(out, *predict(saved_config(folder, registry, tree), folder, registry)))


def _guarded(composed: DictConfig, work: Callable[[Tree], None]) -> None:
    """Do `work` on a composed configuration; an error that Heddle raises on purpose ends in one line.

    Raises:
        SystemExit: after that line, since Hydra would print a traceback for any other exception.
    """
    try:
        work(plain(composed))
    except HeddleError as error:
        if os.environ.get(FULL_ERROR) == "1":
            raise
        raise SystemExit(report(error)) from None


def _registry(tree: Tree) -> Registry:
    """Return the plugins, as the configuration prefers them; whoever asks for plugins later gets the same."""
    plugins = build(Plugins, tree.get("plugins") or {}, "plugins")
    if plugins.preferred:
        os.environ[PREFER] = ",".join(plugins.preferred)
    return load_plugins()


def _folder_of_sweep() -> str | None:
    """Return the folder of this run of a sweep, None for a single run."""
    hydra = HydraConfig.get()
    return str(hydra.runtime.output_dir) if hydra.mode == RunMode.MULTIRUN else None
