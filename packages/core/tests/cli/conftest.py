"""The command line in this process, with an engine that trains nothing, so that no framework is needed."""

import importlib
import json
import logging
import sys
from pathlib import Path

import pytest

import heddle.workflow.run
from heddle.cli import main
from heddle.testing.distributions import plugin_source, write_distribution

ENGINE = """
@hookimpl
def heddle_backends():
    return [BackendInfo("loop", "trains nothing", "builtins:dict", options="loop_engine.options:LoopOptions")]

@hookimpl
def heddle_models():
    options = "loop_engine.options:LoopModelOptions"
    return [ModelInfo("loop_only", "for one engine", "builtins:dict", ("loop",), (), options,
                      recommends={"optim.lr": 0.5}),
            ModelInfo("elsewhere", "for another", "builtins:dict", backends=("another",))]

@hookimpl
def heddle_config_paths():
    return ["pkg://loop_engine.conf"]
"""

OPTIONS = """
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from heddle.options import BackendOptions, ModelOptions, option

@dataclass(frozen=True)
class LoopOptions(BackendOptions):
    speed: float = option(1.5, "how fast")
    label: str | None = option(None, "on which side", choices=("left", "right"))
    free: Any = option(None, "anything")
    extra: Mapping[str, Any] = option({}, "keys of the user's own")

@dataclass(frozen=True)
class LoopModelOptions(ModelOptions):
    width: int = option(8, "of the layers")
"""

FILES = {
    "loop_engine/__init__.py": "",
    "loop_engine/plugin.py": plugin_source(ENGINE),
    "loop_engine/options.py": OPTIONS,
    "loop_engine/conf/model/sloppy.yaml": "# @package _global_\nmodel: {name: gcn}\ntrainer: {epoch: 3}\n",
    "loop_engine/conf/experiment/good.yaml": (
        "# @package _global_\ndefaults:\n  - override /model: gat\nmodel: {heads: 3}\nseed: 7\n"
    ),
    "loop_engine/conf/experiment/typo.yaml": "# @package _global_\nmodel: {hiden: 3}\n",
    "loop_engine/conf/experiment/wrong.yaml": "# @package _global_\nmodel: {hidden: wide}\n",
}


@pytest.fixture(autouse=True)
def in_an_empty_folder_with_an_engine(tmp_path, monkeypatch):
    write_distribution(tmp_path / "site", "loop-engine", FILES, plugin="loop_engine.plugin")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    importlib.invalidate_caches()
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]  # Hydra's write to this test's captured stream
    for name in [name for name in sys.modules if name.partition(".")[0] == "loop_engine"]:
        del sys.modules[name]


@pytest.fixture
def heddle_command(capfd):
    """Return heddle_command(*words) -> (exit status, standard output, standard error)."""

    def call(*arguments):
        status = main(arguments)
        out, err = capfd.readouterr()
        return status, out, err

    return call


@pytest.fixture
def trained(monkeypatch):
    """Put a recorder in place of training; return the list of the configurations it gets."""
    configs = []

    def train(config, registry):
        configs.append(config)
        folder = Path(config.run.dir or f"runs/{len(configs)}")
        folder.mkdir(parents=True, exist_ok=True)
        seed, lr = config.seed, config.optim.lr
        metrics = {
            split: {"loss": abs(lr - 0.02), "accuracy": 0.5 + seed / 10}
            for split in ("train", "valid", "test")
        }
        (folder / "metrics.json").write_text(json.dumps(metrics | {"seed": seed}))
        print(folder)
        return folder

    monkeypatch.setattr(heddle.workflow.run, "train", train)
    return configs
