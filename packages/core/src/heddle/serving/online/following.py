"""FollowingService: a bundle whose live graph repeats what is appended to another server's, on another machine."""

import asyncio
import http.client
import logging
import ssl
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from heddle.errors import ConfigError, HeddleError, problem
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.live.batch import from_bytes
from heddle.serving.live.layout import read_pointer
from heddle.serving.live.shipped import shipped
from heddle.serving.online.limits import Refused
from heddle.serving.online.metrics import Metrics
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.peers import error_of
from heddle.serving.online.service import Row, Service

log = logging.getLogger(__name__)

BASE = "heddle-base"
"""The header by which a server tells the prepared folder that its appends come after."""

AGAIN = 1.0
"""Seconds until the other server is asked again after it failed."""


class Leader:
    """The server whose appends are repeated.

    Args:
        address: http://HOST:PORT or https://HOST:PORT.
        token: that it wants, None for none.

    Raises:
        ConfigError: another address.
    """

    def __init__(self, address: str, token: bytes | None):
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(problem("serve.follow", repr(address), "http://HOST:PORT", "write it so"))
        self.address = address
        host, port = parts.hostname, parts.port
        self._connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(host, port, timeout=20, context=ssl.create_default_context())
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=20)
        )
        self._headers = {} if token is None else {"Authorization": f"Bearer {token.decode()}"}

    def after(self, number: int, base: str) -> bytes:
        """Return the frames after a number. Raises HeddleError: it isn't there, refuses, or has another base."""
        try:
            self._connection.request("GET", f"/v2/log/{number}", headers=self._headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise HeddleError(
                problem(f"serve.follow={self.address}", str(error), "a server", "start it")
            ) from error
        if answer.status != 200:
            actual, do = f"status {answer.status} ({error_of(content)})", "see what it says"
            raise HeddleError(problem(f"serve.follow={self.address}", actual, "its appends", do))
        if answer.getheader(BASE) != base:
            expected, do = "a bundle over the same prepared folder", "copy bundle and folder from there"
            raise HeddleError(problem(f"serve.follow={self.address}", "another", expected, do))
        return content

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class FollowingService(Service):
    """Scores rows, and repeats every append of another server in its order; takes none itself."""

    def __init__(self, bundle: Bundle, options: ServeOptions, metrics: Metrics, leader: Leader):
        super().__init__(bundle, options, metrics)
        self._leader, self._base = leader, read_pointer(bundle.root / "live").state
        self._task: asyncio.Task[None] | None = None
        self._asked = time.monotonic()

    async def append(self, table: str, rows: Sequence[Row]) -> int:
        """Refuse rows: they are appended to the other server.

        Raises:
            Refused: always.
        """
        raise Refused(409, f"append: found a server that follows {self._leader.address}; append there")

    def begin(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._follow())

    def gauges(self) -> dict[str, float]:
        """Return the gauges' values now, and how long ago the other server answered."""
        return {**super().gauges(), "heddle_followed_seconds_ago": time.monotonic() - self._asked}

    async def close(self) -> None:
        """Stop to follow and close the bundle."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._leader.close()
        await super().close()

    async def _follow(self) -> None:
        """Repeat appends until it is stopped; what goes wrong is logged once until it goes well again."""
        live, said = self.bundle.live, ""
        while True:
            try:
                content = await asyncio.to_thread(self._leader.after, live.last, self._base)
                self._asked, said = time.monotonic(), ""
                futures = [live.submit(from_bytes(each)) for each in shipped(content, live.last)]
                for future in futures:
                    await asyncio.wrap_future(future)
                self._compact_soon()
                await asyncio.sleep(0 if content else self.options.follow_seconds)
            except HeddleError as error:
                if str(error) != said:
                    log.error("appends aren't followed: %s", error)
                said = str(error)
                self._compact_soon()  # where there was no room, too
                await asyncio.sleep(AGAIN)
