"""HttpApplication: what every application does with HTTP requests: it refuses, counts, logs and answers them."""

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from heddle.data.etl.rows import RowError
from heddle.errors import ConfigError, GraphError
from heddle.serving.live.log import NoSpaceError
from heddle.serving.online.limits import LOCAL, Door, Refused, Unpacker, check_head, too_large
from heddle.serving.online.metrics import Metrics
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.peers import OWN_METRICS, Peer, summed
from heddle.serving.online.request_log import RequestLog
from heddle.serving.runtime import BadRequest

log = logging.getLogger("heddle.requests")

BODIES = 16
"""Bytes of all bodies that aren't whole yet, in largest bodies."""

Headers = Mapping[bytes, list[bytes]]
"""Name in lower case -> every value."""

JSON, TEXT, HTML = b"application/json", b"text/plain; version=0.0.4", b"text/html; charset=utf-8"

_ID = re.compile(rb"[\w-]{1,64}")
_HEALTH = re.compile(r"/v2/health/(live|ready)|/v2/models/[\w-]+(/versions/\w+)?/ready")


class Reply(NamedTuple):
    """An answer: its body, the body's type, and headers besides."""

    content: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Beside(Protocol):
    """Another way in than HTTP."""

    async def begin(self) -> None:
        """Begin to listen."""

    async def close(self) -> None:
        """Finish what was begun."""


Answer = Callable[[bytes, Headers], Awaitable[Reply]]
"""(body, headers) -> what a POST is answered with."""


class HttpApplication:
    """Answers HTTP requests.

    Args:
        token: that requests must bring, None for none.

    Attributes:
        peers: the server's other processes, whose metrics are reported too.
        beside: another way in, begun and ended with this one; None for none.
    """

    def __init__(self, options: ServeOptions, metrics: Metrics, token: bytes | None = None):
        hosts = "*" if "*" in options.hosts else LOCAL | {host.lower() for host in options.hosts}
        self._door = Door(hosts, token, options.body_bytes)
        self._options, self._metrics = options, metrics
        self._busy = self._held = self._count = 0
        self._prefix = secrets.token_hex(6)
        self._lines = RequestLog(log)
        self._watch: asyncio.Task[None] | None = None
        self.peers: Sequence[Peer] = ()
        self.beside: Beside | None = None

    def answer_get(self, path: str) -> tuple[str, Reply]:
        """Return (route, answer) of a GET. Raises Refused."""
        raise NotImplementedError

    def find_post(self, path: str) -> tuple[str, Answer]:
        """Return (route, what answers) of a POST. Raises Refused."""
        raise NotImplementedError

    def is_open(self, path: str) -> bool:
        """Tell whether no token is asked for at a path."""
        return _HEALTH.fullmatch(path) is not None

    def begin(self) -> None:
        """Begin what goes on beside requests."""

    def look(self) -> None:
        """Take what was exported again; called every `reload_seconds`."""

    async def close(self) -> None:
        """Finish what was begun."""

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
                self.begin()
                if self.beside is not None:
                    await self.beside.begin()
                if self._options.reload_seconds:
                    self._watch = asyncio.create_task(self._look())
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._watch is not None:
                    self._watch.cancel()
                if self.beside is not None:
                    await self.beside.close()
                await self.close()
                self._lines.flush()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._options.reload_seconds)
            self.look()

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        started, route, status = time.perf_counter(), "other", 500
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        given = headers.get(b"x-request-id", [b""])[0]
        self._count += 1
        request = given if _ID.fullmatch(given) else b"%s-%x" % (self._prefix.encode(), self._count)
        content_type, more = JSON, []
        try:
            route, (content, content_type, added) = await self._answer(scope, headers, receive)
            status, more = 200, list(added)
        except Refused as error:
            status, content = error.status, _error(error.message)
            more = [(b"connection", b"close")] if status in (400, 408, 411, 413) else []
            if status == 429:
                more = [(b"retry-after", b"1")]
        except (RowError, GraphError, ConfigError, BadRequest) as error:
            status, content = 400, _error(str(error))
        except NoSpaceError as error:
            status, content = 507, _error(str(error))
        except Exception:
            log.exception("request %s", request.decode())
            content = _error(f"the server failed; its log tells why of request {request.decode()}")
        if scope["method"] == "HEAD":
            content = b""
        head = [
            (b"content-type", content_type if status == 200 else JSON),
            (b"content-length", str(len(content)).encode()),
            (b"x-request-id", request),
            (b"x-content-type-options", b"nosniff"),
            *more,
        ]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": content})
        seconds = time.perf_counter() - started
        self._metrics.answered(route, status, seconds)
        self._lines.add(request, route, status, seconds)

    async def _answer(self, scope: Any, headers: Headers, receive: Any) -> tuple[str, Reply]:
        """Return (route, answer) of a request. Raises Refused, and as the subclass does."""
        path, method = scope["path"], scope["method"]
        check_head(self._door, headers, open_to_all=self.is_open(path))
        if method in ("GET", "HEAD"):
            return (
                await self._metrics_of_all() if path == "/metrics" and self.peers else self.answer_get(path)
            )
        if method != "POST":
            raise Refused(405, f"method: found {method[:16]}, expected GET or POST")
        route, answer = self.find_post(path)
        body = await self._body(headers, receive)
        return route, await self._worked(answer, body, headers)

    async def answer_post(self, path: str, body: bytes) -> Reply:
        """Return the answer of a POST that came by another way than HTTP. Raises Refused, and as the subclass does."""
        return await self._worked(self.find_post(path)[1], body, {})

    async def _worked(self, answer: Answer, body: bytes, headers: Headers) -> Reply:
        """Return an answer, unless too many are at work. Raises Refused."""
        if self._busy >= self._options.concurrency:
            raise Refused(429, f"found {self._busy} requests at work, expected fewer; come again in a second")
        self._busy += 1
        try:
            return await answer(body, headers)
        finally:
            self._busy -= 1

    async def _metrics_of_all(self) -> tuple[str, Reply]:
        """Return the metrics of all processes of the server; one that isn't there is left out."""
        texts = [self.answer_get(OWN_METRICS)[1].content.decode()]
        for answer in await asyncio.gather(
            *(peer.ask("GET", OWN_METRICS) for peer in self.peers), return_exceptions=True
        ):
            if not isinstance(answer, BaseException) and answer[0] == 200:
                texts.append(answer[1].decode())
        return "metrics", Reply(summed(texts).encode(), TEXT)

    async def _body(self, headers: Headers, receive: Any) -> bytes:
        """Return a request's body, unpacked. Raises Refused: too large, too slow, gone, or no gzip that says it is."""
        parts: list[bytes] = []
        size = held = 0
        unpacker = Unpacker(self._door) if headers.get(b"content-encoding") == [b"gzip"] else None
        deadline = _Deadline(self._options.body_seconds)
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "body: found its end before it was whole")
                part = message.get("body", b"")
                size += len(part)
                if size > self._door.body_bytes:
                    raise too_large(self._door)
                if unpacker is not None and part:
                    part = unpacker.add(part)
                held += len(part)
                self._held += len(part)
                if self._held > BODIES * self._door.body_bytes:
                    raise Refused(429, "found too many bodies that aren't whole; come again in a second")
                parts.append(part)
                if not message.get("more_body"):
                    if unpacker is not None:
                        unpacker.end()
                    return b"".join(parts)
        except asyncio.CancelledError:
            if not deadline.over or deadline.task.uncancel():  # it was others who cancelled
                raise
            expected = f"all of it within {self._options.body_seconds:g} seconds"
            raise Refused(408, f"body: found {size} bytes, expected {expected}") from None
        finally:
            deadline.timer.cancel()
            self._held -= held


class _Deadline:
    """What `asyncio.timeout` does for one body, without its context: cancels the running task once a time is over."""

    def __init__(self, seconds: float):
        self.task: Any = asyncio.current_task()
        self.timer = asyncio.get_running_loop().call_later(seconds, self._end)
        self.over = False

    def _end(self) -> None:
        self.over = True
        self.task.cancel()


def _error(message: str) -> bytes:
    return json.dumps({"error": message}).encode()
