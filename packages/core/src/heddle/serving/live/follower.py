"""Follower: a live graph as another process of this machine writes it, read without its lock."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from heddle.errors import DataError
from heddle.serving.live.appending import Appender
from heddle.serving.live.batch import from_bytes
from heddle.serving.live.graph import Snapshot
from heddle.serving.live.layout import Pointer, read_pointer
from heddle.serving.live.log import START, first_number, last_number, read_frames, segment_path, segments
from heddle.serving.live.marker import FILE, SIZE, Marker
from heddle.serving.live.opening import open_generation
from heddle.serving.live.reference import ReferenceStore
from heddle.serving.live.room import ROOM, Room
from heddle.serving.live.store import LiveStore

log = logging.getLogger(__name__)

TRIES = 5
"""Times that a state is looked for anew where compactions remove it while it is opened."""


class Follower:
    """A live graph that is read alone: what its writer committed is in every later `snapshot`, what it erased in none.

    Its base is mapped, so that all processes of a machine share it; what was appended since the last compaction is
    each follower's own copy.

    Args:
        root, store: as of `LiveGraph`.
        room: at least that of the writer.

    Raises:
        DataError: the folder or its log is broken, or no process ever wrote to it.
    """

    def __init__(self, root: str | Path, store: Callable[..., LiveStore] = ReferenceStore, room: Room = ROOM):
        self.root, self._make, self._room = Path(root), store, room
        self._lock = threading.Lock()
        committed = self.root / FILE
        if not committed.exists() or committed.stat().st_size < SIZE:  # as a copy may lack it
            marker, folder = Marker(self.root, writes=True), self.root / "log"
            marker.number = last_number(folder, segments(folder))
            marker.close()
        self._marker = Marker(self.root)
        self._number: int = 0
        self._segment: int = 0
        self._end: int = 0
        self._take()

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def entries(self) -> int:
        """How many entries were appended since the generation that is read."""
        return self._state.entries

    @property
    def last(self) -> int:
        """The number of the last append that was taken."""
        return self._number

    def snapshot(self) -> Snapshot:
        """Return the state that is there now; after an erasure the first to ask waits until what is left is opened."""
        if self._marker.erased > self._pointer.generation:
            with self._lock:
                if self._marker.erased > self._pointer.generation:
                    self._take()
        if self._marker.number > self._number:
            with self._lock:
                self._catch_up()
        state = self._state
        return Snapshot(state, state.store.cut())

    def renew(self) -> bool:
        """Read the generation of the last compaction, if there was one, and tell so; called now and then."""
        if read_pointer(self.root).generation == self._pointer.generation:
            return False
        with self._lock:
            self._take()
        return True

    def close(self) -> None:
        """Let go of the files."""
        self._marker.close()

    def _catch_up(self) -> None:
        """Put in what was committed since the last look."""
        wanted = self._marker.number
        while self._number < wanted:
            path = segment_path(self.root / "log", self._segment)
            try:
                for frame in read_frames(path, self._end):
                    if frame.number > wanted:
                        break
                    append = from_bytes(frame.content)
                    if not self._state.fits(*append.most):
                        self._take()
                        return
                    Appender(self._state).apply(append)
                    self._number, self._end = frame.number, frame.end
                if self._number >= wanted:
                    return
                if not segment_path(self.root / "log", self._segment + 1).exists():
                    self._take()
                    return
                self._segment, self._end = self._segment + 1, START
            except FileNotFoundError:  # compacted since
                self._take()
                return

    def _take(self) -> None:
        """Read what the folder names now, in place of what was read before."""
        for left in reversed(range(TRIES)):
            try:
                self._open(read_pointer(self.root))
                return
            except (DataError, OSError):
                if not left:
                    raise
                log.info("a compaction removed the generation while it was opened; opening the next")

    def _open(self, pointer: Pointer) -> None:
        self.opened, self._state = open_generation(self.root, pointer, self._make, self._room)
        first = segment_path(self.root / "log", pointer.segment)
        self._number = (first_number(first) or 0) if first.exists() else self._marker.number
        self._pointer, self._segment, self._end = pointer, pointer.segment, START
        self._catch_up()
