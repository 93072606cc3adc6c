"""kept: the rows of a relation whose ends are nodes, where others are to be left out."""

from pathlib import Path
from typing import Any

from heddle.data.etl.schemas.schema import Edges
from heddle.data.etl.steps import Steps
from heddle.data.etl.streams import chunks, row_count
from heddle.extras import require


def kept_rows(edges: Edges, table: Path, ends: Path, steps: Steps) -> tuple[Path, Path]:
    """Return the table and the ends of a relation without the rows that `missing` leaves out.

    Args:
        edges: the relation as the schema has it.
        table, ends: its files, by row.
        steps: writes the new files, or finds them written.
    """
    if edges.missing == "fail":
        return table, ends
    name = "___".join(edges.type)
    rows = steps.file(f"keptrows.{name}", _write, table, ends, table, edges)
    return rows, steps.file(f"keptends.{name}", _write, ends, ends, table, edges)


def dropped(before: Path, after: Path) -> int:
    """Return how many rows the file `before` has that `after` has not."""
    return row_count(before) - row_count(after)


def _write(of: Path, ends: Path, table: Path, edges: Edges, out: Path) -> None:
    """Write the rows of a file that belong to rows of the table that are kept."""
    parquet = require("pyarrow.parquet", "etl")
    columns = list(dict.fromkeys((edges.source, edges.target)))
    with parquet.ParquetWriter(out, parquet.read_schema(of).remove_metadata()) as writer:
        for rows, pairs, cells in zip(chunks(of), chunks(ends), chunks(table, columns)):
            mask = _mask(pairs, cells, edges)
            writer.write_table(rows.filter(mask).replace_schema_metadata(None), row_group_size=61440)


def _mask(pairs: Any, cells: Any, edges: Edges) -> Any:
    """Return which rows stay: with `drop` those whose ends are nodes, with `empty` those without an empty id."""
    compute = require("pyarrow.compute", "etl")
    stays = None
    for end, column in (("source", edges.source), ("target", edges.target)):
        if edges.missing == "drop":
            good = pairs[end].is_valid()
        else:
            good = cells[column].is_valid()
            if "string" in str(cells[column].type):
                good = compute.and_(good, compute.not_equal(compute.fill_null(cells[column], ""), ""))
        stays = good if stays is None else compute.and_(stays, good)
    return stays
