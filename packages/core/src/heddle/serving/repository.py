"""write_repository: models as a Triton model repository, which every server here reads."""

import io
import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from heddle.atomic import write_bytes, write_json, write_text
from heddle.errors import ConfigError, problem
from heddle.serving.local import LocalModel, different
from heddle.serving.pbtxt import backend_of, check_pbtxt, config_pbtxt
from heddle.serving.served import FILES, Served, as_json


def write_repository(
    repository: str | Path, models: Sequence[Served], flavour: str = "python", *, overwrite: bool = False
) -> Path:
    """Write NAME/config.pbtxt and NAME/1/ for each model and return the repository.

    Each is loaded back from its files and must give its sample's outputs before it counts; until then it lies under
    a name that servers don't read.

    Args:
        flavour: see `config_pbtxt`.
        overwrite: replace models of the same names.

    Raises:
        ConfigError: a model that is there already, a config that Triton would refuse, or other numbers than those
            of the sample.
    """
    root = Path(repository).expanduser()
    root.mkdir(parents=True, exist_ok=True)
    for served in models:
        served.check()
        folder, partial = root / served.name, root / f".{served.name}.part"
        if folder.exists() and not overwrite:
            raise ConfigError(
                problem(str(folder), "a model", "none yet", "choose deploy.overwrite=true or another")
            )
        text = config_pbtxt(served, flavour)
        check_pbtxt(text)
        shutil.rmtree(partial, ignore_errors=True)
        try:
            _write(partial, served, text, flavour)
            if served.platform != "bundle":  # whose process would be started for it
                check_sample(partial / "1")
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return root


def check_sample(version: Path) -> None:
    """Compute the sample of a model's version folder in this process and compare.

    Raises:
        ConfigError: other numbers than those of the sample.
    """
    inputs, outputs = read_sample(version)
    difference = different(LocalModel(version)(inputs), outputs)
    if difference:
        do = "report it: the exported program isn't the model"
        raise ConfigError(
            problem(version.parent.name.strip("."), difference, "the model's own numbers to 1e-5", do)
        )


def read_sample(version: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return (inputs, outputs) of a version's sample.npz, name -> array [rows, ...] each."""
    with np.load(version / "sample.npz", allow_pickle=False) as arrays:
        tensors = {name: arrays[name] for name in arrays.files}
    parts = [
        {k.partition(".")[2]: v for k, v in tensors.items() if k.startswith(side)} for side in ("in.", "out.")
    ]
    return parts[0], parts[1]


def _write(folder: Path, served: Served, text: str, flavour: str) -> None:
    version = folder / "1"
    version.mkdir(parents=True)
    write_text(folder / "config.pbtxt", text)
    write_bytes(version / _file(served, flavour), served.content)
    write_json(version / "heddle.json", {**as_json(served), "file": _file(served, flavour)})
    code = resources.files("heddle.serving")
    write_text(version / "runtime.py", (code / "runtime.py").read_text(encoding="utf-8"))
    if "decision" in served.about:
        text = (resources.files("heddle.workflow.metrics") / "decision.py").read_text(encoding="utf-8")
        write_text(version / "decision.py", text)
    if backend_of(served, flavour) == "python":
        write_text(version / "model.py", (code / "triton_model.py").read_text(encoding="utf-8"))
    stream = io.BytesIO()
    sides = zip(("in", "out"), served.sample)
    arrays: dict[str, Any] = {f"{side}.{name}": array for side, of in sides for name, array in of.items()}
    if served.platform != "bundle":
        np.savez(stream, allow_pickle=False, **arrays)
        write_bytes(version / "sample.npz", stream.getvalue())


def _file(served: Served, flavour: str) -> str:
    """Return the name of a model's file; FIL wants one of its own."""
    return "xgboost.json" if backend_of(served, flavour) == "fil" else FILES[served.platform]
