"""Encoders: columns as features, fitted on the values of the training period alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.hashed_text import hashed_texts
from heddle.data.etl.schemas.schema import Encode
from heddle.data.etl.streams import NpyStream, chunks, floats, integers, row_count
from heddle.data.formats.text_files import fail
from heddle.extras import require

PERIODS = {"hour": 24, "weekday": 7, "day": 31, "month": 12}
UNKNOWN = 0
"""The code of a value that the training period doesn't hold, and of a missing one."""


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


CHANGES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "number": lambda x: x,
    "log": lambda x: np.sign(x) * np.log1p(np.abs(x)),
}
"""What is scaled of a number, by the name of the encoding."""


def scaled(values: np.ndarray, encode: str, mean: float, deviation: float) -> np.ndarray:
    """Return (change(x) - mean) / deviation of [n] float64, 0 where x is missing; [n, 1]."""
    scale = deviation if deviation > 0 else 1.0
    scores = (CHANGES[encode](values) - mean) / scale
    if not np.isfinite(scores).all():
        scores = np.nan_to_num(scores, nan=0.0)
    return scores[:, None]


def binned(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return the codes [n, 1] int32 of [n] float64: bin k holds values up to the k-th bound, 0 where missing."""
    codes = 1 + np.searchsorted(bounds, values, side="left")
    return np.where(np.isnan(values), UNKNOWN, codes).astype(np.int32)[:, None]


def turned(seconds: np.ndarray, there: np.ndarray, period: str) -> np.ndarray:
    """Return sine and cosine, [n, 2] float64, of where in its period each of [n] int64 seconds since 1970 lies.

    Of a missing one, where `there` [n] is False, they are 0.
    """
    turns = 2 * np.pi * _phase(seconds, period)
    both = np.empty((len(turns), 2))
    both[:, 0], both[:, 1] = np.sin(turns), np.cos(turns)
    both *= there[:, None]
    return both


def since(gaps: np.ndarray) -> np.ndarray:
    """Return log(1 + gap) and whether there was none, [n, 2] float64, of [n] float64 gaps, NaN for none."""
    both, first = np.empty((len(gaps), 2)), np.isnan(gaps)
    both[:, 0], both[:, 1] = np.log1p(np.where(first, 0.0, gaps)), first
    return both


def fitted_key(type_key: tuple[str, ...], column: str, encode: Encode) -> str:
    """Return what the metadata calls a fitted encoding of a column."""
    detail = f".{encode.period}" if encode.encode == "cyclic" else ""
    return f"{'___'.join(type_key)}.{column}.{encode.encode}{detail}"


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
        return scaled(floats(table, column), encode.encode, mean, deviation)

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


def _category(encode: Encode, column: str, counted: Any) -> Encoder:
    values, codes = _vocabulary(encode, column, counted)

    def apply(table: Any) -> np.ndarray:
        return codes(table).astype(np.int32)[:, None]

    return Encoder("category", column, (column,), len(values) + 1, apply, {"values": values})


def _onehot(encode: Encode, column: str, counted: Any) -> Encoder:
    """A column of zeros and ones for each value; an unknown one has zeros alone."""
    values, codes = _vocabulary(encode, column, counted)

    def apply(table: Any) -> np.ndarray:
        result: np.ndarray = (codes(table)[:, None] == np.arange(1, len(values) + 1)).astype(np.float64)
        return result

    names = tuple(f"{column}={value}" for value in values)
    return Encoder("onehot", column, names, 0, apply, {"values": values})


def _vocabulary(encode: Encode, column: str, counted: Path) -> tuple[list[Any], Callable[[Any], np.ndarray]]:
    """Return the `most` frequent training values, ascending, and what gives a chunk's codes, from 1 on."""
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    kept: list[
        tuple[int, Any]
    ] = []  # (rows, value); sorting is stable, so of equal ones the lesser value stays
    for table in chunks(counted):
        kept += zip(integers(table, "rows").tolist(), table["value"].to_pylist())
        kept = sorted(kept, key=lambda entry: -entry[0])[: encode.most]
    values = sorted(value for _, value in kept)
    known = arrow.array(values) if values else None

    def codes(table: Any) -> np.ndarray:
        if known is None:
            return np.zeros(table.num_rows, np.int64)
        indices = compute.index_in(table[column], value_set=known.cast(table.schema.field(column).type))
        result: np.ndarray = compute.fill_null(compute.add(indices, 1), UNKNOWN).to_numpy().astype(np.int64)
        return result

    return values, codes


def _cyclic(encode: Encode, column: str, counted: Any) -> Encoder:
    period = encode.period

    def apply(table: Any) -> np.ndarray:
        there = table[column].is_valid().to_numpy()
        return turned(table[column].fill_null(0).to_numpy().astype(np.int64), there, period)

    names = (f"{column}.{period}.sin", f"{column}.{period}.cos")
    return Encoder("cyclic", column, names, 0, apply, {"period": period})


def _phase(seconds: np.ndarray, period: str) -> np.ndarray:
    """Return where in its period, from 0 to 1, each moment lies; days are UTC's, Monday comes first."""
    if period == "hour":
        return (seconds % 86400) / 86400
    days = seconds // 86400
    if period == "weekday":
        return (days + 3) % 7 / 7  # the first day of 1970 was a Thursday
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    if period == "month":
        return months.astype(np.int64) % 12 / 12
    result: np.ndarray = (dates - months.astype("datetime64[D]")).astype(np.int64) / PERIODS[period]
    return result


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


def _text(encode: Encode, column: str, counted: Any) -> Encoder:
    size = encode.size

    def apply(table: Any) -> np.ndarray:
        return hashed_texts(table[column].to_pylist(), size)

    return Encoder("text", column, tuple(f"{column}#{at}" for at in range(size)), 0, apply, {"size": size})


_FITS: Mapping[str, Callable[[Encode, str, Any], Encoder]] = {
    "plain": _plain,
    "number": _number,
    "log": _log,
    "bins": _bins,
    "category": _category,
    "onehot": _onehot,
    "cyclic": _cyclic,
    "since": _since,
    "vector": _vector,
    "text": _text,
}


def write_features(encoders: Sequence[tuple[Encoder, Path]], rows: int, folder: Path) -> dict[str, Any]:
    """Write "x", the float columns, and "codes", the int32 ones, side by side; return `features`, `columns`, `sizes`.

    Args:
        encoders: each with the file its column is in; files have as many rows.
        rows: that many.
        folder: where x.npy and codes.npy go.

    Raises:
        DataError: a file with another number of rows.
    """
    for encoder, path in encoders:
        if (n_rows := row_count(path)) != rows:
            fail(
                f"column {encoder.column!r} of {path.stem}",
                f"{n_rows} rows",
                f"{rows}, one for each",
                "fix the table",
            )
    facts: dict[str, Any] = {"features": {}, "columns": {}, "sizes": {}}
    for name, dtype in (("x", np.float32), ("codes", np.int32)):
        group = [(encoder, path) for encoder, path in encoders if bool(encoder.size) == (name == "codes")]
        columns = [column for encoder, _ in group for column in encoder.names]
        if not group:
            continue
        files = {path: [encoder for encoder, at in group if at == path] for _, path in group}
        with NpyStream(folder / f"{name}.npy", dtype, (len(columns),)) as stream:
            for parts in zip(*(_applied(path, of_file) for path, of_file in files.items())):
                blocks = {key: block for part in parts for key, block in part.items()}
                stream.write(np.concatenate([blocks[id(encoder)] for encoder, _ in group], axis=1))
        facts["features"][name], facts["columns"][name] = stream.path, columns
        if name == "codes":
            facts["sizes"][name] = [encoder.size for encoder, _ in group]
    return facts


def _applied(path: Path, encoders: Sequence[Encoder]) -> Iterator[dict[int, np.ndarray]]:
    """Yield, for each chunk of a file, id of the encoder -> its columns."""
    columns = list(
        dict.fromkeys("gap" if encoder.encode == "since" else encoder.column for encoder in encoders)
    )
    for table in chunks(path, columns):
        yield {id(encoder): encoder.apply(table) for encoder in encoders}
