"""Application: the routes of `heddle serve` as one ASGI application."""

import asyncio
import json
import logging
import re
import secrets
import time
from typing import Any

import heddle
from heddle.data.etl.rows import RowError
from heddle.errors import ConfigError, GraphError
from heddle.extras import require
from heddle.serving.live.log import NoSpaceError
from heddle.serving.online.limits import LOCAL, Door, Refused, check_head, too_large
from heddle.serving.online.metrics import Metrics
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.page.facts import facts
from heddle.serving.online.page.page import page
from heddle.serving.online.requests import Asked, Requests
from heddle.serving.online.service import Service
from heddle.serving.reasons.picture import picture

log = logging.getLogger("heddle.requests")

MODEL = "model"
BODIES = 16
"""Bytes of all bodies that aren't whole yet, in largest bodies."""

_ID = re.compile(rb"[\w-]{1,64}")
_JSON, _TEXT, _HTML = b"application/json", b"text/plain; version=0.0.4", b"text/html; charset=utf-8"


class Application:
    """Answers HTTP requests about one bundle.

    Args:
        service: what scores and appends.
        token: that requests must bring, None for none.
    """

    def __init__(self, service: Service, options: ServeOptions, metrics: Metrics, token: bytes | None = None):
        hosts = "*" if "*" in options.hosts else LOCAL | {host.lower() for host in options.hosts}
        self._door = Door(hosts, token, options.body_bytes)
        self._service, self._options, self._metrics = service, options, metrics
        columns = max((len(of.fields) for of in service.bundle.encoders.values()), default=2)
        self._requests = Requests(options.rows, columns)
        self._encode = require("msgspec", "serve").json.encode
        self._busy = self._held = self._count = 0
        self._prefix = secrets.token_hex(6)
        self._watch: asyncio.Task[None] | None = None
        self._shown: tuple[Any, bytes] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection's request, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._options.reload_seconds:
                    self._watch = asyncio.create_task(self._look())
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._watch is not None:
                    self._watch.cancel()
                await self._service.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._options.reload_seconds)
            self._service.look()

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        started, route, status = time.perf_counter(), "other", 500
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        given = headers.get(b"x-request-id", [b""])[0]
        self._count += 1
        request = given if _ID.fullmatch(given) else b"%s-%x" % (self._prefix.encode(), self._count)
        content_type, more = _JSON, []
        try:
            route, content, content_type = await self._answer(scope, headers, receive)
            status = 200
        except Refused as error:
            status, content = error.status, _error(error.message)
            more = [(b"connection", b"close")] if status in (400, 408, 411, 413) else []
            if status == 429:
                more = [(b"retry-after", b"1")]
        except (RowError, GraphError, ConfigError) as error:
            status, content = 400, _error(str(error))
        except NoSpaceError as error:
            status, content = 507, _error(str(error))
        except Exception:
            log.exception("request %s", request.decode())
            content = _error(f"the server failed; its log tells why of request {request.decode()}")
        if scope["method"] == "HEAD":
            content = b""
        head = [
            (b"content-type", content_type if status == 200 else _JSON),
            (b"content-length", str(len(content)).encode()),
            (b"x-request-id", request),
            (b"x-content-type-options", b"nosniff"),
            *more,
        ]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": content})
        seconds = time.perf_counter() - started
        self._metrics.answered(route, status, seconds)
        log.info(
            '{"request": "%s", "route": "%s", "status": %d, "ms": %.3f}',
            request.decode(),
            route,
            status,
            seconds * 1e3,
        )

    async def _answer(self, scope: Any, headers: Any, receive: Any) -> tuple[str, bytes, bytes]:
        """Return (route, body, its type) of a request. Raises Refused, and as Service does."""
        path, method = scope["path"], scope["method"]
        health = path in ("/v2/health/live", "/v2/health/ready", f"/v2/models/{MODEL}/ready")
        check_head(self._door, headers, open_to_all=health)
        if method in ("GET", "HEAD"):
            return self._get(path, health)
        if method != "POST":
            raise Refused(405, f"method: found {method[:16]}, expected GET or POST")
        route = "infer" if path == f"/v2/models/{MODEL}/infer" else "score" if path == "/v2/score" else ""
        table = path.removeprefix("/v2/rows/") if path.startswith("/v2/rows/") else ""
        if not route and not table:
            raise Refused(
                404, f"path: found nothing at {path[:80]}, expected /v2/score, /v2/rows/TABLE or /v2"
            )
        body = await self._body(receive)
        if self._busy >= self._options.concurrency:
            raise Refused(429, f"found {self._busy} requests at work, expected fewer; come again in a second")
        self._busy += 1
        try:
            if table:
                return "rows", await self._append(table, body), _JSON
            return route, await (self._score(body) if route == "score" else self._infer(body)), _JSON
        finally:
            self._busy -= 1

    def _get(self, path: str, health: bool) -> tuple[str, bytes, bytes]:
        if health:
            return "health", b"", _TEXT
        if path == "/v2":
            about = {"name": "heddle", "version": heddle.__version__, "extensions": []}
            return "about", self._encode(about), _JSON
        if path == f"/v2/models/{MODEL}":
            return "model", self._encode(self._requests.metadata(self._service.bundle, MODEL)), _JSON
        if path == "/v2/card":
            return "card", self._encode(self._service.bundle.contents.card), _JSON
        if path == "/metrics":
            return "metrics", self._metrics.text(self._service.gauges()).encode(), _TEXT
        if path == "/":
            return "page", page(), _HTML
        if path == "/v2/page":
            return "page", self._facts(), _JSON
        raise Refused(404, f"path: found nothing at {path[:80]}, expected /v2, /metrics or /")

    def _facts(self) -> bytes:
        """Return what the page shows of the model that answers now; found out once for each."""
        bundle = self._service.bundle
        if self._shown is None or self._shown[0] is not bundle.contents:
            self._shown = bundle.contents, self._encode(facts(bundle))
        return self._shown[1]

    async def _body(self, receive: Any) -> bytes:
        """Return a request's body. Raises Refused: too large, too slow, or gone."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._options.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(400, "body: found its end before it was whole")
                    part = message.get("body", b"")
                    size += len(part)
                    self._held += len(part)
                    if size > self._door.body_bytes:
                        raise too_large(self._door)
                    if self._held > BODIES * self._door.body_bytes:
                        raise Refused(429, "found too many bodies that aren't whole; come again in a second")
                    parts.append(part)
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            expected = f"all of it within {self._options.body_seconds:g} seconds"
            raise Refused(408, f"body: found {size} bytes, expected {expected}") from None
        finally:
            self._held -= size

    async def _append(self, table: str, body: bytes) -> bytes:
        rows = self._requests.rows(body).rows
        number = await self._service.append(table, rows)
        answer: bytes = self._encode({"appended": len(rows), "number": number})
        return answer

    async def _score(self, body: bytes) -> bytes:
        asked = self._requests.rows(body)
        reply: dict[str, Any]
        if asked.explain:
            reply = {"scores": await self._explained(asked)}
        else:
            reply = {"scores": [score._asdict() for score in await self._service.score(asked.rows)]}
        if asked.append:
            encoder = self._service.bundle.encoders.get(self._service.bundle.target)
            if encoder is None:
                raise Refused(
                    400, "append: found a model of nodes, expected one of a table's rows; use /v2/rows/TABLE"
                )
            reply["number"] = await self._service.append(encoder.name, asked.rows)
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
        answer: bytes = self._encode(self._requests.outputs(scores, MODEL, name))
        return answer


def _error(message: str) -> bytes:
    return json.dumps({"error": message}).encode()
