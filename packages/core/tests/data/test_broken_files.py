"""Files that are broken in a known way: each gives a DataError or GraphError with found, expected, what to do."""

import gzip
import re
from pathlib import Path

import pytest

from heddle.errors import DataError, GraphError

SENTENCE = re.compile(r".+: found .+, expected .+; .+")

NOT_NUMBERS = "word, float, blank cell, overflow"
ANY_TEXT = "not UTF-8, binary"
NOT_INTEGERS = f"{NOT_NUMBERS}, {ANY_TEXT}"
COUNT = "row more, row less"
RANGE = "negative, large"
GZIP = "cut gzip, plain"
NOT_TRIPLES = "triple of two, no dot, open literal, bad escape, literal first, surrogate"
NOT_LABELS = "unknown entity, ragged tabs, no label, no heading, other class"
NOT_USERS = "ragged, row twice, no heading, nan, inf, open quote, bad split"

# layout -> file -> the mutations that break it
BROKEN = {
    "planetoid": {
        **{
            f"ind.toy.{part}": "missing, empty, half, binary"
            for part in ("x", "y", "tx", "ty", "allx", "ally")
        },
        "ind.toy.graph": "missing, empty, half, binary",
        "ind.toy.test.index": f"missing, empty, {NOT_INTEGERS}, negative, large, {COUNT}, row twice",
    },
    "tu": {
        "TOY_A.txt": f"missing, empty, {NOT_INTEGERS}, negative, zero, large, ragged, {COUNT}",
        "TOY_graph_indicator.txt": f"missing, empty, {NOT_INTEGERS}, negative, zero, large, column more, row less",
        "TOY_graph_labels.txt": f"empty, {NOT_INTEGERS}, column more, row more, row less",
        "TOY_node_labels.txt": f"missing, empty, {NOT_INTEGERS}, row more, row less, ragged",
        "TOY_node_attributes.txt": f"missing, empty, word, blank cell, {ANY_TEXT}, nan, inf, row more, ragged",
        "TOY_edge_labels.txt": f"missing, empty, {NOT_INTEGERS}, row more, row less",
        "TOY_edge_attributes.txt": "missing, word, nan, inf, row more, row less",
    },
    "tu_regression": {
        "TOY_graph_attributes.txt": f"missing, empty, word, blank cell, nan, inf, {ANY_TEXT}, ragged, row less",
    },
    "ogb_graph": {
        "raw/edge.csv.gz": f"missing, empty, {NOT_INTEGERS}, {GZIP}, {RANGE}, ragged, column more, {COUNT}",
        "raw/num-node-list.csv.gz": f"missing, empty, {NOT_NUMBERS}, cut gzip, plain, negative, large, {COUNT}",
        "raw/num-edge-list.csv.gz": f"missing, empty, {NOT_NUMBERS}, {GZIP}, negative, large, row more",
        "raw/node-feat.csv.gz": f"empty, word, blank cell, nan, inf, cut gzip, plain, ragged, {COUNT}",
        "raw/edge-feat.csv.gz": "empty, word, nan, cut gzip, ragged, row more",
        "raw/graph-label.csv.gz": f"missing, empty, word, inf, cut gzip, plain, {ANY_TEXT}, ragged, {COUNT}",
        "split/scaffold/train.csv.gz": f"missing, {NOT_NUMBERS}, cut gzip, {RANGE}, row twice, column more",
        "split/scaffold/test.csv.gz": "missing, negative, large, row twice, cut gzip",
    },
    "ogb_node": {
        "raw/edge.csv.gz": "missing, empty, negative, large, float, ragged",
        "raw/num-node-list.csv.gz": "missing, empty, large, negative, row more",
        "raw/node-feat.csv.gz": "nan, ragged, row less, word",
        "raw/node-label.csv.gz": "missing, empty, row less, float, word, negative",
        "split/time/valid.csv.gz": "missing, large, row twice",
    },
    "ogb_hetero": {
        "raw/num-node-dict.csv.gz": "missing, empty, word, float, blank cell, row more, ragged, cut gzip",
        "raw/triplet-type-list.csv.gz": "missing, empty, ragged, blank cell, row more, cut gzip, not UTF-8",
        "raw/relations/author___writes___paper/edge.csv.gz": "missing, empty, large, negative, float, row less",
        "raw/relations/paper___cites___paper/num-edge-list.csv.gz": "missing, empty, large, float",
        "raw/node-feat/paper/node-feat.csv.gz": "nan, row less, ragged",
        "raw/node-label/paper/node-label.csv.gz": "missing, row more, float",
        "split/time/paper/test.csv.gz": "missing, large, negative, row twice",
    },
    "rdf": {
        "toy.nt": f"missing, empty, {ANY_TEXT}, word, {NOT_TRIPLES}",
        "trainingSet.tsv": f"missing, empty, {ANY_TEXT}, {NOT_LABELS}",
        "testSet.tsv": "missing, empty, unknown entity, no heading, training entity",
        "completeDataset.tsv": "empty, other class, unknown entity",
    },
    "triples": {
        "train.txt": f"missing, empty, {ANY_TEXT}, ragged tabs, two cells, empty cell",
        "valid.txt": f"missing, {ANY_TEXT}, ragged tabs, two cells",
        "test.txt": "missing, not UTF-8, empty cell",
    },
    "heco": {
        "pa.txt": "negative, word, float, ragged tabs, not UTF-8",
        "labels.npy": "missing, empty, half, binary, word",
        "a_feat.npz": "empty, half, binary",
        "train_20.npy": "missing, empty, half, binary",
    },
    "tables": {
        "users.csv": f"missing, empty, {ANY_TEXT}, word, blank cell, {NOT_USERS}",
        "shops.csv": "missing, empty, row twice, word, ragged, nan",
        "buys.csv": "missing, empty, unknown id, blank cell, ragged, nan, no heading",
        "knows.csv": "missing, empty, unknown id, no heading",
    },
    "networkx": {
        "graph.json": f"missing, empty, half, {ANY_TEXT}, word, nan, bad split, no attribute, ragged list",
    },
}

CASES = [
    (layout, file, how)
    for layout, files in BROKEN.items()
    for file, hows in files.items()
    for how in hows.split(", ")
]


def break_text(text: str, how: str) -> str:
    """Return a text that is broken in the way named."""
    rows = text.splitlines()
    first = re.search(r"(?<![\w.])-?\d+(\.\d+)?(?![\w.])", text.partition("\n")[2] or text)
    start = (first.start() if first else 0) + (len(rows[0]) + 1 if "\n" in text[:-1] else 0)
    end = start + (len(first[0]) if first else 1)

    def number(by: str) -> str:
        return text[:start] + by + text[end:]

    return {
        "word": lambda: number("wrong") if first else "wrong\n" + text,
        "float": lambda: number("1.5"),
        "blank cell": lambda: number("") if "," in text else number(" , "),
        "overflow": lambda: number("99999999999999999999"),
        "negative": lambda: number("-7"),
        "zero": lambda: number("0"),
        "large": lambda: number("1000"),
        "nan": lambda: number("nan") if "{" not in text else text.replace("1.5", "NaN", 1),
        "inf": lambda: number("inf"),
        "ragged": lambda: "\n".join([*rows[:-1], rows[-1] + ",1"]),
        "ragged tabs": lambda: "\n".join([*rows[:-1], rows[-1] + "\tmore"]),
        "column more": lambda: "\n".join(row + ",1" for row in rows),
        "row more": lambda: text + rows[-1] + "\n" + rows[-1] + "\n",
        "row less": lambda: "\n".join(rows[:-1]),
        "row twice": lambda: text + rows[-1] + "\n",
        "no heading": lambda: "\n".join(rows[1:]) if len(rows) > 2 else "one,two,three\n" + rows[-1],
        "triple of two": lambda: rows[0].rpartition("<")[0] + ".\n" + text,
        "no dot": lambda: text.replace(" .", "", 1),
        "open literal": lambda: '<http://a> <http://b> "open .\n' + text,
        "literal first": lambda: '"literal" <http://b> <http://c> .\n' + text,
        "bad escape": lambda: '<http://a> <http://b> "\\x41" .\n' + text,
        "surrogate": lambda: '<http://a> <http://b> "\\uD800" .\n' + text,
        "unknown entity": lambda: text.replace("http://toy.org/p", "http://toy.org/q"),
        "training entity": lambda: text.replace("/p3", "/p0").replace("group1", "group0"),
        "no label": lambda: text.replace("group0", "", 1),
        "other class": lambda: text.replace("group0", "group7", 1),
        "two cells": lambda: rows[0].rpartition("\t")[0] + "\n",
        "empty cell": lambda: text.replace(rows[0].split("\t")[1], "", 1),
        "open quote": lambda: text.replace("Bonn", '"Bonn', 1),
        "bad split": lambda: text.replace("train", "training", 1),
        "unknown id": lambda: text.replace("u2", "u9"),
        "no attribute": lambda: text.replace('"x"', '"y"', 1),
        "ragged list": lambda: text.replace("1.5]", "1.5, 2]", 1),
    }[how]()  # fmt: skip


def break_file(path: Path, how: str) -> None:
    """Break a file in the way named."""
    data = path.read_bytes()
    zipped = path.name.endswith(".gz")
    pack = (lambda raw: gzip.compress(raw, mtime=0)) if zipped else bytes
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(pack(b""))
    elif how in ("half", "cut gzip"):
        path.write_bytes(data[: len(data) // 2])
    elif how == "plain":
        path.write_bytes(gzip.decompress(data))
    elif how == "binary":
        path.write_bytes(pack(bytes(range(255, 0, -1)) * 3))
    elif how == "not UTF-8":
        path.write_bytes(pack(b"caf\xe9 " + (gzip.decompress(data) if zipped else data)))
    elif path.suffix == ".npy":
        path.write_bytes(b"wrong" + data)
    else:
        text = (gzip.decompress(data) if zipped else data).decode()
        broken = break_text(text, how)
        assert broken != text, "the mutation must change the file"
        path.write_bytes(pack(broken.encode()))


def test_there_are_many():
    assert len(set(CASES)) == len(CASES) >= 200


@pytest.mark.parametrize(("layout", "file", "how"), CASES)
def test_broken(layouts, tmp_path, layout, file, how):
    write, read = layouts[layout]
    write(tmp_path)
    read(tmp_path)
    break_file(tmp_path / file, how)
    with pytest.raises((DataError, GraphError)) as error:
        read(tmp_path)
    assert SENTENCE.fullmatch(str(error.value)), str(error.value)
