"""Embeddings on disk: a Parquet file for each node type, written in batches, with the nodes' keys beside."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from heddle.atomic import write_atomically
from heddle.data.formats.text_files import fail
from heddle.data.prepared import Prepared, open_prepared
from heddle.extras import require

ROWS = 65536
"""Rows of a row group."""

Embed = Callable[[str], np.ndarray | Iterable[np.ndarray]]
"""Node type -> its nodes' embeddings in order: [n, d], or batches of it from layer-wise or batched inference."""


def generate_embeddings(
    embed: Embed, prepared: Prepared | str | Path, folder: str | Path, kinds: Sequence[str] | None = None
) -> Path:
    """Write KIND.parquet for each node type, and return the folder.

    Columns: "id", the key of the node in the tables (its row, where the prepared folder holds no keys), and
    "embedding", a list of d float32. Rows are in the order of the nodes.

    Args:
        embed: see `Embed`.
        prepared: the prepared folder the nodes are of.
        folder: where the files go.
        kinds: node types; None for those of the task's target.

    Raises:
        DataError: another number of embeddings than of nodes, or one that isn't finite.
    """
    source = prepared if isinstance(prepared, Prepared) else open_prepared(prepared)
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    for node_type in kinds if kinds is not None else target_kinds(source):
        nodes = source.nodes[node_type]
        name = f"embeddings of {node_type}"
        write = partial(_write, batches=embed(node_type), keys=_keys(nodes.ids), count=nodes.rows, where=name)
        write_atomically(folder / f"{node_type}.parquet", write)
    return folder


ENDS = ("source", "target")
"""Names of the ends of a relation's rows."""


def write_row_embeddings(
    rows: np.ndarray | tuple[np.ndarray, np.ndarray], folder: str | Path, node_type: str = ""
) -> Path:
    """Write TYPE.parquet of nodes, or rows/source.parquet and rows/target.parquet of edges, and return the folder.

    Args:
        rows: [n_nodes, d]; or two [n_rows, d], the embeddings of both ends of each row of a relation, as of its time.
        node_type: of the nodes; "" writes nodes.parquet.
    """
    if isinstance(rows, np.ndarray):
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        name = f"embeddings of {node_type or 'nodes'}"
        write = partial(_write, batches=rows, keys=None, count=len(rows), where=name)
        write_atomically(folder / f"{node_type or 'nodes'}.parquet", write)
        return folder
    folder = Path(folder).expanduser()
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    for end, array in zip(ENDS, rows, strict=True):
        name = f"embeddings of the rows' {end}"
        write = partial(_write, batches=array, keys=None, count=len(array), where=name)
        write_atomically(folder / "rows" / f"{end}.parquet", write)
    return folder


def read_row_embeddings(folder: str | Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the two [n_rows, d] that `write_row_embeddings` wrote; None if there are none."""
    rows_folder = Path(folder).expanduser() / "rows"
    if not rows_folder.is_dir():
        return None
    by_end = read_embeddings(rows_folder)
    return by_end["source"], by_end["target"]


def read_embeddings(folder: str | Path) -> dict[str, np.ndarray]:
    """Return node type -> [n, d] float32 of the files that `generate_embeddings` wrote.

    Raises:
        DataError: there are none.
    """
    parquet = require("pyarrow.parquet", "etl")
    by_type = {}
    for path in sorted(Path(folder).expanduser().glob("*.parquet")):
        column = parquet.read_table(path, columns=["embedding"])["embedding"].combine_chunks()
        width = column.type.list_size
        by_type[path.stem] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    if not by_type:
        fail(folder, "no embeddings", "files KIND.parquet", "write them with generate_embeddings")
    return by_type


def target_kinds(prepared: Prepared) -> list[str]:
    """Return the node types that a folder's task is about, all of them if it has none."""
    target = prepared.task.target
    return list(dict.fromkeys(target[::2] if len(target) == 3 else target)) or list(prepared.nodes)


def _write(out: Path, batches: np.ndarray | Iterable[np.ndarray], keys: Any, count: int, where: str) -> None:
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    start, writer = 0, None
    try:
        for batch in _batches(batches):
            if not np.isfinite(batch).all():
                fail(where, "a number that isn't finite", "finite numbers", "train with a lower lr")
            n, width = batch.shape
            ids = arrow.array(np.arange(start, start + n)) if keys is None else keys.slice(start, n)
            lists = arrow.FixedSizeListArray.from_arrays(arrow.array(batch.reshape(-1)), width)
            table = arrow.table({"id": ids, "embedding": lists})
            writer = writer or parquet.ParquetWriter(out, table.schema)
            writer.write_table(table)
            start += n
    finally:
        if writer is not None:
            writer.close()
    if writer is None or start != count:
        fail(where, f"{start} rows", f"{count}, one for each node", "embed every node once")


def _keys(path: Path | None) -> Any:
    if path is None:
        return None
    return require("pyarrow.parquet", "etl").read_table(path, columns=["id"])["id"].combine_chunks()


def _batches(given: np.ndarray | Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield float32 batches of at most ROWS rows."""
    for batch in [given] if isinstance(given, np.ndarray) else given:
        array = np.ascontiguousarray(batch, np.float32)
        for start in range(0, max(len(array), 1), ROWS):
            yield array[start : start + ROWS]
