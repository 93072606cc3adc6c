"""Files with bytes changed at random: a reader returns a dataset that holds its rules, or raises one of our errors."""

import re

import numpy as np
import pytest

from heddle.data.check import check_dataset
from heddle.errors import DataError, GraphError

SENTENCE = re.compile(r".+: found .+, expected .+; .+")
ROUNDS = 60
LAYOUTS = [
    "planetoid",
    "tu",
    "ogb_graph",
    "ogb_node",
    "ogb_hetero",
    "rdf",
    "triples",
    "heco",
    "tables",
    "networkx",
]


def changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the bytes with some replaced, inserted, removed, repeated or cut off."""
    at = int(rng.integers(len(data) + 1))
    size = int(rng.integers(1, 9))
    noise = rng.integers(256, size=size, dtype=np.uint8).tobytes()
    digits = rng.choice(list(b"0123456789-.,e \t\n"), size=size).astype(np.uint8).tobytes()
    return [
        lambda: data[:at] + noise + data[at + size :],
        lambda: data[:at] + digits + data[at + size :],
        lambda: data[:at] + digits + data[at:],
        lambda: data[:at] + data[at + size :],
        lambda: data[:at] + data[max(at - 20, 0) :],
        lambda: data[:at],
    ][rng.integers(6)]()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_changed_bytes(layouts, tmp_path, layout):
    write, read = layouts[layout]
    write(tmp_path)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    whole = {path: path.read_bytes() for path in files}
    rng = np.random.default_rng(LAYOUTS.index(layout))
    refused = 0
    for path in files:
        for _ in range(ROUNDS):
            path.write_bytes(changed(whole[path], rng))
            try:
                check_dataset(read(tmp_path))
            except (DataError, GraphError) as error:
                refused += 1
                assert SENTENCE.fullmatch(str(error)), str(error)
        path.write_bytes(whole[path])
    assert refused > ROUNDS // 2
