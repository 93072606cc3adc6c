"""Client: asks a server of the Open Inference Protocol, over HTTP with arrays in binary, or over gRPC."""

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from heddle.errors import HeddleError, problem
from heddle.extras import require
from heddle.serving.protocol import HEADER, read_tensors, write_tensors


class Client:
    """One connection to a server; not to be shared by threads.

    Args:
        address: http://HOST:PORT, or grpc://HOST:PORT (needs tritonclient).
    """

    def __init__(self, address: str, timeout: float = 60.0):
        parts = urlsplit(address)
        self._at = f"{parts.hostname}:{parts.port}"
        self._http: Any = None
        self._grpc: Any = None
        if parts.scheme == "grpc":
            self._triton = require("tritonclient.grpc", "serve")
            self._grpc = self._triton.InferenceServerClient(self._at)
        else:
            self._http = http.client.HTTPConnection(self._at, timeout=timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; an open one makes a server wait for its end."""
        (self._http or self._grpc).close()

    def ready(self) -> bool:
        """Tell whether the server can be reached and has all models ready."""
        try:
            if self._grpc is not None:
                return bool(self._grpc.is_server_ready())
            return self._ask("GET", "/v2/health/ready")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def metadata(self, model: str) -> dict[str, Any]:
        """Return a model's name, platform, inputs and outputs."""
        if self._grpc is not None:
            return dict(self._grpc.get_model_metadata(model, as_json=True))
        return self._checked("GET", f"/v2/models/{model}")

    def infer(self, model: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a model's outputs for inputs (name -> array [rows, ...]): name -> array [rows, ...].

        Raises:
            HeddleError: the server refuses; with its own words.
        """
        if self._grpc is not None:
            return self._infer_grpc(model, inputs)
        body, length = write_tensors("inputs", inputs, {"parameters": {"binary_data_output": True}})
        headers = {HEADER: str(length), "Content-Type": "application/octet-stream"}
        status, answer, head = self._ask("POST", f"/v2/models/{model}/infer", body, headers)
        if status != 200:
            raise HeddleError(
                problem(f"{model} at {self._at}", _words(answer, status), "an answer", "fix the request")
            )
        return read_tensors("outputs", answer, head)[0]

    def score(self, rows: Sequence[Mapping[str, Any]], append: bool = False) -> list[dict[str, Any]]:
        """Return what `heddle serve` says of raw rows of a table: outputs, probability, answer and rows used, of each.

        Args:
            append: whether they are appended after they were scored.

        Raises:
            HeddleError: the server refuses; with its own words.
        """
        body = json.dumps({"rows": list(rows), "append": append}).encode()
        status, answer, _ = self._ask("POST", "/v2/score", body, {"Content-Type": "application/json"})
        if status != 200:
            raise HeddleError(
                problem(f"score at {self._at}", _words(answer, status), "an answer", "fix the rows")
            )
        scores: list[dict[str, Any]] = json.loads(answer)["scores"]
        return scores

    def _infer_grpc(self, model: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        from heddle.serving.protocol import NAMES

        asked = []
        for name, array in inputs.items():
            entry = self._triton.InferInput(name, list(array.shape), NAMES[array.dtype])
            entry.set_data_from_numpy(np.ascontiguousarray(array))
            asked.append(entry)
        try:
            answer = self._grpc.infer(model, asked)
        except require("tritonclient.utils", "serve").InferenceServerException as error:
            raise HeddleError(
                problem(f"{model} at {self._at}", str(error), "an answer", "fix the request")
            ) from error
        return {entry.name: answer.as_numpy(entry.name) for entry in answer.get_response().outputs}

    def _checked(self, method: str, path: str) -> dict[str, Any]:
        status, answer, _ = self._ask(method, path)
        if status != 200:
            raise HeddleError(
                problem(f"{path} at {self._at}", _words(answer, status), "an answer", "fix the name")
            )
        answers: dict[str, Any] = json.loads(answer)
        return answers

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, int | None]:
        self._http.request(method, path, body, dict(headers or {}))
        answer = self._http.getresponse()
        length = answer.getheader(HEADER)
        return answer.status, answer.read(), None if length is None else int(length)


def infer(address: str, model: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a model's outputs for inputs (name -> array [rows, ...]), asked over a connection of its own.

    Raises:
        HeddleError: the server refuses; with its own words.
    """
    with Client(address) as client:
        return client.infer(model, inputs)


def _words(answer: bytes, status: int) -> str:
    try:
        return f"{json.loads(answer)['error']} (status {status})"
    except (ValueError, KeyError, TypeError):
        return f"status {status}"
