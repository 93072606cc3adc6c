"""ReadingService: a bundle whose live graph another process of the server writes to."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

from heddle.data.etl.rows import RowError
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.live.log import NoSpaceError
from heddle.serving.online.limits import Refused
from heddle.serving.online.metrics import Metrics
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.peers import Peer, error_of
from heddle.serving.online.service import Row, Service

log = logging.getLogger(__name__)


class ReadingService(Service):
    """Scores rows in this process; appends go to the one that writes, and are seen here once they are acknowledged.

    Args:
        bundle: one that follows.
        writer: the process that appends.
    """

    def __init__(self, bundle: Bundle, options: ServeOptions, metrics: Metrics, writer: Peer):
        super().__init__(bundle, options, metrics)
        self._writer = writer
        self._renewing: asyncio.Task[None] | None = None

    async def append(self, table: str, rows: Sequence[Row]) -> int:
        """Append rows and return the append's number once it is on disk.

        Raises:
            RowError: a row that can't be read.
            NoSpaceError: it can't be kept.
            Refused: the process that appends is busy, or isn't there.
        """
        return int((await self._ask(f"/v2/rows/{table}", rows))["number"])

    async def erase(self, node_type: str, rows: Sequence[Row]) -> tuple[int, int]:
        """Erase nodes, and return how many were there and how many of their edges. Raises as `append`."""
        erased = await self._ask(f"/v2/erase/{node_type}", rows)
        await asyncio.to_thread(self._renew)
        return int(erased["erased"]), int(erased["edges"])

    async def _ask(self, path: str, rows: Sequence[Row]) -> dict[str, Any]:
        """Return what the process that writes answers. Raises as `append`."""
        status, answer = await self._writer.ask("POST", path, json.dumps({"rows": rows}).encode())
        if status == 200:
            content: dict[str, Any] = json.loads(answer)
            return content
        if status == 400:
            raise RowError(error_of(answer))
        if status == 507:
            raise NoSpaceError(error_of(answer))
        raise Refused(status, error_of(answer))

    def look(self) -> bool:
        """Take a new model, and what a compaction wrote; tell whether a model was taken."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(asyncio.to_thread(self._renew))
        return super().look()

    def gauges(self) -> dict[str, float]:
        """Return {}: the writer tells the live graph's."""
        return {}

    async def close(self) -> None:
        """Close the bundle."""
        if self._renewing is not None:
            await asyncio.wait([self._renewing])
        self.bundle.close()

    def _compact_soon(self) -> None:
        """Leave compactions to the process that writes."""

    def _renew(self) -> None:
        try:
            self.bundle.live.renew()
        except Exception:
            log.exception("what a compaction wrote can't be read yet; the state before is read on")
