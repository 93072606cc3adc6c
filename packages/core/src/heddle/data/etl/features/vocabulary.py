"""vocabulary: columns of few values as codes, or as a column of zeros and ones for each."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.etl.features.encoder import Encoder
from heddle.data.etl.features.formulas import UNKNOWN
from heddle.data.etl.schemas.schema import Encode
from heddle.data.etl.streams import chunks, integers
from heddle.extras import require


def vocabulary(encode: Encode, counted: Path) -> Mapping[str, Any]:
    """Return the `most` frequent training values, ascending."""
    kept: list[
        tuple[int, Any]
    ] = []  # (rows, value); sorting is stable, so of equal ones the lesser value stays
    for table in chunks(counted):
        kept += zip(integers(table, "rows").tolist(), table["value"].to_pylist())
        kept = sorted(kept, key=lambda entry: -entry[0])[: encode.most]
    return {"values": sorted(value for _, value in kept)}


def category(encode: Encode, column: str, fitted: Mapping[str, Any]) -> Encoder:
    codes = _codes(column, fitted["values"])

    def apply(table: Any) -> np.ndarray:
        return codes(table).astype(np.int32, copy=False)[:, None]

    return Encoder("category", column, (column,), len(fitted["values"]) + 1, apply, fitted)


def onehot(encode: Encode, column: str, fitted: Mapping[str, Any]) -> Encoder:
    """A column of zeros and ones for each value; an unknown one has zeros alone."""
    values = fitted["values"]
    codes = _codes(column, values)

    def apply(table: Any) -> np.ndarray:
        result: np.ndarray = (codes(table)[:, None] == np.arange(1, len(values) + 1)).astype(np.float64)
        return result

    names = tuple(f"{column}={value}" for value in values)
    return Encoder("onehot", column, names, 0, apply, fitted)


def _codes(column: str, values: Sequence[Any]) -> Callable[[Any], np.ndarray]:
    """Return what gives a chunk's codes, int32, from 1 on in the order of the values."""
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    known = arrow.array(values) if values else None

    def codes(table: Any) -> np.ndarray:
        if known is None:
            return np.zeros(table.num_rows, np.int32)
        cells = table[column].combine_chunks()
        coded = arrow.types.is_dictionary(cells.type)
        distinct = cells.dictionary if coded else cells
        indices = compute.index_in(distinct, value_set=known.cast(distinct.type))
        result: np.ndarray = compute.fill_null(compute.add(indices, 1), UNKNOWN).to_numpy(
            zero_copy_only=False
        )
        if not coded:
            return result
        places = cells.indices
        if places.null_count:
            places, result = places.fill_null(len(result)), np.append(result, UNKNOWN)
        result = result[places.to_numpy()]
        return result

    return codes
