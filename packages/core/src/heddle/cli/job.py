"""What Hydra calls with a composed configuration, here or in another process."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from heddle.cli.main import FULL_ERROR, report
from heddle.cli.torchrun import with_torchrun
from heddle.config.compose import plain
from heddle.config.run import Plugins, RunConfig, run_config
from heddle.config.saved import resumed_config, saved_config, saved_tree
from heddle.config.values import check_names
from heddle.errors import HeddleError
from heddle.launch import TORCHRUN, Launch
from heddle.options import build
from heddle.plugins import PREFER, Registry, load_plugins

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
    if tree["resume"]:
        registry = _registry(saved_tree(tree["resume"]))
        launch = build(Launch, tree["launch"], "launch")
        config = with_torchrun(resumed_config(tree["resume"], launch, registry), os.environ)
    else:
        registry = _registry(tree)
        check_names(tree, registry)
        config = with_torchrun(_placed(run_config(tree, registry)), os.environ)
    _launch(config, registry)


def _launch(config: RunConfig, registry: Registry) -> None:
    """Train in this process, or in those that the configuration asks for; export what was trained if it says so."""
    from heddle.workflow.folder import is_finished
    from heddle.workflow.processes import own_folder, run_processes
    from heddle.workflow.run import train

    launch = config.launch
    if launch.devices > 1 and launch.coordinator == TORCHRUN:
        with own_folder(config) as own:
            train(own, registry)
    elif launch.size > 1 and not (config.resume and is_finished(Path(config.resume))):
        run_processes(config)
    else:
        folder = train(config, registry)
        if config.deploy.name != "none" and not config.resume:
            from heddle.serving.deploy import export

            print(f"repository: {export(config.deploy, folder, config, registry)}")


def _evaluate(tree: Tree) -> None:
    from heddle.artifacts import write_json
    from heddle.workflow.saved import evaluate

    registry = _registry(saved_tree(tree["run"]))
    result = evaluate(saved_config(tree["run"], registry, tree), Path(tree["run"]), registry)
    if tree["out"]:
        write_json(Path(tree["out"]), result)


def _predict(tree: Tree) -> None:
    from heddle.workflow.saved import predict

    registry = _registry(saved_tree(tree["run"]))
    folder = Path(tree["run"])
    out = Path(tree["out"]) if tree["out"] else folder / "predictions.csv"
    predict(saved_config(folder, registry, tree), folder, registry, out)


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


def _placed(config: RunConfig) -> RunConfig:
    """Return the configuration of a run of a sweep with its own folder, that of a single run as it is."""
    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN or config.run.dir:
        return config
    return replace(config, run=replace(config.run, dir=hydra.runtime.output_dir))
