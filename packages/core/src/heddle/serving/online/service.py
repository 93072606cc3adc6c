"""Service: scores and appends of concurrent requests: those that wait together are scored together."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.rows import Rows
from heddle.options.durations import duration
from heddle.serving.bundle.bundle import Bundle, Score
from heddle.serving.bundle.layout import FILE
from heddle.serving.live.log import NoSpaceError
from heddle.serving.online.metrics import Metrics
from heddle.serving.online.options import ServeOptions
from heddle.serving.reasons.explain import explain
from heddle.serving.reasons.reasons import Reasons

log = logging.getLogger(__name__)

Row = Mapping[str, Any]

DAY = 86400.0
"""Seconds between compactions that leave out what is too old, where nothing else wants one."""

TOGETHER = 4096
"""Rows of an append, unless one request has more."""


class _Waiting(NamedTuple):
    rows: Sequence[Row]
    alone: bool
    future: "asyncio.Future[list[Score]]"


class _Appending(NamedTuple):
    table: str
    rows: Sequence[Row]
    number: "asyncio.Future[int]"


class Service:
    """A bundle, asked by the requests of one event loop.

    Scores are computed in the loop itself, `options.batch` rows at a time: between two batches others are heard.
    """

    def __init__(self, bundle: Bundle, options: ServeOptions, metrics: Metrics):
        self.bundle, self.options, self.metrics = bundle, options, metrics
        self._waiting: list[_Waiting] = []
        self._scheduled = False
        self._appends: list[_Appending] = []
        self._committing: asyncio.Task[None] | None = None
        self._compacting: asyncio.Future[None] | None = None
        self._keep = None if options.keep is None else duration(options.keep, "serve.keep")
        self._kept_at: float | None = None
        self._seen = self._stamp()

    async def score(self, rows: Sequence[Row]) -> list[Score]:
        """Return the scores of rows, as they are known now, of one row with the rows looked at. Raises RowError."""
        size = self.options.batch
        if len(rows) <= size:
            return await self._waited(rows, alone=len(rows) == 1)
        scores: list[Score] = []
        for first in range(0, len(rows), size):
            scores += await self._waited(rows[first : first + size], alone=False)
            await asyncio.sleep(0)
        return scores

    async def _waited(self, rows: Sequence[Row], alone: bool) -> list[Score]:
        """Return the scores of rows once the loop has heard who else waits."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Score]] = loop.create_future()
        self._waiting.append(_Waiting(rows, alone, future))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)
        return await future

    def explain(self, row: Row, of: str | None) -> tuple[Score, Reasons]:
        """Return the score of a row and its reasons, both of one state. Raises as `heddle.serving.reasons.explain`."""
        rows, snapshot = self.bundle.rows([row]), self.bundle.live.snapshot()
        self.metrics.rows["explained"] += 1
        score = self.bundle.score(rows, snapshot)[0]
        return score, explain(self.bundle, rows, of, snapshot, np.array([score.outputs]))[0]

    async def append(self, table: str, rows: Sequence[Row]) -> int:
        """Append rows and return the append's number once it is on disk.

        Raises:
            RowError: a row that can't be read.
            NoSpaceError: it can't be kept.
        """
        number: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._appends.append(_Appending(table, rows, number))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        return await number

    async def erase(self, node_type: str, rows: Sequence[Row]) -> tuple[int, int]:
        """Erase nodes whose keys rows name, and return how many were there and how many of their edges.

        Raises:
            RowError: no such type, or a row without its key.
            NoSpaceError: the live graph can't be written anew.
        """
        keys = self.bundle.keys_of(node_type, self.bundle.rows(rows))
        erased: tuple[int, int] = await asyncio.to_thread(self.bundle.live.erase, node_type, keys)
        return erased

    def begin(self) -> None:
        """Begin what goes on beside requests; called once the server is there."""

    def look(self) -> bool:
        """Take a new model, if one lies in the bundle, and tell whether it did; what is broken is logged and left."""
        if self._keep is not None:
            self._compact_soon()
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self.bundle.reload()
        except Exception:
            log.exception("the bundle's new model can't be used; the one before answers on")
            return False
        log.info("took the bundle's new model")
        return True

    def gauges(self) -> dict[str, float]:
        """Return the gauges' values now."""
        live = self.bundle.live
        return {
            "heddle_live_entries": live.entries,
            "heddle_live_appends": live.last,
            "heddle_live_syncs": live.syncs,
        }

    async def close(self) -> None:
        """Wait for a compaction and close the bundle."""
        if self._committing is not None:
            await asyncio.wait([self._committing])
        if self._compacting is not None:
            await asyncio.wait([self._compacting])
        self.bundle.close()

    def _flush(self) -> None:
        """Score what waits, as many requests together as fit in a batch."""
        self._scheduled = False
        taken: list[_Waiting] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0].rows) <= self.options.batch):
            taken.append(self._waiting.pop(0))
            size += len(taken[-1].rows)
        if self._waiting:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)
        self.metrics.batches += 1
        self.metrics.rows["scored"] += size
        try:
            self._answer(taken)
        except Exception:
            for waiting in taken:  # each alone: one's fault isn't the others'
                try:
                    self._answer([waiting])
                except Exception as error:
                    if not waiting.future.done():
                        waiting.future.set_exception(error)

    def _answer(self, taken: Sequence[_Waiting]) -> None:
        for alone in (True, False):  # what a request gets depends on itself, not on who waits with it
            group = [waiting for waiting in taken if waiting.alone == alone]
            together: Rows = self.bundle.rows([row for waiting in group for row in waiting.rows])
            scores, at = self.bundle.score(together, alone=alone) if group else [], 0
            for waiting in group:
                part, at = scores[at : at + len(waiting.rows)], at + len(waiting.rows)
                if not waiting.future.done():
                    waiting.future.set_result(part)

    async def _commit_all(self) -> None:
        """Append what waits, as many requests together as came during the commit before: one encoding, one sync.

        Each group is encoded from a state that holds the groups before it, so that features of a row, such as the time
        since its card's last payment, are those of one order of all appends.
        """
        while self._appends:
            taken = [self._appends.pop(0)]
            size = len(taken[0].rows)
            while self._appends and self._appends[0].table == taken[0].table and size < TOGETHER:
                taken.append(self._appends.pop(0))
                size += len(taken[-1].rows)
            try:
                await self._commit(taken)
            except Exception:
                for one in taken:  # each by itself: a fault of one isn't the others'
                    try:
                        await self._commit([one])
                    except Exception as error:
                        if not one.number.done():
                            one.number.set_exception(error)
        self._committing = None

    async def _commit(self, taken: "Sequence[_Appending]") -> None:
        rows = self.bundle.rows([row for one in taken for row in one.rows])
        append = self.bundle.append_of(taken[0].table, rows)
        try:
            number = await asyncio.wrap_future(self.bundle.live.submit(append))
        finally:
            self._compact_soon()  # where there was no room, too
        self.metrics.rows["appended"] += rows.n
        for one in taken:
            if not one.number.done():
                one.number.set_result(number)

    def _compact_soon(self) -> None:
        if self._compacting is not None and not self._compacting.done():
            return
        live, now = self.bundle.live, time.monotonic()
        due = self._keep is not None and (self._kept_at is None or now - self._kept_at > DAY)
        if due or live.entries > self.options.compact_at * self.options.room_entries:
            self._kept_at = now
            self._compacting = asyncio.ensure_future(asyncio.to_thread(self._compact))

    def _compact(self) -> None:
        try:
            self.bundle.live.compact(None if self._keep is None else int(time.time()) - self._keep)
        except NoSpaceError:
            log.exception("the live graph can't be compacted")

    def _stamp(self) -> int:
        path = Path(self.bundle.root) / FILE
        return path.stat().st_mtime_ns if path.exists() else 0
