"""http_server: a small server of the Open Inference Protocol over HTTP, for where Triton can't run.

`python -m heddle.serving.http_server REPOSITORY PORT` serves on 127.0.0.1 until it is stopped.
"""

import json
import re
import signal
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import heddle
from heddle.serving.local import LocalModel
from heddle.serving.protocol import HEADER, read_tensors, write_json, write_tensors
from heddle.serving.runtime import BadRequest
from heddle.serving.served import repository_models

MOST = 256 * 2**20
"""Bytes of the largest request that is read."""

_MODEL = re.compile(r"/v2/models/([\w-]+)(?:/versions/(\w+))?(?:/(ready|infer))?")


class Server(ThreadingHTTPServer):
    """The models of a repository behind one port of 127.0.0.1 (0 chooses one)."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, repository: Path, port: int = 0):
        self.models = {path.parent.name: LocalModel(path) for path in repository_models(repository)}
        self.locks = {name: threading.Lock() for name in self.models}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, float] = dict.fromkeys(self.models, 0.0)
        super().__init__(("127.0.0.1", port), Handler)

    def infer(self, name: str, body: bytes, length: int | None) -> tuple[bytes, int | None]:
        """Return the body of the answer to a request's, and how much of it is JSON, None if all.

        Raises:
            BadRequest: a body that isn't a request of the model, or outputs that it doesn't have.
        """
        started = time.perf_counter()
        inputs, request = read_tensors("inputs", body, length)
        with self.locks[name]:
            outputs = self.models[name](inputs)
        asked = request.get("outputs")
        asked = asked if isinstance(asked, list) else []
        names = [entry.get("name") for entry in asked if isinstance(entry, dict)]
        if len(names) != len(asked) or not set(names) <= set(outputs):
            raise BadRequest(f"outputs: found {names}, expected some of {sorted(outputs)}")
        chosen = {key: array for key, array in outputs.items() if not names or key in names}
        settings = [request.get("parameters"), *(entry.get("parameters") for entry in asked)]
        wishes = [wish for wish in settings if isinstance(wish, dict)]
        binary = any(wish.get("binary_data_output") or wish.get("binary_data") for wish in wishes)
        more = {"model_name": name, "model_version": "1"}
        if isinstance(request.get("id"), str):
            more["id"] = request["id"]
        self.seconds[name] += time.perf_counter() - started
        return (
            write_tensors("outputs", chosen, more) if binary else (write_json("outputs", chosen, more), None)
        )

    def metrics(self) -> str:
        """Return counts and times in Prometheus' text format."""
        lines = ["# TYPE heddle_requests_total counter"]
        lines += [
            f'heddle_requests_total{{model="{name}",outcome="{outcome}"}} {count}'
            for (name, outcome), count in sorted(self.counts.items())
        ]
        lines.append("# TYPE heddle_request_seconds_total counter")
        totals = sorted(self.seconds.items())
        lines += [f'heddle_request_seconds_total{{model="{name}"}} {total:.6f}' for name, total in totals]
        return "\n".join(lines) + "\n"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """Answer health, metadata and metrics."""
        path = self.path.partition("?")[0].rstrip("/")
        match = _MODEL.fullmatch(path)
        if path in ("/v2/health/live", "/v2/health/ready"):
            self._send(200, b"")
        elif path == "/v2":
            about = {"name": "heddle", "version": heddle.__version__, "extensions": ["binary_tensor_data"]}
            self._json(200, about)
        elif path == "/metrics":
            self._send(200, self.server.metrics().encode(), "text/plain; version=0.0.4")
        elif match and match[3] != "infer":
            if self._known(match):
                self._send(200, b"") if match[3] else self._json(200, self._metadata(match[1]))
        else:
            self._json(404, {"error": f"found nothing at {path}"})

    def do_POST(self) -> None:
        """Answer an inference."""
        match = _MODEL.fullmatch(self.path.partition("?")[0].rstrip("/"))
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > MOST:
            self.close_connection = True  # the body is not read
            self._json(413 if size.isdecimal() else 411, {"error": f"expected a Content-Length up to {MOST}"})
            return
        body = self.rfile.read(int(size))
        if not match or match[3] != "infer":
            self._json(404, {"error": f"found nothing at {self.path}"})
        elif self._known(match):
            self._infer(match[1], body)

    def _infer(self, name: str, body: bytes) -> None:
        length = self.headers.get(HEADER)
        try:
            if length is not None and (not length.isdecimal() or int(length) > len(body)):
                raise BadRequest(
                    f"{HEADER}: found {length}, expected at most the {len(body)} bytes of the body"
                )
            answer, head = self.server.infer(name, body, None if length is None else int(length))
        except BadRequest as error:
            self.server.counts[name, "refused"] += 1
            self._json(400, {"error": str(error)})
        except Exception as error:  # a request must never end the server
            self.server.counts[name, "failed"] += 1
            self._json(500, {"error": f"{type(error).__name__}: {error}"})
        else:
            self.server.counts[name, "answered"] += 1
            self._send(200, answer, "application/json" if head is None else "application/octet-stream", head)

    def _known(self, match: "re.Match[str]") -> bool:
        if match[1] in self.server.models and match[2] in (None, "1"):
            return True
        self._json(
            404,
            {
                "error": f"found model {match[1]!r} version {match[2] or 1}, expected {list(self.server.models)}"
            },
        )
        return False

    def _metadata(self, name: str) -> dict[str, Any]:
        facts = self.server.models[name].facts
        sides = {
            side: [
                {"name": spec["name"], "datatype": spec["dtype"], "shape": [-1, spec["width"]]}
                for spec in facts[side]
            ]
            for side in ("inputs", "outputs")
        }
        return {"name": name, "versions": ["1"], "platform": f"heddle_{facts['platform']}", **sides}

    def _json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(
        self, status: int, body: bytes, content_type: str = "text/plain", head: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if head is not None:
            self.send_header(HEADER, str(head))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of single requests; `metrics` counts them."""


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    server = Server(Path(sys.argv[1]), int(sys.argv[2]))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()


if __name__ == "__main__":
    main()
