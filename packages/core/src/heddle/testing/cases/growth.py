"""Growths for hypothesis: a live graph's base, what is appended batch by batch, and the graph that all of it makes."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from heddle.graphs.graph import EdgeType
from heddle.sampling.types import Fanout, InEdges, SampleGraph
from heddle.serving.live.store import NO_TIME, Entries
from heddle.testing.cases.samples import NEVER


class Batch(NamedTuple):
    """The arguments of one `LiveStore.append`."""

    n_node: dict[str, int]
    edges: dict[EdgeType, Entries]
    changes: dict[str, Entries]
    node_time: dict[str, np.ndarray]
    key_hashes: dict[str, np.ndarray]


class Growth(NamedTuple):
    """A base, batches, and a call. `graphs[i]` is the graph after i batches, `rows[i]` the row of each of its edges."""

    base: SampleGraph
    base_rows: dict[EdgeType, np.ndarray]
    batches: list[Batch]
    graphs: list[SampleGraph]
    rows: list[dict[EdgeType, np.ndarray]]
    seeds: dict[str, np.ndarray]
    seed_time: dict[str, np.ndarray] | None
    fanout: Fanout
    key: int


RELATIONS: tuple[EdgeType, ...] = (("a", "to", "b"), ("b", "back", "a"), ("a", "knows", "a"))


@st.composite
def growths(draw: st.DrawFn) -> Growth:
    """Draw a graph of two types that grows in up to four batches, late rows and new nodes among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    edge_times, node_times = draw(st.booleans()), draw(st.booleans())
    dtype, late = draw(st.sampled_from([np.int32, np.int64])), draw(st.booleans())
    relations = RELATIONS[: draw(st.integers(1, 3))]
    counts = [{"a": draw(st.integers(1, 6)), "b": draw(st.integers(1, 4))}]
    for _ in range(draw(st.integers(0, 4))):
        counts.append({node_type: n + int(rng.integers(0, 3)) for node_type, n in counts[-1].items()})
    stamps = (
        {node_type: rng.integers(0, NEVER, n) for node_type, n in counts[-1].items()} if node_times else {}
    )
    hashes = {}
    if draw(st.booleans()):
        hashes = {"a": rng.integers(0, 2**64, counts[-1]["a"], np.uint64)}
    columns = {key: _columns(rng, counts, key, edge_times, late) for key in relations}
    graphs, rows = [], []
    for step, n_node in enumerate(counts):
        edges, edges_so_far = {}, {}
        for key, (step_of, senders, receivers, time, row) in columns.items():
            seen = step_of <= step
            edges[key], edges_so_far[key] = _sorted(
                n_node[key[2]],
                senders[seen],
                receivers[seen],
                time[seen] if edge_times else None,
                row[seen],
                dtype,
            )
        of_nodes = [
            {node_type: values[: n_node[node_type]] for node_type, values in each.items()}
            for each in (stamps, hashes)
        ]
        graphs.append(SampleGraph(n_node, edges, *of_nodes))
        rows.append(edges_so_far)
    batches = [_batch(rng, counts, step, columns, stamps, hashes) for step in range(1, len(counts))]
    seeds = {node_type: rng.integers(0, n, draw(st.integers(0, 5))) for node_type, n in counts[0].items()}
    seed_time = None
    if edge_times or node_times:
        latest = draw(st.integers(0, NEVER))
        seed_time = {
            node_type: rng.integers(latest // 2, latest + 1, len(ids)) for node_type, ids in seeds.items()
        }
    sizes: Any = draw(st.lists(st.sampled_from([-1, 0, 1, 2, 3, 5]), max_size=3))
    newest = seed_time is not None and draw(st.booleans())
    replace, disjoint, layered = (draw(st.booleans()) for _ in range(3))
    window = draw(st.sampled_from([None, 1, 3])) if edge_times else None
    leaves = draw(st.sampled_from([(), ("a",)]))
    fanout = Fanout(sizes, replace, disjoint, False, newest, layered, leaves, window)
    number = draw(st.integers(0, 2**64 - 1))
    return Growth(graphs[0], rows[0], batches, graphs, rows, seeds, seed_time, fanout, number)


def _columns(
    rng: np.random.Generator, counts: list[dict[str, int]], key: EdgeType, timed: bool, late: bool
) -> tuple[np.ndarray, ...]:
    """Return (batch, sender, receiver, time, row) of each edge, in the order of their arrival."""
    per_step = [int(rng.integers(0, 30 if step == 0 else 12)) for step in range(len(counts))]
    step_of = np.repeat(np.arange(len(counts)), per_step)
    ends = [
        (rng.integers(0, counts[step][key[0]], n), rng.integers(0, counts[step][key[2]], n))
        for step, n in enumerate(per_step)
    ]
    senders, receivers = (np.concatenate([pair[end] for pair in ends]) for end in (0, 1))
    time = rng.integers(0, NEVER, len(step_of))
    if not late:
        time = np.sort(time)
    return step_of, senders, receivers, time if timed else np.full(len(time), NO_TIME), np.arange(len(time))


def _sorted(
    n: int, senders: Any, receivers: Any, time: Any, row: Any, dtype: Any
) -> tuple[InEdges, np.ndarray]:
    """Return edges by receiver, then time, then arrival, as preparing the tables again would, and their rows."""
    order = np.lexsort((receivers,) if time is None else (row, time, receivers))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(receivers, minlength=n))]).astype(dtype)
    edges = InEdges(indptr, senders[order].astype(dtype), None, None if time is None else time[order])
    return edges, row[order]


def _batch(rng: np.random.Generator, counts: Any, step: int, columns: Any, stamps: Any, hashes: Any) -> Batch:
    edges = {}
    for key, (step_of, senders, receivers, time, row) in columns.items():
        now = step_of == step
        edges[key] = Entries(receivers[now], senders[now], time[now], row[now])
    changes = {}
    for node_type, n in counts[step].items():
        m = int(rng.integers(0, 3))
        number = np.arange(m) + 10 * step
        changes[node_type] = Entries(rng.integers(0, n, m), number, rng.integers(0, NEVER, m), number)
    new = [
        {
            node_type: values[counts[step - 1][node_type] : counts[step][node_type]]
            for node_type, values in each.items()
        }
        for each in (stamps, hashes)
    ]
    return Batch(counts[step], edges, changes, *new)
