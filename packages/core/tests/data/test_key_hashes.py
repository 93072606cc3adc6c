"""What draws know nodes by: a hash of type and key, the same whatever else is in a folder."""

import numpy as np
import pytest

from heddle.sampling.stream import branch

pytest.importorskip("pyarrow", reason="pyarrow isn't installed: pip install 'heddle-core[etl]'")
pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

from heddle.cli import main
from heddle.data.prepared import open_prepared, sample_graph
from heddle.data.prepared.key_hashes import key_hashes
from heddle.data.prepared.read import read_ids
from heddle.sampling import ReferenceSampler
from heddle.sampling.types import Fanout

SCHEMA = """
name: shop
kind: none
tables:
  users: {path: users.csv, columns: {name: text, at: int}}
  items: {path: items.csv, columns: {item: int}}
  buys: {path: buys.csv, columns: {name: text, item: int, at: int}}
nodes:
  user: {table: users, key: name, time: at}
  item: {table: items, key: item}
edges:
  - {type: [user, buys, item], table: buys, source: name, target: item, time: at, reverse: true}
"""


def naive(node_type, key):
    """Return the hash of one key, as `key_hashes` defines it."""

    def text(stream, value):
        octets = value.encode()
        stream = branch(stream, len(octets))
        for first in range(0, len(octets), 8):
            stream = branch(stream, int.from_bytes(octets[first : first + 8], "little"))
        return stream

    start = text(0, node_type)
    if isinstance(key, int):
        return branch(start, 0, key & (2**64 - 1))
    if isinstance(key, float):
        return branch(start, 1, int(np.float64(key).view(np.uint64)))
    return text(branch(start, 2), key)


@pytest.mark.parametrize(
    "keys", [["", "a", "abcdefgh", "abcdefghi", "é" * 9], [1, -5, 2**40], [1.5, -2.0, 0.0]]
)
def test_hashes_are_those_of_the_definition(monkeypatch, keys):
    monkeypatch.setattr("heddle.data.prepared.key_hashes._CHUNK", 2)
    assert key_hashes("üser", keys).tolist() == [naive("üser", key) for key in keys]
    assert key_hashes("user", keys[:0]).dtype == np.uint64


def test_types_and_kinds_of_keys_differ():
    results = {int(key_hashes(node_type, [key])[0]) for node_type in ("a", "b") for key in (1, 1.0, "1")}
    assert len(results) == 6
    assert key_hashes("a", [-0.0]).tolist() == key_hashes("a", [0.0]).tolist()


def prepare(folder, users, items, buys):
    """Prepare a folder of these rows; return it opened."""
    folder.mkdir()
    for name, head, rows in (
        ("users", "name,at", users),
        ("items", "item", items),
        ("buys", "name,item,at", buys),
    ):
        (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n")
    (folder / "s.yaml").write_text(SCHEMA)
    made = folder / "made"
    arguments = ["data=schema", f"data.schema={folder}/s.yaml", f"data.src={folder}", f"data.dst={made}"]
    assert main(["data", "prepare", *arguments, "etl.progress=false"]) == 0
    return open_prepared(made)


def drawn(opened, names, time):
    """Return what is sampled around users, by key: each edge as (sender's key, receiver's key), hop by hop."""
    keys = {node_type: read_ids(nodes) for node_type, nodes in opened.nodes.items()}
    seeds = {"user": np.array([keys["user"].index(name) for name in names])}
    sampler = ReferenceSampler(sample_graph(opened))
    times = {"user": np.full(len(names), time)}
    actual = sampler.sample(seeds, Fanout((2, 3), layered=True), key=9, seed_time=times)
    return {
        relation: [
            (keys[relation[0]][actual.nodes[relation[0]][s]], keys[relation[2]][actual.nodes[relation[2]][r]])
            for s, r in zip(actual.senders[relation], actual.receivers[relation])
        ]
        for relation in actual.edges
    }


def test_a_folder_with_more_rows_gives_the_same_samples(tmp_path):
    rng = np.random.default_rng(0)
    users = [f"user{i:02},{i}" for i in range(10, 40)]
    items = [str(i) for i in range(100, 120)]
    buys = [f"user{rng.integers(10, 40)},{rng.integers(100, 120)},{when}" for when in range(50, 450)]
    before = prepare(tmp_path / "before", users, items, buys)
    more_buys = [f"user{i:02},{rng.integers(0, 120)},{when}" for i in range(30) for when in (900, 901)]
    after = prepare(
        tmp_path / "after",
        [f"user{i:02},900" for i in range(10)] + users,
        [str(i) for i in range(100)] + items,
        buys + more_buys,
    )
    assert before.nodes["user"].hashes.tolist() == after.nodes["user"].hashes[10:].tolist()
    names = ["user20", "user31", "user11"]
    actual = drawn(before, names, 500)
    assert sum(map(len, actual.values())) > 10
    assert actual == drawn(after, names, 500)
    nameless = before._replace(
        nodes={node_type: of._replace(hashes=None) for node_type, of in before.nodes.items()}
    )
    assert drawn(nameless, names, 500) != actual, "the test can fail"
