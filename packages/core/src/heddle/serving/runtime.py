"""runtime: computes a model of a repository, from its files alone.

A copy of this file lies in every model's folder, where a server's environment has neither Heddle nor numpy 2: it
imports numpy, and what the platform of its model needs, by name: only a model that is such a program wants it.
"""

from __future__ import annotations  # the server's Python may be older

import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

DTYPES = {
    "FP32": np.float32,
    "FP64": np.float64,
    "INT32": np.int32,
    "INT64": np.int64,
    "BYTES": np.object_,
}


if TYPE_CHECKING:
    Run = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]
    """The inputs in order -> the outputs in order."""


class BadRequest(ValueError):
    """What a request gives doesn't fit the model."""


class Runtime:
    """A model, ready to compute.

    Attributes:
        facts: the content of heddle.json.
    """

    def __init__(self, folder: str) -> None:
        with open(os.path.join(folder, "heddle.json"), encoding="utf-8") as stream:
            self.facts = json.load(stream)
        path = os.path.join(folder, self.facts["file"])
        self._run = _PLATFORMS[self.facts["platform"]](path, self.facts)
        self._decision = _decision(folder, self.facts["about"].get("decision"))

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return name -> array of the outputs, for name -> [rows, width] of the inputs.

        Raises BadRequest for missing or unknown inputs, other types, widths or numbers of rows, and values that the
        program refuses, such as a node that there isn't.
        """
        wanted = {spec["name"]: spec for spec in self.facts["inputs"]}
        optional = self.facts["about"].get("optional") and inputs and set(inputs) <= set(wanted)
        if set(inputs) != set(wanted) and not optional:
            raise BadRequest(f"found the inputs {sorted(inputs)}, expected {sorted(wanted)}")
        rows = set()
        for name, array in inputs.items():
            spec, width = wanted[name], wanted[name]["width"]
            if array.dtype != DTYPES[spec["dtype"]] or array.ndim != 2 or array.shape[1] != width:
                actual = f"{array.dtype} of shape {list(array.shape)}"
                raise BadRequest(f"{name}: found {actual}, expected {spec['dtype']} [rows, {width}]")
            rows.add(len(array))
        count = rows.pop()
        if rows or count > self.facts["max_batch"]:
            actual = "inputs of different numbers of rows" if rows else f"{count} rows"
            raise BadRequest(f"found {actual}, expected up to {self.facts['max_batch']} rows")
        for name, array in inputs.items():
            below = self.facts["about"].get("below", {}).get(name)
            if (
                below is not None
                and len(array)
                and not (array.min() >= 0 and (array.max(axis=0) < below).all())
            ):
                raise BadRequest(f"{name}: found an id out of range, expected ids in [0, {below})")
        empty = np.full((count, 1), b"", object)
        outputs = {}
        given = [inputs.get(name, empty) for name in wanted]
        for spec, array in zip(self.facts["outputs"], self._run(given)):
            array = np.ascontiguousarray(array, DTYPES[spec["dtype"]]).reshape(count, spec["width"])
            outputs[spec["name"]] = array
        if self._decision is not None:
            outputs["probability"] = self._decision.probabilities(outputs["output"]).astype(np.float32)
            said = self._decision.answers(outputs["output"])
            outputs["answer"] = said if said.ndim == 2 else said[:, None]
        return outputs

    def close(self) -> None:
        """End the process that the model asks, if it asks one."""
        if isinstance(self._run, _Bundle):
            self._run.close()


def _decision(folder: str, entry: Any) -> Any:
    """Return how outputs of a run of classes or labels are read, from the copy of decision.py; None for others."""
    if entry is None:
        return None
    module = ModuleType("heddle_decision")
    SourceFileLoader("heddle_decision", os.path.join(folder, "decision.py")).exec_module(module)
    return module.decision_of(entry)


def _torch(path: str, facts: Mapping[str, Any]) -> Run:
    torch = import_module("torch")
    torch.set_num_threads(1)  # requests run beside each other; threads of their own would only get in the way
    program = torch.export.load(path).module()

    def run(inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        with torch.no_grad():
            tensors = [torch.from_numpy(np.array(array)) for array in inputs]
            if not len(tensors[0]):
                return [np.zeros((0, spec["width"])) for spec in facts["outputs"]]
            padded = [
                torch.cat([x, x]) if len(x) == 1 else x for x in tensors
            ]  # a batch of one is a special case
            outputs = program(*padded)
            outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
            return [x[: len(tensors[0])].numpy() for x in outputs]

    return run


def _xgboost(path: str, facts: Mapping[str, Any]) -> Run:
    xgboost = import_module("xgboost")
    booster = xgboost.Booster(model_file=path)
    booster.set_param({"nthread": 1})
    about = facts["about"]

    def run(inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        names = {
            "feature_names": about["columns"],
            "feature_types": about["types"],
            "enable_categorical": True,
        }
        return [booster.predict(xgboost.DMatrix(inputs[0], **names))]

    return run


def _onnx(path: str, facts: Mapping[str, Any]) -> Run:
    onnxruntime = import_module("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [spec["name"] for spec in facts["inputs"]]

    def run(inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        wanted = [spec["name"] for spec in facts["outputs"]]
        outputs: list[np.ndarray] = session.run(wanted, dict(zip(names, inputs)))
        return outputs

    return run


class _Bundle:
    """A bundle of rows, asked through a process of the Python that it was exported by."""

    def __init__(self, path: str, facts: Mapping[str, Any]) -> None:
        with open(path, encoding="utf-8") as stream:
            asks = json.load(stream)
        python = os.environ.get("HEDDLE_PYTHON") or asks["python"]
        apart = ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV")  # of the server's own Python
        self._child = subprocess.Popen(
            [python, "-P", "-m", "heddle.serving.bundle.answers", asks["bundle"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name not in apart},
        )
        self._names = [spec["name"] for spec in facts["inputs"]]
        self._widths = [spec["width"] for spec in facts["outputs"]]
        self._lock = threading.Lock()
        self._line()  # it says that it is ready

    def __call__(self, inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        columns = [[_text(cell) for cell in array[:, 0].tolist()] for array in inputs]
        rows = [dict(zip(self._names, cells)) for cells in zip(*columns)]
        if not rows:
            return [np.zeros((0, width)) for width in self._widths]
        with self._lock:
            self._child.stdin.write(json.dumps({"rows": rows}).encode() + b"\n")  # type: ignore[union-attr]
            self._child.stdin.flush()  # type: ignore[union-attr]
            answer = json.loads(self._line())
        if "error" in answer:
            raise BadRequest(answer["error"])
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        parts = list(zip(*answer["scores"]))
        numbers = [
            np.array(part, np.float64).reshape(len(rows), width)
            for part, width in zip(parts, self._widths[:2])
        ]
        answers = np.empty((len(rows), 1), object)
        answers[:, 0] = [text.encode() for text in parts[2]]
        return [*numbers, answers][: len(self._widths)]

    def close(self) -> None:
        """End the process."""
        self._child.communicate()

    def _line(self) -> bytes:
        line: bytes = self._child.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError(f"the process that scores ended with status {self._child.wait()}")
        return line


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    try:
        return bytes(cell).decode()
    except UnicodeDecodeError:
        raise BadRequest("found bytes that are no text in UTF-8, expected text") from None


_PLATFORMS: Mapping[str, Callable[[str, Mapping[str, Any]], Run]] = {
    "torch": _torch,
    "xgboost": _xgboost,
    "onnx": _onnx,
    "bundle": _Bundle,
}
