"""Bundle: an opened bundle: raw rows in, scores out; rows are appended to its live graph."""

from bisect import bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.rows import Few, RowEncoder, RowError, Rows, Typed
from heddle.data.etl.schemas.recipe import schema_of
from heddle.data.etl.schemas.schema import Edges, Schema
from heddle.data.prepared.folder import Prepared
from heddle.errors import problem
from heddle.serving.bundle.layout import read_bundle
from heddle.serving.bundle.model import scorer_of
from heddle.serving.bundle.moments import is_dated, moments
from heddle.serving.bundle.task import task_of
from heddle.serving.bundle.whole import whole_numbers
from heddle.serving.live import Follower
from heddle.serving.live.batch import Append, NewEdges, NewNodes
from heddle.serving.live.graph import LiveGraph, Snapshot
from heddle.serving.live.kernel import store_of
from heddle.serving.live.room import ROOM, Room
from heddle.serving.scoring.scorer import Questions
from heddle.workflow.metrics.decision import decision_of


class Score(NamedTuple):
    """What a model says of one row.

    Attributes:
        outputs: as the model gives them.
        probability: calibrated, of each class or label; () where the run has no decision.
        answer: the class's name or number, or the labels; None without a decision.
        used: relation -> rows, in its table and after it, of the edges that were looked at; {} where it wasn't asked.
    """

    outputs: tuple[float, ...]
    probability: tuple[float, ...]
    answer: Any
    used: Mapping[str, tuple[int, ...]]


class Bundle:
    """A trained model, its encoders and its live graph.

    Attributes:
        task: how questions are asked that are an entity and a time; None for rows of the graph.
        watch: is called with (state, questions, outputs) of what was scored, for a drift report; None for nothing.

    Args:
        root: the bundle's folder.
        registry: the plugins; kernels are found through it, no framework is imported.
        room: what may be appended until a compaction.
        follows: read what another process of the machine appends, and append nothing.

    Raises:
        DataError: a broken bundle; another process has it open, and it isn't to be followed.
    """

    def __init__(self, root: str | Path, registry: Any, room: Room = ROOM, *, follows: bool = False):
        self.root, self._registry = Path(root), registry
        self.contents = read_bundle(root)
        opens: Any = Follower if follows else LiveGraph
        self.live: Any = opens(self.root / "live", store_of(registry), room)
        self.decision = None if self.contents.decision is None else decision_of(self.contents.decision)
        opened, self._target = self.live.opened, self.contents.target
        self.schema = schema_of(opened.recipe) if "tables" in opened.recipe else None
        self.dated = is_dated(self.schema)
        self.task = task_of(opened, self._target, self.schema)
        self.scorer = self._scorer()
        self.encoders = encoders_of(opened, self.schema)
        self.watch: Callable[[Snapshot, Questions, np.ndarray], None] | None = None

    def __enter__(self) -> "Bundle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the live graph."""
        self.live.close()

    @property
    def target(self) -> tuple[str, ...]:
        """The relation, or node type, that is asked about."""
        return self._target

    @property
    def key_type(self) -> str:
        """The node type whose keys are asked about where rows of no relation are; of a task, that of its entities."""
        return self._target[0] if self.task is None else self.task.entity

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables whose rows may be appended."""
        return tuple(dict.fromkeys(encoder.name for encoder in self.encoders.values()))

    def reload(self) -> None:
        """Take the model that lies in the bundle now; the live graph stays. Raises DataError: it is broken."""
        contents = read_bundle(self.root)
        before, self.contents = self.contents, contents
        try:
            self.scorer = self._scorer()
        except BaseException:
            self.contents = before
            raise
        self.decision = None if contents.decision is None else decision_of(contents.decision)

    def _scorer(self) -> Any:
        asked = None if self.task is None else self.task.relation
        return scorer_of(self.root, self.contents, self._registry, asked)

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Rows:
        """Return JSON objects as rows."""
        names = dict.fromkeys(name for row in rows for name in row)
        return Rows(len(rows), {name: [row.get(name) for row in rows] for name in names})

    def keys_of(self, node_type: str, rows: Rows) -> np.ndarray:
        """Return the keys [n] of nodes that rows with the columns of their key name.

        Raises:
            RowError: no such type, or a row without its key.
        """
        for type_key, encoder in self.encoders.items():
            if encoder.edges is None and type_key[0] == node_type:
                assert self.schema is not None
                column = self.schema.nodes[node_type].key
            elif encoder.edges is not None and node_type in (type_key[0], type_key[2]):
                column = encoder.edges.source if node_type == type_key[0] else encoder.edges.target
            else:
                continue
            assert column is not None
            return encoder.keys(encoder.typed(rows, (column,)), column)
        known = sorted({name for key in self.encoders for name in (key[0], key[-1])})
        raise RowError(problem("node type", repr(node_type), f"one of {known}", "rename it"))

    def append_of(self, table: str, rows: Rows, snapshot: Snapshot | None = None) -> Append:
        """Return rows of a table as what is appended for them: nodes, edges and their features.

        Raises:
            RowError: no such table, or a row that can't be read.
        """
        snapshot = snapshot or self.live.snapshot()
        if table not in self.tables:
            raise RowError(
                problem("table", repr(table), f"one of {list(self.tables)}", "send rows of one of them")
            )
        nodes, edges = {}, {}
        for type_key, encoder in self.encoders.items():
            if encoder.name != table:
                continue
            typed = encoder.typed(rows)
            if encoder.edges is None:
                nodes[type_key[0]] = self._nodes(type_key[0], encoder, typed)
                continue
            ends = [encoder.keys(typed, column) for column in (encoder.edges.source, encoder.edges.target)]
            time = encoder.time(typed)
            gaps = {}
            if encoder.since:
                numbers = [self._numbers(*of, snapshot) for of in zip((type_key[0], type_key[2]), ends)]
                gaps = self._gaps(encoder, numbers, time, snapshot)
                gaps = {by: _with_earlier(gap, ends[by == "target"], time) for by, gap in gaps.items()}
            features = encoder.encode(typed, gaps)
            edges[encoder.edges.type] = NewEdges(ends[0], ends[1], time, features)
        return Append(nodes, edges)

    def score(
        self, rows: Rows, snapshot: Snapshot | None = None, *, alone: bool | None = None
    ) -> list[Score]:
        """Return what the model says of rows of the target's table, as they are known at their times.

        Of nodes, a row holds the node's key under "key" and, where the data has times, "time"; of a task, the key of
        the node that is asked about, and when.

        Args:
            alone: compute each row by itself, and tell which rows were looked at for it; None: where there is one.

        Raises:
            RowError: a row that can't be read.
        """
        if not rows.n:
            return []
        snapshot = snapshot or self.live.snapshot()
        questions = self.questions(rows, snapshot)
        used: list[Mapping[str, tuple[int, ...]]] = [{}] * rows.n
        if alone or (alone is None and rows.n == 1):
            outputs, looked_at = self.scorer.each(snapshot, questions)
            used = [{"/".join(key): tuple(taken.tolist()) for key, taken in of.items()} for of in looked_at]
        else:
            outputs = self.scorer(snapshot, questions).outputs.reshape(rows.n, -1)
        if self.watch is not None:
            self.watch(snapshot, questions, outputs)
        if self.decision is None:
            return [Score(tuple(row), (), None, of) for row, of in zip(outputs.tolist(), used)]
        chances = self.decision.probabilities(outputs)
        answers = self.decision.said(chances)
        return [
            Score(tuple(row), tuple(chance), self._named(said), of)
            for row, chance, said, of in zip(outputs.tolist(), chances.tolist(), answers.tolist(), used)
        ]

    def _named(self, said: Any) -> Any:
        classes = self.contents.classes
        return classes[said] if isinstance(said, int) and said < len(classes) else said

    def questions(self, rows: Rows, snapshot: Snapshot) -> Questions:
        """Return what rows of the target's table ask of a state. Raises RowError: a row that can't be read."""
        if len(self.target) == 1:
            return self._node_questions(rows, snapshot)
        encoder = self.encoders.get(self.target)
        if encoder is None or encoder.edges is None:
            raise RowError(
                problem("rows", "a folder that wasn't prepared from tables", "one that was", "prepare it so")
            )
        typed = encoder.typed(rows)
        keys = [encoder.keys(typed, column) for column in (encoder.edges.source, encoder.edges.target)]
        time, node_types = encoder.time(typed), (self.target[0], self.target[2])
        ends = [self._numbers(node_type, end_keys, snapshot) for node_type, end_keys in zip(node_types, keys)]
        gaps = self._gaps(encoder, ends, time, snapshot) if encoder.since else {}
        asked = {
            "x" if values.dtype.kind == "f" else "codes": values
            for values in encoder.encode(typed, gaps).values()
        }
        return Questions(np.array(ends, np.int64).T, time, asked)

    def asked_of(self, rows: Rows) -> list[dict[str, Any]]:
        """Return what each row of the target's own table asks, as `score` takes it of nodes: its key, and its time,
        as text.

        Raises:
            RowError: the target's nodes are no table's rows, that table lacks the times that the data has, or a cell
                can't be read.
        """
        encoder = self.encoders.get(self.target)
        if encoder is None or encoder.edges is not None or self.schema is None:
            actual, do = f"nodes {self.target[0]!r} of no table", "send the node's key"
            raise RowError(problem("rows", actual, "nodes that are a table's rows", do))
        nodes, typed = self.schema.nodes[self.target[0]], encoder.typed(rows)
        assert nodes.key is not None
        asked = [{"key": str(key)} for key in encoder.keys(typed, nodes.key).tolist()]
        if not self.contents.reading.timed:
            return asked
        if nodes.time is None or nodes.time[0] != encoder.name:
            do = "append the row first, then send the node's key and a time"
            raise RowError(
                problem("time", f"none in table {encoder.name}", "when each row is asked about", do)
            )
        times = encoder.keys(typed, nodes.time[1]).tolist()
        return [{**of, "time": str(time)} for of, time in zip(asked, times)]

    def _node_questions(self, rows: Rows, snapshot: Snapshot) -> Questions:
        node_type = self.key_type
        known = snapshot.generation.keys[node_type]
        do = "send the node's key, or the whole row with append=true"
        if "key" not in rows.columns:
            actual = f"no key among {sorted(rows.columns)}"[:80]
            raise RowError(problem("row", actual, f"key: the {node_type} that is asked about", do))
        sent = rows.columns["key"]
        if known.is_text:
            for value in sent:
                if not isinstance(value, str):
                    raise RowError(problem("key", repr(value), "text", do))
            keys = np.array(sent, object)
        else:
            keys = whole_numbers("key", sent, do)
        time = None
        if self.contents.reading.timed:
            times = rows.columns.get("time", [None] * rows.n)
            time = moments(times, self.dated)
        features = None if self.task is None or time is None else self.task.features(time)
        return Questions(self._numbers(node_type, keys, snapshot)[:, None], time, features)

    def _numbers(self, node_type: str, keys: np.ndarray, snapshot: Snapshot) -> np.ndarray:
        """Return the numbers of keys; of one that was never seen, the first number that no node has."""
        numbers = snapshot.find(node_type, keys)
        numbers[numbers < 0] = snapshot.n_node[node_type]
        return numbers

    def _gaps(
        self, encoder: RowEncoder, ends: Sequence[np.ndarray], time: np.ndarray | None, snapshot: Snapshot
    ) -> dict[str, np.ndarray]:
        """Return end -> the time since the last edge, in the graph, of each of these nodes; NaN for none."""
        assert encoder.edges is not None and time is not None
        return {
            by: time - snapshot.last_time(self._into(encoder.edges, by), ends[by == "target"], time)
            for by in encoder.since
        }

    def _into(self, edges: Edges, by: str) -> tuple[str, str, str]:
        source, relation, target = edges.type
        return (target, f"rev_{relation}", source) if by == "source" else (source, relation, target)

    def _nodes(self, node_type: str, encoder: RowEncoder, typed: Typed | Few) -> NewNodes:
        assert self.schema is not None
        nodes = self.schema.nodes[node_type]
        assert nodes.key is not None
        time = None
        if nodes.time is not None and nodes.time[0] == encoder.name:
            time = encoder.keys(typed, nodes.time[1])
        return NewNodes(encoder.keys(typed, nodes.key), time, encoder.encode(typed, {}))


def encoders_of(opened: Prepared, schema: Schema | None = None) -> dict[tuple[str, ...], RowEncoder]:
    """Return relation, or node type alone -> the encoder of its rows, of a folder prepared from tables; else {}.

    Questions of tasks are rows of no table that is sent.

    Args:
        schema: of the folder's recipe; None to read it.
    """
    if "tables" not in opened.recipe:
        return {}
    schema, fitted = schema or schema_of(opened.recipe), opened.info.get("encoders", {})
    edges = [of.type for of in schema.edges if of.type[2] not in schema.tasks]
    nodes = [(name,) for name, of in schema.nodes.items() if of.table is not None and of.key is not None]
    return {type_key: RowEncoder(schema, type_key, fitted) for type_key in (*edges, *nodes)}


def asked_columns(encoder: RowEncoder | None) -> tuple[str, ...]:
    """Return what a row that is scored holds: the columns of a relation's table, or else a node's key and a time.

    Args:
        encoder: of the target's rows; None for nodes and edges of no table.
    """
    return encoder.fields if encoder is not None and encoder.edges is not None else ("key", "time")


def _with_earlier(gaps: np.ndarray, keys: np.ndarray, time: np.ndarray | None) -> np.ndarray:
    """Return gaps where rows follow each other: from a row's key in the graph, or in a row before it."""
    assert time is not None
    since = gaps.copy()
    before: dict[Any, list[int]] = {}
    for row, (key, moment) in enumerate(zip(keys.tolist(), time.tolist())):
        times = before.setdefault(key, [])
        upto = bisect_right(times, moment)
        if upto:
            since[row] = np.fmin(gaps[row], moment - times[upto - 1])
        insort(times, moment)
    return since
