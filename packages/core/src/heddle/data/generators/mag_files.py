"""write_mag: a synthetic academic graph as files, in the raw layout of ogbn-mag."""

import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from heddle.atomic import write_atomically
from heddle.data.generators.mag import mag_and_years
from heddle.graphs.graph import HeteroGraph

ROWS = 20_000
"""Rows formatted at a time."""


def write_mag(
    folder: str | Path,
    papers: int = 2000,
    authors: int = 3000,
    institutions: int = 50,
    fields: int = 120,
    venues: int = 8,
    features: int = 32,
    signal: float = 1.0,
    inside: float = 0.7,
    seed: int = 0,
) -> Path:
    """Write the graph that `heddle.data.generators.mag.mag` makes of the arguments; return the folder that holds raw/.

    ogbn-mag itself has 736389 papers, 1134649 authors, 8740 institutions, 59965 fields, 349 venues and 128 features.
    """
    made, year = mag_and_years(
        papers, authors, institutions, fields, venues, features, signal, inside, False, seed
    )
    graph, root = made.graphs, Path(folder).expanduser()
    assert isinstance(graph, HeteroGraph) and made.targets is not None
    kinds, raw = list(graph.n_node), root / "raw"
    _text(
        raw / "num-node-dict.csv.gz", [",".join(kinds), ",".join(str(int(graph.n_node[k][0])) for k in kinds)]
    )
    _text(raw / "triplet-type-list.csv.gz", [",".join(key) for key in graph.edges])
    for name in ("has-feat", "has-label"):
        _text(
            raw / f"nodetype-{name}.csv.gz",
            [",".join(kinds), ",".join(str(node_type == "paper") for node_type in kinds)],
        )
    _numbers(raw / "node-feat/paper/node-feat.csv.gz", graph.nodes["paper"], "%.6g")
    _numbers(raw / "node-feat/paper/node_year.csv.gz", year[:, None], "%d")
    _numbers(raw / "node-label/paper/node-label.csv.gz", made.targets[:, None], "%d")
    for number, (key, edges) in enumerate(graph.edges.items()):
        relation_folder = raw / "relations" / "___".join(key)
        ends = np.stack([edges.senders, edges.receivers], axis=1)
        _numbers(relation_folder / "edge.csv.gz", ends, "%d")
        _numbers(relation_folder / "num-edge-list.csv.gz", np.array([[len(ends)]]), "%d")
        _numbers(relation_folder / "edge_reltype.csv.gz", np.full((len(ends), 1), number), "%d")
    _text(
        root / "split/time/nodetype-has-split.csv.gz",
        [",".join(kinds), ",".join(str(k == "paper") for k in kinds)],
    )
    for part, rows in made.splits.items():
        _numbers(root / f"split/time/paper/{part}.csv.gz", rows[:, None], "%d")
    return root


def _text(path: Path, lines: Sequence[str]) -> None:
    _write(path, ["\n".join(lines) + "\n"])


def _numbers(path: Path, table: np.ndarray, form: str) -> None:
    def parts() -> Iterator[str]:
        for start in range(0, len(table), ROWS):
            stream = io.StringIO()
            np.savetxt(stream, table[start : start + ROWS], fmt=form, delimiter=",")
            yield stream.getvalue()

    _write(path, parts())


def _write(path: Path, parts: Iterable[str]) -> None:
    """Write text gzipped without a time in its head, so that equal content gives equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file, gzip.GzipFile("", "wb", 1, file, mtime=0) as stream:
            for part in parts:
                stream.write(part.encode())

    write_atomically(path, write)
