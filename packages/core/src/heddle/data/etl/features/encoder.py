"""Encoder: a fitted encoding of one column."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.schemas.schema import Encode


class Encoder(NamedTuple):
    """A fitted encoding of one column.

    Attributes:
        encode: what it was fitted for.
        column: the column.
        names: the columns it gives, one for codes.
        size: number of codes, 0 if it gives floats.
        apply: Arrow table of a chunk -> [rows, len(names)] float64, or [rows, 1] int32 codes.
        fitted: what was fitted, as JSON holds it.
    """

    encode: str
    column: str
    names: tuple[str, ...]
    size: int
    apply: Callable[[Any], np.ndarray]
    fitted: Mapping[str, Any]


def fitted_key(type_key: tuple[str, ...], column: str, encode: Encode) -> str:
    """Return what the metadata calls a fitted encoding of a column."""
    detail = f".{encode.period}" if encode.encode == "cyclic" else ""
    return f"{'___'.join(type_key)}.{column}.{encode.encode}{detail}"
