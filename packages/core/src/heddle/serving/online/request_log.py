"""RequestLog: a line for each answered request, written a few at a time: a record each costs as much as an answer."""

import asyncio
import logging

SECONDS = 0.1
"""How long a line waits for others."""

MOST = 4096
"""Lines that wait at most."""


class RequestLog:
    """Lines of JSON without personal data, in the order of the answers: request, route, status, ms.

    Args:
        log: gets them as one record of several lines.
    """

    def __init__(self, log: logging.Logger):
        self._log = log
        self._waiting: list[tuple[bytes, str, int, float]] = []

    def add(self, request: bytes, route: str, status: int, seconds: float) -> None:
        """Add a request; its line is written within `SECONDS` by the running event loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(SECONDS, self.flush)
        self._waiting.append((request, route, status, seconds))
        if len(self._waiting) >= MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting and self._log.isEnabledFor(logging.INFO):
            self._log.info("%s", "\n".join(line_of(*each) for each in waiting))


def line_of(request: bytes, route: str, status: int, seconds: float) -> str:
    """Return the line of a request."""
    return f'{{"request": "{request.decode()}", "route": "{route}", "status": {status}, "ms": {seconds * 1e3:.3f}}}'
