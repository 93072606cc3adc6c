"""LiveGraph: a prepared folder that rows are appended to while requests are answered from it."""

import fcntl
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.formats.text_files import fail
from heddle.data.prepared.folder import METADATA, Prepared
from heddle.data.prepared.read import open_prepared, sha256
from heddle.errors import GraphError, HeddleError, problem
from heddle.graphs.graph import EdgeType
from heddle.sampling.types import Fanout, HeteroSample
from heddle.serving.live.appending import Appender
from heddle.serving.live.base import Base, prepared_base, write_times
from heddle.serving.live.batch import Append, from_bytes, to_bytes
from heddle.serving.live.commits import Commits, Waiting
from heddle.serving.live.compact import Leaving, write_generation
from heddle.serving.live.generation import Generation
from heddle.serving.live.keys import Keys
from heddle.serving.live.layout import (
    Pointer,
    generation_folder,
    read_pointer,
    write_keys,
    write_pointer,
)
from heddle.serving.live.log import Log, NoSpaceError, replay
from heddle.serving.live.marker import Marker
from heddle.serving.live.opening import base_of, open_generation
from heddle.serving.live.reference import ReferenceStore
from heddle.serving.live.room import ROOM, Room
from heddle.serving.live.store import NO_TIME, Cut, LiveStore

log = logging.getLogger(__name__)


class Snapshot(NamedTuple):
    """One state of a live graph: what is appended later isn't in it, a compaction changes nothing in it."""

    generation: Generation
    cut: Cut

    @property
    def n_node(self) -> Mapping[str, int]:
        """Node type -> number of nodes."""
        return self.cut.n_node

    def find(self, node_type: str, keys: np.ndarray) -> np.ndarray:
        """Return the number of each key, [n] int64, -1 where this state has no such node.

        Args:
            keys: [n] int64, or object of str, as the node type has them.

        Raises:
            GraphError: text for a type with integers as keys, or the other way round.
        """
        numbers = self.generation.keys[node_type].find(keys)
        numbers[numbers >= self.cut.n_node[node_type]] = -1
        return numbers

    def sample(self, seeds: Any, fanout: Fanout, key: int, seed_time: Any) -> HeteroSample:
        """Return a sample of the graph, as it would be drawn if the graph were prepared anew.

        A seed may be the first number that no node has: a node that isn't there, without edges. `rows` says which rows
        the sample's `edges` are.

        Args:
            seeds: node type -> [n] int.
            fanout: neighbours to take at each hop.
            key: of the draws.
            seed_time: node type -> [n] int64, up to when each knows; None without times.
        """
        more = {node_type: n + 1 for node_type, n in self.cut.n_node.items()}
        drawn: HeteroSample = self.generation.store.sample(  # type: ignore[assignment]
            Cut(self.cut.upto, more), seeds, fanout, key, seed_time
        )
        return drawn

    def features(self, node_type: str, ids: np.ndarray, time: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return name -> features [n, ...] of a type's nodes `ids` [n] as they were known at a time.

        Args:
            time: [n] int64, or None for now.
        """
        return self.generation.features(self.cut, node_type, ids, time)

    def last_time(self, relation: EdgeType, nodes: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return when the last edge into each node came into being up to `time`, NaN for none: [n] float64."""
        last = self.generation.store.last(self.cut, relation, nodes, time)
        times = last.astype(np.float64)
        times[last == NO_TIME] = np.nan
        return times

    def columns(self, relation: EdgeType, edges: np.ndarray) -> dict[str, np.ndarray]:
        """Return name -> [n, ...] features of the rows of a sample's edges."""
        return self.generation.columns(relation, self.generation.rows(relation, edges))

    def rows(self, relation: EdgeType, edges: np.ndarray) -> np.ndarray:
        """Return the rows of a sample's `edges` [n] in the relation's table, [n] int64.

        Rows past the table's end are those that were appended.
        """
        return self.generation.rows(relation, edges)


def create(root: str | Path, prepared: str | Path) -> None:
    """Make the folder of a live graph over a prepared folder, which must stay where it is.

    Raises:
        DataError: the folder is there already, the prepared one can't be opened, or has a key twice.
        PluginError: the prepared folder has keys, and pyarrow isn't installed to read them.
    """
    root, opened = Path(root), open_prepared(prepared)
    if (root / "live.json").exists():
        fail(root, "a live graph", "none yet", "open it, or choose another folder")
    root.mkdir(parents=True, exist_ok=True)
    write_keys(root, opened)
    write_times(root, opened)
    write_pointer(root, Pointer(opened.root.resolve(), 0, 1, sha256(opened.root / METADATA)))


class LiveGraph:
    """A live graph, opened by its one writer, with any number of readers in its process.

    Args:
        root: the folder that `create` made.
        store: makes a `LiveStore`; the kernel "live_graph", where one is installed.
        room: what fits until a compaction; `append` refuses more.

    Raises:
        DataError: the folder or its log is broken, or another process writes to it.
    """

    def __init__(self, root: str | Path, store: Callable[..., LiveStore] = ReferenceStore, room: Room = ROOM):
        self.root, self._make, self._room = Path(root), store, room
        pointer = read_pointer(self.root)
        self._writer = _locked(self.root / "writer.lock")
        self._number, self._prepared = pointer.generation, pointer.state
        try:
            self.opened, self._reverse, self._state, self._log = self._recover(pointer)
        except BaseException:
            os.close(self._writer)
            raise
        self._marker = Marker(self.root, writes=True)
        self._marker.number = self._log.number
        self._lock = threading.Lock()  # of the writer: appending, or swapping generations
        self._compacting = threading.Lock()
        self._broken: Exception | None = None
        self._commits = Commits(self._commit)

    def __enter__(self) -> "LiveGraph":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def entries(self) -> int:
        """How many entries were appended since the last compaction."""
        return self._state.entries

    @property
    def last(self) -> int:
        """The number of the last append that is on disk."""
        return self._log.number

    @property
    def syncs(self) -> int:
        """How often the log was synced since it was opened."""
        return self._log.syncs

    def snapshot(self) -> Snapshot:
        """Return the state that is there now."""
        state = self._state
        return Snapshot(state, state.store.cut())

    def submit(self, append: Append) -> "Future[int]":
        """Return what will hold the append's number once it is on disk and in every later snapshot.

        The future raises NoSpaceError where it can't be kept: then nothing of it is.

        Raises:
            GraphError: a type, a key, a time or features that don't fit the graph.
        """
        Appender(self._state).check(append)
        return self._commits.submit(append, to_bytes(append))

    def append(self, append: Append) -> int:
        """Append and return the append's number once it is on disk and seen. Raises as `submit`, and its future."""
        return self.submit(append).result()

    def compact(self, before: int | None = None) -> None:
        """Merge what was appended into a new base, while rows are appended and requests answered.

        Args:
            before: edges that are older are left out of it, and nothing of them stays in the live graph's files but
                their nodes; None keeps all. What the prepared folder holds lies there on.

        Raises:
            NoSpaceError: it can't be written; the live graph stays as it is.
        """
        left_out = self._compact(Leaving(before))
        if before is not None:
            log.warning('{"audit": "retention", "before": %d, "edges": %d}', before, left_out)

    def erase(self, node_type: str, keys: np.ndarray) -> tuple[int, int]:
        """Erase nodes: their edges, what was appended of them and the keys of those that were appended themselves.

        When it returns, no later snapshot and no file of the live graph holds them. What the prepared folder itself
        holds of them, features of its nodes and columns of its rows, lies there on, though no edge leads to it.

        Args:
            keys: [n] as of `Keys.find`; those that were never seen are left alone.

        Returns: how many nodes were there, and how many edges of theirs were left out.

        Raises:
            GraphError: an unknown type, or keys of another kind.
            NoSpaceError: as `compact`.
        """
        if node_type not in self._state.keys:
            known = sorted(self._state.keys)
            raise GraphError(problem("live: node type", node_type, f"one of {known}", "rename it"))
        known_keys = self._state.keys[node_type]
        numbers = np.unique(known_keys.find(keys))
        numbers = numbers[numbers >= 0]
        if not len(numbers):
            return 0, 0
        first = self.opened.nodes[node_type].rows
        names: dict[int, Any] = {
            number: f"erased-{secrets.token_hex(12)}" if known_keys.is_text else -secrets.randbelow(2**62) - 1
            for number in numbers[numbers >= first].tolist()
        }
        left_out = self._compact(Leaving(nodes={node_type: numbers}, names={node_type: names}))
        log.warning(
            '{"audit": "erasure", "type": "%s", "nodes": %d, "edges": %d}', node_type, len(numbers), left_out
        )
        return len(numbers), left_out

    def _compact(self, leaving: Leaving) -> int:
        """Compact and return how many edges were left out."""
        with self._compacting, self._lock if leaving.nodes else nullcontext():
            held = (
                nullcontext() if leaving.nodes else self._lock
            )  # who is erased is appended by nobody meanwhile
            started = time.perf_counter()
            with held:
                segment = self._log.rotate()
                state, cut = self._state, self._state.store.cut()
                n_rows, changed = dict(state.n_rows), state.changed()
            number = self._number + 1
            folder = generation_folder(self.root, number)
            try:
                left_out = write_generation(folder, self.opened, state, cut, n_rows, changed, leaving)
            except OSError as error:
                message = error.strerror or str(error)
                do = "free space, then repeat"
                raise NoSpaceError(problem(str(folder), message, "room for a generation", do)) from error
            pointer = Pointer(self.opened.root, number, segment, self._prepared)
            base, _ = base_of(self.root, self.opened, pointer, keys=False)
            fresh = self._open(base, state.keys)
            done = 0
            for content in replay(self.root / "log", segment):
                Appender(fresh).apply(from_bytes(content))
                done += 1
            with held:
                for at, content in enumerate(replay(self.root / "log", segment)):
                    if at >= done:
                        Appender(fresh).apply(from_bytes(content))
                write_pointer(self.root, pointer)
                if leaving.nodes or leaving.before is not None:
                    self._marker.erased = number
                for node_type, names in leaving.names.items():
                    for node, name in names.items():
                        state.keys[node_type].rename(node, name)
                self._state, self._number = fresh, number
            self._log.drop_before(segment)
            _clean(self.root, pointer)
            log.info(
                "compacted %d entries into generation %d in %.2f s",
                cut.upto,
                number,
                time.perf_counter() - started,
            )
            return left_out

    def close(self) -> None:
        """Commit what waits, and close the log."""
        self._commits.close()
        self._log.close()
        self._marker.close()
        os.close(self._writer)

    def _recover(self, pointer: Pointer) -> tuple[Prepared, dict[EdgeType, EdgeType], Generation, Log]:
        """Open what the pointer names and what the log holds after it."""
        _clean(self.root, pointer)
        kept = Log(self.root / "log", pointer.segment)
        opened, state = open_generation(self.root, pointer, self._make, self._room)
        for content in replay(self.root / "log", pointer.segment):
            Appender(state).apply(from_bytes(content))
        return opened, dict(state.reverse), state, kept

    def _open(self, base: Base, keys: Mapping[str, Keys]) -> Generation:
        return Generation(base, keys, self._reverse, self._make, self._room.nodes, self._room.entries)

    def _commit(self, group: Sequence[Waiting]) -> None:
        """Write a group with one sync, append it, tell everybody; the one thread of `Commits` calls."""
        with self._lock:
            if self._broken is not None:
                _refuse(group, self._broken)
                return
            fitting = list(self._fitting(group))
            if not fitting:
                return
            try:
                self._log.append([waiting.content for waiting in fitting])
            except HeddleError as error:
                _refuse(fitting, error)
                return
            number = self._log.number - len(fitting)
            try:
                for waiting in fitting:
                    Appender(self._state).apply(waiting.append)
            except Exception as error:  # what is in the log and can't be applied: nothing may come after it
                log.exception("live graph: an append that is on disk can't be applied")
                self._broken = error
                _refuse(fitting, error)
                return
            self._marker.number = self._log.number
        for at, waiting in enumerate(fitting):
            waiting.future.set_result(number + at + 1)

    def _fitting(self, group: Sequence[Waiting]) -> "Sequence[Waiting]":
        fitting, nodes, entries = [], 0, 0
        for waiting in group:
            more = waiting.append.most
            if self._state.fits(nodes + more[0], entries + more[1]):
                fitting.append(waiting)
                nodes, entries = nodes + more[0], entries + more[1]
            else:
                actual, expected = f"{self._state.entries} entries", f"room within {self._room.entries}"
                do = "repeat once it is compacted, or give it more room"
                _refuse([waiting], NoSpaceError(problem("live graph", actual, expected, do)))
        return fitting


def _refuse(group: Sequence[Waiting], error: Exception) -> None:
    for waiting in group:
        waiting.future.set_exception(error)


def _clean(root: Path, pointer: Pointer) -> None:
    """Remove generations that nothing names any more; who has one mapped keeps it."""
    kept = generation_folder(root, pointer.generation)
    for path in (root / "generations").glob("*"):
        if path != kept:
            shutil.rmtree(path, ignore_errors=True)
    for number in sorted((root / "log").glob("*.log")):
        if number.stem.isdecimal() and int(number.stem) < pointer.segment:
            number.unlink(missing_ok=True)


def _locked(path: Path) -> int:
    """Return a file that this process alone has locked. Raises DataError: another has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        fail(path.parent, "a live graph that another process writes to", "one writer", "end that process")
    return descriptor


def folder_snapshot(prepared: str | Path, store: Callable[..., LiveStore] = ReferenceStore) -> Snapshot:
    """Return a prepared folder as a Snapshot, without anything appended and without a folder of its own.

    Keys aren't read: `find` takes numbers.

    Raises:
        DataError: the folder can't be opened.
    """
    opened = open_prepared(prepared)
    reverse = {key: of.rows_of for key, of in opened.edges.items() if of.rows_of is not None}
    keys = {node_type: Keys(node_type, of.rows) for node_type, of in opened.nodes.items()}
    state = Generation(prepared_base(opened), keys, reverse, store, 1, 1)
    return Snapshot(state, state.store.cut())
