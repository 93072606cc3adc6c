"""fit: the Encoder of a column, fitted on the values of the training period alone, or fitted before."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.etl.features.encoder import Encoder
from heddle.data.etl.features.formulas import CHANGES, binned, scaled, since, turned
from heddle.data.etl.features.texts import texts
from heddle.data.etl.features.vocabulary import category, onehot, vocabulary
from heddle.data.etl.schemas.schema import Encode
from heddle.data.etl.streams import chunks, floats, integers
from heddle.data.formats.text_files import fail

Fitted = Mapping[str, Any]
"""What an encoding was fitted to, as JSON holds it."""


def fit(encode: Encode, column: str, counted: Any) -> Encoder:
    """Return the Encoder of a column; `counted` is the file of its training values, as
    `Engine.counts` writes it; None for an encoding that is not fitted."""
    fitted = _FITS[encode.encode](encode, counted) if encode.encode in _FITS else {}
    return encoder_of(encode, column, fitted)


def encoder_of(encode: Encode, column: str, fitted: Fitted) -> Encoder:
    """Return the Encoder of a column that was fitted before: the same as `fit` gave then."""
    return _ENCODERS[encode.encode](encode, column, fitted)


def _plain(encode: Encode, column: str, fitted: Fitted) -> Encoder:
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


def _fit_scaled(encode: Encode, counted: Path) -> Fitted:
    """Return the mean and the deviation of the changed values."""
    change = CHANGES[encode.encode]
    rows, total, squares = 0, 0.0, 0.0
    for table in chunks(counted):
        values, of = change(floats(table, "value")), integers(table, "rows")
        rows, total = rows + int(of.sum()), total + float(np.sum(values * of))
    mean = total / rows if rows else 0.0
    for table in chunks(counted):
        values, of = change(floats(table, "value")), integers(table, "rows")
        squares += float(np.sum((values - mean) ** 2 * of))
    return {"mean": mean, "deviation": (squares / rows) ** 0.5 if rows else 0.0}


def _scaled(encode: Encode, column: str, fitted: Fitted) -> Encoder:
    """Return (change(x) - mean) / deviation, 0 where x is missing."""
    mean, deviation = fitted["mean"], fitted["deviation"]

    def apply(table: Any) -> np.ndarray:
        return scaled(floats(table, column), encode.encode, mean, deviation, encode.clip)

    return Encoder(encode.encode, column, (column,), 0, apply, fitted)


def _fit_bins(encode: Encode, counted: Path) -> Fitted:
    """Return the training quantiles k / bins."""
    total = sum(int(integers(table, "rows").sum()) for table in chunks(counted))
    ranks = [-(-k * total // encode.bins) for k in range(1, encode.bins)]  # the ceiling of k n / bins
    edges: list[float] = []
    seen = 0
    for table in chunks(counted):
        values, reached = floats(table, "value"), seen + np.cumsum(integers(table, "rows"))
        while total and ranks and ranks[0] <= reached[-1]:
            edges.append(float(values[np.searchsorted(reached, ranks.pop(0))]))
        seen = int(reached[-1])
    return {"edges": np.unique(np.array(edges, np.float64)).tolist()}


def _bins(encode: Encode, column: str, fitted: Fitted) -> Encoder:
    """Codes 1 to `bins`: bin k holds values up to the k-th edge."""
    bounds = np.array(fitted["edges"], np.float64)

    def apply(table: Any) -> np.ndarray:
        return binned(floats(table, column), bounds)

    return Encoder("bins", column, (column,), len(bounds) + 2, apply, fitted)


def _cyclic(encode: Encode, column: str, fitted: Fitted) -> Encoder:
    period = encode.period

    def apply(table: Any) -> np.ndarray:
        there = table[column].is_valid().to_numpy()
        return turned(table[column].fill_null(0).to_numpy().astype(np.int64), there, period)

    names = (f"{column}.{period}.sin", f"{column}.{period}.cos")
    return Encoder("cyclic", column, names, 0, apply, {"period": period})


def _since(encode: Encode, column: str, fitted: Fitted) -> Encoder:
    """Two columns out of the file of gaps, which stands in for `column`."""

    def apply(table: Any) -> np.ndarray:
        return since(floats(table, "gap"))

    names = (f"since.{encode.by}", f"first.{encode.by}")
    return Encoder("since", column, names, 0, apply, {"by": encode.by})


def _vector(encode: Encode, column: str, fitted: Fitted) -> Encoder:
    """The number itself, 0 where it is missing."""

    def apply(table: Any) -> np.ndarray:
        values: np.ndarray = np.nan_to_num(floats(table, column), nan=0.0)[:, None]
        return values

    return Encoder("vector", column, (column,), 0, apply, {})


_FITS: Mapping[str, Callable[[Encode, Any], Fitted]] = {
    "number": _fit_scaled,
    "log": _fit_scaled,
    "bins": _fit_bins,
    "category": vocabulary,
    "onehot": vocabulary,
}
_ENCODERS: Mapping[str, Callable[[Encode, str, Fitted], Encoder]] = {
    "plain": _plain,
    "number": _scaled,
    "log": _scaled,
    "bins": _bins,
    "category": category,
    "onehot": onehot,
    "cyclic": _cyclic,
    "since": _since,
    "vector": _vector,
    "text": texts,
}
