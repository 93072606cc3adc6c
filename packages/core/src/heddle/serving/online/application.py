"""Application: the routes of `heddle serve` for a bundle whose rows are scored and appended."""

import asyncio
from functools import partial
from typing import Any

import heddle
from heddle.extras import require
from heddle.serving.drift.counts import DAYS
from heddle.serving.live.layout import read_pointer
from heddle.serving.live.shipped import GoneError, LogReader
from heddle.serving.online.following import BASE
from heddle.serving.online.http import HTML, TEXT, Answer, Headers, HttpApplication, Reply
from heddle.serving.online.limits import Refused
from heddle.serving.online.metrics import Metrics
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.page.facts import facts
from heddle.serving.online.page.page import page
from heddle.serving.online.peers import OWN_METRICS
from heddle.serving.online.requests import Asked, Requests
from heddle.serving.online.service import Service
from heddle.serving.online.watching import Watch
from heddle.serving.reasons.picture import picture


class Application(HttpApplication):
    """Answers HTTP requests about one bundle.

    Args:
        service: what scores and appends.
        token: that requests must bring, None for none.
        number: of this process among the server's.
    """

    def __init__(
        self,
        service: Service,
        options: ServeOptions,
        metrics: Metrics,
        token: bytes | None = None,
        number: int = 0,
    ):
        super().__init__(options, metrics, token)
        self._service, self._model = service, f"/v2/models/{service.bundle.contents.name}"
        columns = max((len(of.fields) for of in service.bundle.encoders.values()), default=2)
        self._requests = Requests(options.rows, columns)
        self._encode = require("msgspec", "serve").json.encode
        self._shown: tuple[Any, bytes] | None = None
        self._log = LogReader(service.bundle.root / "live" / "log")
        self._watch_rows = Watch(service.bundle, options.drift_rows, number)

    def begin(self) -> None:
        """Begin what goes on beside requests."""
        self._service.begin()
        self._watch_rows.begin()

    def look(self) -> None:
        """Take a new model, if one lies in the bundle."""
        self._service.look()

    async def close(self) -> None:
        """Finish what was begun and close the bundle."""
        await self._watch_rows.close()
        await self._service.close()

    def is_open(self, path: str) -> bool:
        """Tell whether no token is asked for at a path: the page itself has nothing of the model."""
        return path == "/" or super().is_open(path)

    def answer_get(self, path: str) -> tuple[str, Reply]:
        """Return (route, answer) of a GET. Raises Refused."""
        bundle = self._service.bundle
        if path in ("/v2/health/live", "/v2/health/ready", f"{self._model}/ready"):
            return "health", Reply(b"", TEXT)
        if path == "/v2":
            about = {"name": "heddle", "version": heddle.__version__, "extensions": []}
            return "about", Reply(self._encode(about))
        if path == self._model:
            return "model", Reply(self._encode(self._requests.metadata(bundle, bundle.contents.name)))
        if path == "/v2/card":
            return "card", Reply(self._encode(bundle.contents.card))
        if path in ("/metrics", OWN_METRICS):
            return "metrics", Reply(self._metrics.text(self._service.gauges()).encode(), TEXT)
        if path == "/":
            return "page", Reply(page(), HTML)
        if path == "/v2/page":
            return "page", Reply(self._facts())
        if path == "/v2/drift" or path.startswith("/v2/drift/"):
            return "drift", self._drift(path.removeprefix("/v2/drift").removeprefix("/") or "7")
        if path.startswith("/v2/log/"):
            return "log", self._appends_after(path.removeprefix("/v2/log/"))
        raise Refused(404, f"path: found nothing at {path[:80]}, expected /v2, /metrics or /")

    def _appends_after(self, text: str) -> Reply:
        """Return the appends after a number, as they are in the log, for a server that follows this one."""
        live = self._service.bundle.live
        if not (text.isdecimal() and text.isascii() and len(text) < 19) or int(text) > live.last:
            raise Refused(
                409, f"log: found {text[:20]!r}, expected the number of an append up to {live.last}"
            )
        try:
            content = self._log.after(int(text), live.last)
        except GoneError:
            message = f"log: found append {text} compacted, expected a later one; copy the bundle anew"
            raise Refused(410, message) from None
        base = read_pointer(self._service.bundle.root / "live").state
        return Reply(content, b"application/octet-stream", ((BASE.encode(), base.encode()),))

    def _drift(self, days: str) -> Reply:
        """Return how what was asked in the last days lies against training."""
        if not (days.isdecimal() and days.isascii() and len(days) < 3 and 1 <= int(days) <= DAYS):
            raise Refused(400, f"drift: found {days[:20]!r} days, expected 1 to {DAYS}")
        if not self._options.drift_rows:
            raise Refused(404, "drift: found serve.drift_rows=0, expected rows that are counted")
        reported = self._watch_rows.report(int(days))
        if reported is None:
            expected = "a summary of training in the bundle"
            raise Refused(404, f"drift: found none, expected {expected}; export the run again")
        return Reply(self._encode(reported))

    def _facts(self) -> bytes:
        """Return what the page shows of the model that answers now; found out once for each."""
        bundle = self._service.bundle
        if self._shown is None or self._shown[0] is not bundle.contents:
            self._shown = bundle.contents, self._encode(facts(bundle))
        return self._shown[1]

    def find_post(self, path: str) -> tuple[str, Answer]:
        """Return (route, what answers) of a POST. Raises Refused."""
        if path == "/v2/score":
            return "score", self._scored
        if path == f"{self._model}/infer":
            return "infer", self._inferred
        if path.startswith("/v2/rows/") and (table := path.removeprefix("/v2/rows/")):
            return "rows", partial(self._appended, table)
        if path.startswith("/v2/erase/") and (node_type := path.removeprefix("/v2/erase/")):
            return "erase", partial(self._erased, node_type)
        raise Refused(
            404,
            f"path: found nothing at {path[:80]}, expected /v2/score, /v2/rows/TABLE or {self._model}/infer",
        )

    async def _erased(self, node_type: str, body: bytes, headers: Headers) -> Reply:
        nodes, edges = await self._service.erase(node_type, self._requests.asked(body, headers).rows)
        return Reply(self._encode({"erased": nodes, "edges": edges}))

    async def _scored(self, body: bytes, headers: Headers) -> Reply:
        return Reply(await self._score(self._requests.asked(body, headers)))

    async def _inferred(self, body: bytes, _: Headers) -> Reply:
        return Reply(await self._infer(body))

    async def _appended(self, table: str, body: bytes, headers: Headers) -> Reply:
        rows = self._requests.asked(body, headers).rows
        number = await self._service.append(table, rows)
        return Reply(self._encode({"appended": len(rows), "number": number}))

    async def _score(self, asked: Asked) -> bytes:
        reply: dict[str, Any]
        bundle, number = self._service.bundle, None
        if asked.append and len(bundle.target) == 1:  # a node is asked about once it is there
            rows = bundle.asked_of(bundle.rows(asked.rows))
            number = await self._service.append(bundle.encoders[bundle.target].name, asked.rows)
            asked = asked._replace(rows=rows)
        if asked.explain:
            reply = {"scores": await self._explained(asked)}
        else:
            reply = {"scores": [score._asdict() for score in await self._service.score(asked.rows)]}
        if asked.append:
            if number is None:
                number = await self._service.append(bundle.encoders[bundle.target].name, asked.rows)
            reply["number"] = number
        answer: bytes = self._encode(reply)
        return answer

    async def _explained(self, asked: Asked) -> list[dict[str, Any]]:
        """Return scores with their reasons."""
        if len(asked.rows) > self._options.batch:
            expected = f"{self._options.batch} at most with explain; send fewer at a time"
            raise Refused(413, f"rows: found {len(asked.rows)}, expected {expected}")
        scores = []
        for row in asked.rows:
            score, reasons = self._service.explain(
                row, asked.explain if isinstance(asked.explain, str) else None
            )
            scores.append({**score._asdict(), "reasons": reasons})
            if asked.picture:
                scores[-1]["picture"] = picture(reasons)
            await asyncio.sleep(0)  # others are heard between two rows
        return scores

    async def _infer(self, body: bytes) -> bytes:
        rows, name = self._requests.tensors(body)
        scores = await self._service.score(rows)
        answer: bytes = self._encode(self._requests.outputs(scores, self._service.bundle.contents.name, name))
        return answer
