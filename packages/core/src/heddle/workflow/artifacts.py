"""Artifacts: the run folder, its files and how each is written so that none is ever half there.

config.yaml         the resolved config
versions.json       Python, platform, engine and every installed package
metrics.csv         one row per epoch
checkpoints/        see `heddle.workflow.checkpoint`
weights.safetensors the best epoch's weights by name
predictions.npz     the best epoch's outputs per split
decision.json       how outputs of classes and labels are read: calibration and thresholds (metrics/decision.py)
metrics.json        the best epoch's metrics per split; it is written last, so a folder with it holds a finished run
report.html         see `heddle.workflow.report`
"""

import json
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from heddle.atomic import to_json, write_atomically, write_bytes, write_text
from heddle.errors import CheckpointError, ConfigError


def write_config(folder: Path, tree: Mapping[str, Any]) -> None:
    """Write a configuration as config.yaml: nodes as `heddle.options.plain` gives them."""
    import yaml

    text = yaml.safe_dump(plain(tree), sort_keys=False, allow_unicode=True)
    write_text(folder / "config.yaml", text)


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config of a run folder.

    Raises:
        ConfigError: no such folder, or its config.yaml is missing or isn't a mapping.
    """
    import yaml

    path = folder / "config.yaml"
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"run folder {folder}: found no readable config.yaml, expected one; {error}"
        ) from error
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: found {type(config).__name__}, expected a mapping; is this a run folder?")
    return config


def plain(value: Any) -> Any:
    """Return a config of any mappings and sequences as dicts, lists and scalars."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def write_weights(folder: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Write weights.safetensors: arrays named "params/NAME", without that prefix, and `about` as JSON in its header.

    The JSON is one entry, "heddle", since safetensors writes several in random order and equal runs would differ in
    bytes.
    """
    from safetensors.numpy import save

    named = {name.removeprefix("params/"): np.asarray(value, order="C") for name, value in arrays.items()}
    header = {"heddle": json.dumps(to_json(about), sort_keys=True)}
    write_bytes(folder / "weights.safetensors", save(named, header))


def answered_task(folder: Path) -> str:
    """Return the task that the weights of a run's folder answer, "" where there are none yet or they don't say."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "weights.safetensors", "numpy") as file:
            about = json.loads((file.metadata() or {}).get("heddle", "{}"))
    except (OSError, SafetensorError, ValueError):
        return ""
    return str(about.get("task", "")) if isinstance(about, dict) else ""


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the weights of a safetensors file as "params/NAME" -> array, as `Program.from_arrays` takes them.

    Raises:
        CheckpointError: missing, cut or foreign.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return {f"params/{name}": value for name, value in load_file(path).items()}
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"weights {path}: found no readable safetensors file ({error}), expected one; "
            "train again or name another run"
        ) from error


def versions(engine: Mapping[str, str]) -> dict[str, Any]:
    """Return what the run ran on: Python, platform, `Backend.describe()` and every installed package."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "engine": dict(engine),
        "packages": dict(_packages()),
    }


@cache
def _packages() -> list[tuple[str, str]]:
    """Return name and version of every installed package, by name: a process reads their files once."""
    from importlib import metadata

    each = (distribution.metadata for distribution in metadata.distributions())
    packages = {fields["Name"]: fields["Version"] for fields in each if fields["Name"]}
    return sorted(packages.items(), key=lambda item: item[0].lower())


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV: a column per key of any row, empty where a row has none."""
    import csv

    columns = list(dict.fromkeys(key for row in rows for key in row))

    def write(temporary: Path) -> None:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)

    write_atomically(path, write)
