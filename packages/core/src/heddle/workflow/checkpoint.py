"""Checkpoints: A run that is not finished, in two files that are either whole or reported as broken.

checkpoints/epoch-000010.safetensors   "state/..." as `Program.to_arrays` gave it, "best/..." the best weights so far
checkpoints/epoch-000010.json          epochs done, their rows, best epoch, SHA-256 of the arrays; written last
"""

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.atomic import to_json, write_bytes, write_json
from heddle.engines.program import Program
from heddle.errors import CheckpointError
from heddle.workflow.progress import Progress

_FIELDS = ("epoch", "rows", "best_epoch", "waited", "stop")


def save(folder: Path, program: Program, progress: Progress, keep: int) -> Path:
    """Write a checkpoint of `progress` into a run folder and return its .json; all but the last `keep` are removed."""
    from safetensors.numpy import save as to_bytes

    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(exist_ok=True)
    path = checkpoints / f"epoch-{progress.epoch:06d}.json"
    arrays = _prefixed("state/", program.to_arrays(progress.state)) | _prefixed("best/", progress.best_arrays)
    data = path.with_suffix(".safetensors")
    content = to_bytes(arrays)
    write_bytes(data, content)
    about = to_json({name: getattr(progress, name) for name in _FIELDS})
    about["sha256"] = _digest(content)
    write_json(path, about | {"check": _check(about)})
    _remove_old(checkpoints, keep)
    return path


def load(
    folder: Path, program: Program, do: str = "start the run again with run.overwrite=true"
) -> Progress | None:
    """Return the newest whole checkpoint of a run folder, None if none was ever finished.

    `do` is what an error advises. Each broken one is named on standard error, and the one before it is taken.

    Raises:
        CheckpointError: there are checkpoints, and all are broken or don't fit the model.
    """
    paths = sorted((folder / "checkpoints").glob("epoch-*.json"), reverse=True)
    for path in paths:
        try:
            return _read(path, program)
        except CheckpointError as error:
            print(f"resume: checkpoint {path} can't be used: {error}; trying the one before", file=sys.stderr)
    if paths:
        raise CheckpointError(
            f"resume: found no usable checkpoint among {len(paths)} in {paths[0].parent}, expected one; {do}"
        )
    return None


def _read(path: Path, program: Program) -> Progress:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = path.with_suffix(".safetensors")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        content = data.read_bytes()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"unreadable ({error})") from error
    fields: dict[str, Any] = (
        {name: about.get(name) for name in (*_FIELDS, "sha256")} if isinstance(about, dict) else {}
    )
    if not fields or about.get("check") != _check(fields):
        raise CheckpointError(f"{path.name} isn't what was written")
    if fields["sha256"] != _digest(content):
        raise CheckpointError(f"{data.name} isn't what was written ({len(content)} bytes)")
    try:
        arrays = load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{data.name} is no safetensors file ({error})") from error
    rows = [
        {key: math.nan if value is None else value for key, value in row.items()} for row in fields["rows"]
    ]
    return Progress(
        state=program.from_arrays(_scoped("state/", arrays)),
        epoch=fields["epoch"],
        rows=rows,
        best_epoch=fields["best_epoch"],
        best_arrays=_scoped("best/", arrays),
        waited=fields["waited"],
        stop=fields["stop"],
    )


def _remove_old(checkpoints: Path, keep: int) -> None:
    """Remove all but the last `keep` checkpoints, arrays without their .json, and what a killed process left half."""
    for path in sorted(checkpoints.glob("epoch-*.json"))[:-keep]:
        path.unlink()
    for path in checkpoints.glob("epoch-*.safetensors"):
        if not path.with_suffix(".json").exists():
            path.unlink()
    for path in checkpoints.glob(".*.part"):
        path.unlink()


def _check(about: Mapping[str, Any]) -> str:
    return _digest(json.dumps(about, sort_keys=True).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _prefixed(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {prefix + name: np.asarray(value, order="C") for name, value in arrays.items()}


def _scoped(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
