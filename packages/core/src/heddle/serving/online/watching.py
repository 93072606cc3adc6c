"""Watch: counts what a server is asked and what it says, in bins of training, beside the requests."""

import asyncio
import contextlib
import logging
from typing import Any

import numpy as np

from heddle.serving.bundle.bundle import Bundle
from heddle.serving.drift.counts import Counts, file_of, files_in, read_all, read_counts
from heddle.serving.drift.report import report
from heddle.serving.drift.summary import Summary
from heddle.serving.drift.values import Input, columns_asked, encoded_asked, scores_of
from heddle.serving.live.graph import Snapshot
from heddle.serving.scoring.encoded import Encoded
from heddle.serving.scoring.scorer import Questions

log = logging.getLogger(__name__)

SECONDS, WRITES = 1.0, 10
"""Between counts; counts until they are written to disk."""


class Watch:
    """Counts the first rows of each second; a request only leaves its arrays behind.

    Args:
        bundle: whose scores are watched.
        most: rows a second that are counted; the others are asked, but not looked at.
        number: of this process among the server's; 0 takes over what processes that are gone have counted.
    """

    def __init__(self, bundle: Bundle, most: int, number: int = 0):
        self._bundle, self._most, self._number = bundle, most, number
        self._asked = self._held = 0
        self._pending: list[tuple[Snapshot, Questions, np.ndarray]] = []
        self._counts: Counts | None = None
        self._changed = False
        self._task: asyncio.Task[None] | None = None
        self._take()
        if number == 0:
            self._take_over()

    def begin(self) -> None:
        """Begin to count."""
        if self._most:
            self._bundle.watch = self.see
            self._task = asyncio.create_task(self._go_on())

    async def close(self) -> None:
        """Count what is left, write and end."""
        if self._task is not None:
            self._bundle.watch = None
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self.count()
            self._write()

    def see(self, snapshot: Snapshot, questions: Questions, outputs: np.ndarray) -> None:
        """Keep what was asked and said until it is counted, unless there is enough of this second."""
        n = len(questions.ends)
        self._asked += n
        if self._held < self._most:
            self._held += n
            self._pending.append((snapshot, questions, np.array(outputs)))

    def count(self) -> None:
        """Count what was kept."""
        pending, asked, counted = self._pending, self._asked, self._held
        self._pending, self._asked, self._held = [], 0, 0
        if not pending:
            return
        if self._counts is not None and self._counts.summary == self._bundle.contents.training:
            self._counts.add(asked, counted, self._binned(self._counts.summary, pending))
            self._changed = True
        else:
            self._take()  # another model: what the one before was asked is of other bins

    def report(self, days: int) -> dict[str, Any] | None:
        """Return the report over all processes of the server; None for a bundle without a summary of training."""
        self.count()
        if self._counts is None:
            return None
        counts = read_all(self._counts.summary, self._bundle.root, but=self._number)
        counts.add_all(self._counts)
        return report(counts, days)

    def _take(self) -> None:
        """Begin with what this process has on disk about the model that answers now."""
        summary = self._bundle.contents.training
        self._counts = (
            None if summary is None else read_counts(summary, file_of(self._bundle.root, self._number))
        )
        self._inputs: tuple[Input, ...] = ()
        if summary is not None and summary.columns:
            target = self._bundle.target
            key = target if len(target) > 1 else (self._bundle.key_type,)
            self._inputs = columns_asked(self._bundle.encoders.get(key))

    def _take_over(self) -> None:
        """Add what other processes of a server before this one have counted, and remove their files."""
        root = self._bundle.root
        others = [path for path in files_in(root) if path != file_of(root, self._number)]
        if not others or self._counts is None:
            return
        self._counts.add_all(read_all(self._counts.summary, root, but=self._number))
        try:
            self._counts.write(file_of(root, self._number))
            for path in others:
                path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("counts for the drift report can't be kept: %s", error)

    def _binned(
        self, summary: Summary, pending: list[tuple[Snapshot, Questions, np.ndarray]]
    ) -> list[np.ndarray]:
        bundle, snapshot = self._bundle, pending[-1][0]
        encoded = Encoded(None, None)
        if self._inputs:
            questions = _together([of for _, of, _ in pending])
            reading = bundle.contents.reading
            encoded = encoded_asked(bundle.target, bundle.key_type, reading, snapshot, questions)
        binned = [
            bins.filled(of.values(encoded)) for bins, of in zip(summary.columns, self._inputs, strict=True)
        ]
        if summary.scores:
            outputs = np.concatenate([of.reshape(len(asked.ends), -1) for _, asked, of in pending])
            said = scores_of(bundle.decision, bundle.contents.classes, outputs)
            binned += [bins.filled(values) for bins, (_, values) in zip(summary.scores, said, strict=True)]
        return binned

    def _write(self) -> None:
        """Write the counts, where they changed; a full disk is no reason to stop answering."""
        if self._changed and self._counts is not None:
            self._changed = False
            try:
                self._counts.write(file_of(self._bundle.root, self._number))
            except OSError as error:
                log.warning("counts for the drift report can't be kept: %s", error)

    async def _go_on(self) -> None:
        while True:
            for _ in range(WRITES):
                await asyncio.sleep(SECONDS)
                try:
                    self.count()
                except Exception:
                    log.exception("requests can't be counted for the drift report; it ends here")
                    self._bundle.watch = None
                    return
            await asyncio.to_thread(self._write)


def _together(questions: list[Questions]) -> Questions:
    """Return questions of several requests as one."""
    times = [of.time for of in questions if of.time is not None]
    names = questions[0].asked or {}
    return Questions(
        np.concatenate([of.ends for of in questions]),
        np.concatenate(times) if times else None,
        {name: np.concatenate([(of.asked or {})[name] for of in questions]) for name in names},
    )
