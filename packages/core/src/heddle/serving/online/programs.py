"""ProgramsApplication: the Open Inference Protocol for models of named tensors, such as ids of nodes in, logits out."""

import asyncio
import html
import json
import logging
import math
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import heddle
from heddle.serving.local import LocalModel
from heddle.serving.online.http import HTML, TEXT, Answer, Headers, HttpApplication, Reply
from heddle.serving.online.limits import Refused
from heddle.serving.online.metrics import Metrics
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.peers import OWN_METRICS
from heddle.serving.protocol import HEADER, read_tensors, write_json, write_tensors
from heddle.serving.runtime import BadRequest
from heddle.serving.served import repository_models

log = logging.getLogger(__name__)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>heddle</title></head><body>
<h1>heddle</h1><ul>ENTRIES</ul>
<p>POST /v2/models/NAME/infer, of the Open Inference Protocol; GET /metrics.</p>
</body></html>
"""

_MODEL = re.compile(r"/v2/models/([\w-]+)(?:/versions/1)?(?:/(ready|infer))?")
_FIELDS = ("id", str, "text"), ("outputs", list, "a list"), ("parameters", dict, "an object")
_HEADER = HEADER.lower().encode()


class ProgramsApplication(HttpApplication):
    """Answers HTTP requests about the models of a repository; they compute in a thread of their own.

    Args:
        repository: folder of `heddle.serving.repository.write_repository`.
        token: that requests must bring, None for none.
    """

    def __init__(self, repository: Path, options: ServeOptions, metrics: Metrics, token: bytes | None = None):
        super().__init__(options, metrics, token)
        self._repository, self._seen = repository, _stamp(repository)
        self._models = _models(repository)
        self._thread = ThreadPoolExecutor(1, "heddle-programs")

    def look(self) -> None:
        """Take the models that were exported again; what is broken is logged and left."""
        stamp = _stamp(self._repository)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._models = _models(self._repository)
        except Exception:
            log.exception("the new models can't be used; those before answer on")

    async def close(self) -> None:
        """Finish what was begun."""
        self._thread.shutdown()
        for model in self._models.values():
            model.close()

    def answer_get(self, path: str) -> tuple[str, Reply]:
        """Return (route, answer) of a GET. Raises Refused."""
        match = _MODEL.fullmatch(path)
        if path in ("/v2/health/live", "/v2/health/ready"):
            return "health", Reply(b"", TEXT)
        if path == "/v2":
            about = {"name": "heddle", "version": heddle.__version__, "extensions": ["binary_tensor_data"]}
            return "about", Reply(json.dumps(about).encode())
        if match and match[2] != "infer":
            model = self._model(match[1])
            return ("health", Reply(b"", TEXT)) if match[2] else ("model", Reply(_metadata(match[1], model)))
        if path in ("/metrics", OWN_METRICS):
            return "metrics", Reply(self._metrics.text({}).encode(), TEXT)
        if path == "/":
            return "page", Reply(self._page(), HTML)
        raise Refused(404, f"path: found nothing at {path[:80]}, expected /v2, /metrics or /")

    def find_post(self, path: str) -> tuple[str, Answer]:
        """Return (route, what answers) of a POST. Raises Refused."""
        match = _MODEL.fullmatch(path)
        if match and match[2] == "infer":
            return "infer", partial(self._infer, match[1], self._model(match[1]))
        expected = (
            f"/v2/models/{next(iter(self._models))}/infer: rows are scored by a run on a prepared folder"
        )
        raise Refused(404, f"path: found nothing at {path[:80]}, expected {expected}")

    async def _infer(self, name: str, model: LocalModel, body: bytes, headers: Headers) -> Reply:
        given = headers.get(_HEADER, [])
        if len(given) > 1 or (given and not (given[0].isdigit() and int(given[0][:20]) <= len(body))):
            actual = b", ".join(given)[:40].decode("latin-1")
            raise BadRequest(f"{HEADER}: found {actual}, expected at most the {len(body)} bytes of the body")
        length = int(given[0]) if given else None
        if body.count(b",", 0, length) > _most_commas(model):  # looked at before anything is made of it
            most = model.facts["max_batch"]
            raise Refused(413, f"body: found more values than {most} rows have; send fewer at a time")
        inputs, request = read_tensors("inputs", body, length)
        for field, held, expected in _FIELDS:
            if field in request and not isinstance(request[field], held):
                raise BadRequest(f"{field}: found {str(request[field])[:80]}, expected {expected}")
        outputs = await asyncio.get_running_loop().run_in_executor(self._thread, model, inputs)
        self._metrics.rows[name] += len(next(iter(inputs.values())))
        asked = request.get("outputs", [])
        names = [entry.get("name") for entry in asked if isinstance(entry, dict)]
        if len(names) != len(asked) or not all(isinstance(of, str) and of in outputs for of in names):
            raise BadRequest(f"outputs: found {str(names)[:80]}, expected some of {sorted(outputs)}")
        chosen = {key: array for key, array in outputs.items() if not names or key in names}
        settings = [request.get("parameters"), *(entry.get("parameters") for entry in asked)]
        wishes = [wish for wish in settings if isinstance(wish, dict)]
        more = {"model_name": name, "model_version": "1"}
        if "id" in request:
            more["id"] = request["id"]
        if not any(wish.get("binary_data_output") or wish.get("binary_data") for wish in wishes):
            return Reply(write_json("outputs", chosen, more))
        content, length = write_tensors("outputs", chosen, more)
        return Reply(content, b"application/octet-stream", ((_HEADER, str(length).encode()),))

    def _page(self) -> bytes:
        entries = "".join(
            f"<li>{html.escape(name)}: {_specs(of.facts['inputs'])} to {_specs(of.facts['outputs'])}</li>"
            for name, of in self._models.items()
        )
        return _PAGE.replace("ENTRIES", entries).encode()

    def _model(self, name: str) -> LocalModel:
        if name not in self._models:
            raise Refused(404, f"model: found {name!r}, expected one of {list(self._models)}")
        return self._models[name]


def _models(repository: Path) -> dict[str, LocalModel]:
    return {path.parent.name: LocalModel(path) for path in repository_models(repository)}


def _most_commas(model: LocalModel) -> float:
    """Return how many commas the JSON of the largest request has at most; of text any number, which is text's own."""
    facts: Any = model.facts
    if any(spec["dtype"] == "BYTES" for spec in facts["inputs"]):
        return math.inf
    return 1024 + 2 * int(facts["max_batch"]) * sum(int(spec["width"]) for spec in facts["inputs"])


def _stamp(repository: Path) -> list[int]:
    return [(path / "heddle.json").stat().st_mtime_ns for path in repository_models(repository)]


def _specs(specs: Any) -> str:
    named = (f"{spec['name']} {spec['dtype']} [rows, {spec['width']}]" for spec in specs)
    return html.escape(", ".join(named))


def _metadata(name: str, model: LocalModel) -> bytes:
    facts: Any = model.facts
    sides = {
        side: [
            {"name": spec["name"], "datatype": spec["dtype"], "shape": [-1, spec["width"]]}
            for spec in facts[side]
        ]
        for side in ("inputs", "outputs")
    }
    metadata = {"name": name, "versions": ["1"], "platform": f"heddle_{facts['platform']}", **sides}
    return json.dumps(metadata).encode()
