"""fit: the Encoder of a column, fitted on the values of the training period alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.etl.features.encoder import Encoder
from heddle.data.etl.features.formulas import CHANGES, binned, scaled, since, turned
from heddle.data.etl.features.texts import texts
from heddle.data.etl.features.vocabulary import category, onehot
from heddle.data.etl.schemas.schema import Encode
from heddle.data.etl.streams import chunks, floats, integers
from heddle.data.formats.text_files import fail


def fit(encode: Encode, column: str, counted: Any) -> Encoder:
    """Return the Encoder of a column; `counted` is the file of its training values, as
    `Engine.counts` writes it; None for an encoding that is not fitted."""
    return _FITS[encode.encode](encode, column, counted)


def _plain(encode: Encode, column: str, counted: Any) -> Encoder:
    def apply(table: Any) -> np.ndarray:
        values = floats(table, column)
        if not np.isfinite(values).all():
            bad = values[~np.isfinite(values)][0]
            fail(
                f"column {column!r}",
                f"{bad} (or an empty cell)",
                "finite numbers for encode: plain",
                "use number",
            )
        return values[:, None]

    return Encoder("plain", column, (column,), 0, apply, {})


def _number(encode: Encode, column: str, counted: Any) -> Encoder:
    return _scaled(encode, column, counted, CHANGES["number"])


def _log(encode: Encode, column: str, counted: Any) -> Encoder:
    return _scaled(encode, column, counted, CHANGES["log"])


def _scaled(
    encode: Encode, column: str, counted: Path, change: Callable[[np.ndarray], np.ndarray]
) -> Encoder:
    """Return (change(x) - mean) / deviation, 0 where x is missing."""
    rows, total, squares = 0, 0.0, 0.0
    for table in chunks(counted):
        values, of = change(floats(table, "value")), integers(table, "rows")
        rows, total = rows + int(of.sum()), total + float(np.sum(values * of))
    mean = total / rows if rows else 0.0
    for table in chunks(counted):
        values, of = change(floats(table, "value")), integers(table, "rows")
        squares += float(np.sum((values - mean) ** 2 * of))
    deviation = (squares / rows) ** 0.5 if rows else 0.0

    def apply(table: Any) -> np.ndarray:
        return scaled(floats(table, column), encode.encode, mean, deviation, encode.clip)

    return Encoder(encode.encode, column, (column,), 0, apply, {"mean": mean, "deviation": deviation})


def _bins(encode: Encode, column: str, counted: Any) -> Encoder:
    """Codes 1 to `bins` by the training quantiles k / bins: bin k holds values up to the k-th edge."""
    total = sum(int(integers(table, "rows").sum()) for table in chunks(counted))
    ranks = [-(-k * total // encode.bins) for k in range(1, encode.bins)]  # the ceiling of k n / bins
    edges: list[float] = []
    seen = 0
    for table in chunks(counted):
        values, reached = floats(table, "value"), seen + np.cumsum(integers(table, "rows"))
        while total and ranks and ranks[0] <= reached[-1]:
            edges.append(float(values[np.searchsorted(reached, ranks.pop(0))]))
        seen = int(reached[-1])
    bounds = np.unique(np.array(edges, np.float64))

    def apply(table: Any) -> np.ndarray:
        return binned(floats(table, column), bounds)

    return Encoder("bins", column, (column,), len(bounds) + 2, apply, {"edges": bounds.tolist()})


def _cyclic(encode: Encode, column: str, counted: Any) -> Encoder:
    period = encode.period

    def apply(table: Any) -> np.ndarray:
        there = table[column].is_valid().to_numpy()
        return turned(table[column].fill_null(0).to_numpy().astype(np.int64), there, period)

    names = (f"{column}.{period}.sin", f"{column}.{period}.cos")
    return Encoder("cyclic", column, names, 0, apply, {"period": period})


def _since(encode: Encode, column: str, counted: Any) -> Encoder:
    """Two columns out of the file of gaps, which stands in for `column`."""

    def apply(table: Any) -> np.ndarray:
        return since(floats(table, "gap"))

    names = (f"since.{encode.by}", f"first.{encode.by}")
    return Encoder("since", column, names, 0, apply, {"by": encode.by})


def _vector(encode: Encode, column: str, counted: Any) -> Encoder:
    """The number itself, 0 where it is missing."""

    def apply(table: Any) -> np.ndarray:
        values: np.ndarray = np.nan_to_num(floats(table, column), nan=0.0)[:, None]
        return values

    return Encoder("vector", column, (column,), 0, apply, {})


_FITS: Mapping[str, Callable[[Encode, str, Any], Encoder]] = {
    "plain": _plain,
    "number": _number,
    "log": _log,
    "bins": _bins,
    "category": category,
    "onehot": onehot,
    "cyclic": _cyclic,
    "since": _since,
    "vector": _vector,
    "text": texts,
}
