"""ogbn_mag: the schema of OGB's raw heterogeneous layout, read from its lists of types."""

from pathlib import Path
from typing import Any

from heddle.data.etl.schemas.read_schema import read_schema
from heddle.data.etl.schemas.schema import Schema
from heddle.data.formats.text_files import fail
from heddle.data.readers.ogb.hetero import read_sizes, read_types

SPLIT = {"valid": 2018, "test": 2019}
"""The year from which OGB's papers are for validation, and for the test."""


def ogbn_mag(src: Path) -> Schema:
    """Return the schema of a folder in ogbn-mag's layout: raw/ with lists of types, a folder for each relation,
    node-feat/TYPE/node-feat.csv.gz, node-feat/TYPE/node_year.csv.gz and node-label/TYPE/node-label.csv.gz.

    Papers are split by year, as OGB does; every relation gets its reverse.

    Raises:
        DataError: no folder raw/, no labels with years, or a relation without edges.
    """
    root = src if (src / "raw").is_dir() else src / "mag"
    raw = root / "raw"
    if not raw.is_dir():
        fail(src, "no folder raw", "OGB's layout", "name the folder that holds raw/ with data.src")
    below = raw.relative_to(src).as_posix()
    sizes = read_sizes(raw / "num-node-dict.csv.gz")
    tables: dict[str, Any] = {}
    nodes: dict[str, Any] = {}
    target = ""

    def table(name: str, path: str, columns: dict[str, Any]) -> bool:
        if (raw / path).is_file():
            tables[name] = {"path": f"{below}/{path}", "header": False, "columns": columns}
        return (raw / path).is_file()

    for node_type, rows in sizes.items():
        node = nodes[node_type] = {"rows": rows}
        if table(f"{node_type}_features", f"node-feat/{node_type}/node-feat.csv.gz", {}):
            node["features"] = [{"column": "*", "encode": "plain", "table": f"{node_type}_features"}]
        if table(
            f"{node_type}_year",
            f"node-feat/{node_type}/node_year.csv.gz",
            {"year": {"of": "0", "type": "int"}},
        ):
            node["time"] = [f"{node_type}_year", "year"]
        if table(
            f"{node_type}_label",
            f"node-label/{node_type}/node-label.csv.gz",
            {"label": {"of": "0", "type": "int"}},
        ):
            node["label"] = {"column": "label", "table": f"{node_type}_label"}
            target = node_type
    edges = []
    for head, relation, tail in read_types(raw / "triplet-type-list.csv.gz", sizes):
        name = "___".join((head, relation, tail))
        ends = {end: {"of": str(at), "type": "int"} for at, end in enumerate(("source", "target"))}
        if not table(name, f"relations/{name}/edge.csv.gz", ends):
            fail(raw / "relations" / name / "edge.csv.gz", "no such file", "the edges of the relation")
        edges.append({"type": [head, relation, tail], "table": name, "source": "source", "target": "target"})
    if not target or "time" not in nodes[target]:
        fail(
            raw,
            "no labels with years",
            "node-label/TYPE/ and node-feat/TYPE/node_year.csv.gz",
            "fetch it again",
        )
    schema = {"name": "ogbn_mag", "tables": tables, "nodes": nodes, "edges": edges, "split": SPLIT}
    return read_schema({**schema, "kind": "node_classification", "target": target})
