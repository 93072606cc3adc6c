"""TritonPythonModel: what Triton's python backend calls; copied into a repository as model.py, beside runtime.py."""

from __future__ import annotations  # the server's Python may be older

import os
from collections.abc import Mapping, Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Answers requests with the Runtime of its folder."""

    def initialize(self, args: Mapping[str, str]) -> None:
        if int(np.__version__.split(".")[0]) >= 2:
            raise pb_utils.TritonModelException(
                f"found numpy {np.__version__}, expected numpy < 2, with which Triton's python backend works; "
                "build the serving environment again"
            )
        folder = os.path.join(args["model_repository"], args["model_version"])
        path = os.path.join(folder, "runtime.py")
        self._module = ModuleType("heddle_runtime")
        SourceFileLoader("heddle_runtime", path).exec_module(self._module)
        self._runtime = self._module.Runtime(folder)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Compute all requests in one call; if one of them is bad, each by itself."""
        given = [{tensor.name(): tensor.as_numpy() for tensor in request.inputs()} for request in requests]
        if len(given) > 1:
            try:
                joined = {name: np.concatenate([inputs[name] for inputs in given]) for name in given[0]}
                outputs = self._runtime(joined)
                ends = np.cumsum([len(next(iter(inputs.values()))) for inputs in given])[:-1]
                parts = {name: np.split(array, ends) for name, array in outputs.items()}
                return [_response({name: parts[name][at] for name in parts}) for at in range(len(given))]
            except (KeyError, ValueError):
                pass
        return [self._one(inputs) for inputs in given]

    def finalize(self) -> None:
        """End what the model started."""
        self._runtime.close()

    def _one(self, inputs: Mapping[str, np.ndarray]) -> Any:
        try:
            return _response(self._runtime(inputs))
        except self._module.BadRequest as error:
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
            )


def _response(outputs: Mapping[str, np.ndarray]) -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in outputs.items()])
