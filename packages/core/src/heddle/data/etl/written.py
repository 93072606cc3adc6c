"""written: the columns of nodes and edges that aren't features, each written as one file, chunk by chunk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.etl.schemas.schema import Label
from heddle.data.etl.streams import NpyStream, chunks, column_names, column_type, floats, integers
from heddle.data.formats.text_files import fail
from heddle.extras import require

MOST_CLASSES = 65536
"""Classes that a label may count, if it doesn't list them."""


def write_integers(path: Path, column: str, what: str, out: Path) -> Path:
    """Write a column of whole numbers. Raises DataError: an empty cell; `what` says what every row has."""
    with NpyStream(out, np.int64) as stream:
        for table in chunks(path, [column]):
            if table[column].null_count:
                fail(
                    f"{path.stem}: column {column!r}",
                    "an empty cell",
                    f"{what} in every row",
                    "fix the table",
                )
            stream.write(integers(table, column))
    return stream.path


def write_values(path: Path, column: str, out: Path) -> Path:
    """Write a column of numbers that are to be predicted, NaN where unknown."""
    with NpyStream(out, np.float64) as stream:
        for table in chunks(path, [column]):
            stream.write(floats(table, column))
    return stream.path


def label_columns(path: Path, label: Label) -> tuple[str, ...] | None:
    """Return the columns of several labels, or of several numbers that are to be predicted; None for one column."""
    names = column_names(path)
    if not isinstance(label.column, str):
        return label.column
    parts = tuple(name for name in names if name.startswith(f"{label.column}[") and name.endswith("]"))
    return parts if parts and label.column not in names else None


def write_several(path: Path, columns: Sequence[str], out: Path, *, labels: bool) -> Path:
    """Write columns side by side as [rows, columns] float32, NaN where unknown.

    Args:
        labels: they are labels.

    Raises:
        DataError: a label that is neither 0 nor 1; a column of text.
    """
    with NpyStream(out, np.float32, (len(columns),)) as stream:
        for name in columns:
            if column_type(path, name) == "string":
                fail(f"{path.stem}: column {name!r}", "a column of text", "numbers", "give it the type int")
        for table in chunks(path, columns):
            values = np.stack([floats(table, name) for name in columns], axis=1)
            wrong = ~(np.isnan(values) | (values == 0) | (values == 1)) if labels else np.zeros(1, bool)
            if wrong.any():
                where = f"{path.stem}: column {columns[int(wrong.any(axis=0).argmax())]!r}"
                do = "fix it, or choose a kind of regression"
                fail(where, f"a label of {values[wrong][0]:g}", "0 or 1, empty where unknown", do)
            stream.write(values)
    return stream.path


def write_classes(path: Path, label: Label, out: Path) -> tuple[Path, int]:
    """Write the class of each row, [rows] int64, -1 where unknown; return the file and the number of classes.

    Args:
        path: a table, with the label's column.
        label: the column, and its classes if the schema names them.
        out: the file, .npy.

    Raises:
        DataError: a value that stands for no class.
    """
    most = -1
    with NpyStream(out, np.int64) as stream:
        coded = [name for name in label.columns if column_type(path, name) == "string" and label.classes]
        for table in chunks(path, label.columns, coded):
            numbers = _classes(table[label.columns[0]], label, path.stem)
            most = max(most, int(numbers.max(initial=-1)))
            stream.write(numbers)
    return stream.path, len(label.classes) or most + 1


def write_weights(path: Path, column: str, out: Path) -> Path:
    """Write what each row of the table at `path` weighs in the loss, [rows] float32, to `out` and return that file.

    Raises:
        DataError: a weight that is missing, infinite or below 0.
    """
    with NpyStream(out, np.float32) as stream:
        for table in chunks(path, [column]):
            weights = floats(table, column)
            if not np.isfinite(weights).all() or weights.min(initial=0) < 0:
                bad = weights[~(np.isfinite(weights) & (weights >= 0))][0]
                where = f"{path.stem}: column {column!r}"
                fail(where, f"a weight of {bad}", "a number from 0 in every row", "fix the table")
            stream.write(weights)
    return stream.path


def write_ids(keys: Path, column: str, out: Path) -> Path:
    """Write a column of keys as "id" to `out`, text or int64 whatever the engine wrote.

    Row groups hold one chunk each.

    Raises:
        DataError: an id that is missing or empty.
    """
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    key_type = parquet.read_schema(keys).field(column).type
    key_type = (
        arrow.int64()
        if arrow.types.is_integer(key_type)
        else arrow.float64()
        if arrow.types.is_floating(key_type)
        else arrow.string()
    )
    with parquet.ParquetWriter(part, arrow.schema([("id", key_type)])) as writer:
        for table in chunks(keys, [column]):
            if table[column].null_count or table[column][0].as_py() == "":  # ascending: it would be the first
                fail(
                    keys.stem.replace(".", " of ", 1), "an empty cell", "a key in every row", "fix the table"
                )
            writer.write_table(arrow.table({"id": table[column].cast(key_type)}))
    part.replace(out)
    return out


def _classes(values: Any, label: Label, table: str) -> np.ndarray:
    """Return the class of each cell, -1 for an empty one."""
    compute, arrow = require("pyarrow.compute", "etl"), require("pyarrow", "etl")
    where = f"{table}: column {label.columns[0]!r}"
    if not label.classes:
        if not arrow.types.is_integer(values.type):
            do = "list its values in label.classes, or choose a kind of regression"
            fail(where, f"a label of type {values.type}", "whole numbers from 0", do)
        numbers: np.ndarray = compute.fill_null(values.cast(arrow.int64()), -1).to_numpy()
        wrong = (numbers < -1) | (numbers >= MOST_CLASSES)
        if wrong.any():
            do = "list the values in label.classes"
            fail(where, numbers[wrong][0], f"a class from 0 to {MOST_CLASSES - 1}, -1 where unknown", do)
        return numbers
    cells = values.combine_chunks()
    coded = arrow.types.is_dictionary(cells.type)
    classes = _stands_for((cells.dictionary if coded else cells).cast(arrow.string()), label)
    if coded:  # of few texts, which are looked up once each
        places = cells.indices.fill_null(len(classes)).to_numpy(zero_copy_only=False)
        classes = np.append(classes, -1)[places]
    if (unknown := classes == NO_CLASS).any():
        bad = cells[int(unknown.argmax())].as_py()
        fail(where, repr(bad), f"one of {list(_stands(label))}", "name it in label.classes")
    return classes


NO_CLASS = -2
"""What stands for no class, and isn't empty."""


def _stands(label: Label) -> dict[str, int]:
    named = label.values or tuple((name,) for name in label.classes)
    stands = {value: at for at, class_values in enumerate(named) for value in class_values}
    if label.values:
        stands.pop("*", None)
    return stands


def _stands_for(texts: Any, label: Label) -> np.ndarray:
    """Return the class of each text [n] int64, -1 for an empty one."""
    compute, arrow = require("pyarrow.compute", "etl"), require("pyarrow", "etl")
    stands = _stands(label)
    places = compute.index_in(texts, value_set=arrow.array(list(stands), arrow.string()))
    classes = compute.take(arrow.array(list(stands.values()), arrow.int64()), places)
    others = next((at for at, values in enumerate(label.values) if "*" in values), NO_CLASS)
    empty = compute.equal(compute.fill_null(texts, ""), "")
    classes = compute.if_else(compute.is_null(classes), compute.if_else(empty, -1, others), classes)
    result: np.ndarray = classes.to_numpy(zero_copy_only=False).astype(np.int64)
    return result
