"""What Hydra calls with a composed configuration, here or in another process."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from heddle.cli.main import FULL_ERROR, report
from heddle.cli.torchrun import with_torchrun
from heddle.config.compose import plain
from heddle.config.values import check_names, check_values, keys_of
from heddle.errors import HeddleError
from heddle.plugins import PREFER, Registry, load_plugins

Config = dict[str, Any]


def train(config: DictConfig) -> None:
    """Train what a configuration describes, or go on with the run that its `resume` names."""
    _guarded(config, _train)


def evaluate(config: DictConfig) -> None:
    """Measure the run that a configuration's `run` names, on the engine and data it names or the run's own."""
    _guarded(config, _evaluate)


def predict(config: DictConfig) -> None:
    """Write the predictions of the run that a configuration's `run` names."""
    _guarded(config, _predict)


def _train(config: Config) -> None:
    from heddle.sharding.settings import with_rank
    from heddle.workflow.folder import is_finished
    from heddle.workflow.processes import needs_processes, run_processes
    from heddle.workflow.run import train
    from heddle.workflow.worker import own_folder

    config = with_torchrun(config, os.environ)
    if config["resume"]:
        saved = _saved(config["resume"])
        if needs_processes(saved) and not is_finished(Path(config["resume"])):
            run_processes({**with_rank(saved, config), "resume": config["resume"]})
        else:
            train(config, _registry(saved))
    else:
        registry = _registry(config)
        check_values(config, keys_of(config, registry))
        check_names(config, registry)
        peer = _launched(config)
        if peer is not None:
            with own_folder(peer) as own:
                train(own, registry)
        elif needs_processes(config):
            run_processes(_placed(config))
        else:
            folder = train(_placed(config), registry)
            if config["deploy"]["name"] != "none":
                from heddle.serving.deploy import export

                print(f"repository: {export(config['deploy'], folder, registry)}")


def _launched(config: Config) -> Config | None:
    """Return the configuration of this process where torchrun has started several, else None."""
    from heddle.workflow.peers import TORCHRUN, Peers, peers_of, with_peer

    size = int(os.environ.get("WORLD_SIZE", 1))
    sharded = (config.get("sharding") or {}).get("rank") is not None
    if sharded or size < 2 or "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    own = with_peer(config, Peers(size, int(os.environ["RANK"]), TORCHRUN))
    peers_of(own)
    return own


def _evaluate(config: Config) -> None:
    from heddle.artifacts import write_json
    from heddle.workflow.run import evaluate

    result = evaluate(config, _registry(_saved(config["run"])))
    if config["out"]:
        write_json(Path(config["out"]), result)


def _predict(config: Config) -> None:
    from heddle.workflow.run import predict

    predict({**config, "output": config["out"]}, _registry(_saved(config["run"])))


def _guarded(composed: DictConfig, work: Callable[[Config], None]) -> None:
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


def _registry(config: Config) -> Registry:
    """Return the plugins, as the configuration prefers them; whoever asks for plugins later gets the same."""
    prefer = config.get("plugins", {}).get("prefer", [])
    if prefer:
        os.environ[PREFER] = prefer if isinstance(prefer, str) else ",".join(prefer)
    return load_plugins()


def _placed(config: Config) -> Config:
    """Return the configuration of a run of a sweep with its own folder, that of a single run as it is."""
    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN or config["run"]["dir"]:
        return config
    return {**config, "run": {**config["run"], "dir": hydra.runtime.output_dir}}


def _saved(folder: str) -> Config:
    """Return the configuration of an earlier run."""
    from heddle.artifacts import read_config

    return read_config(Path(folder))
