"""columns: what encoded columns are called in their table, and what their numbers and codes stand for."""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.rows import RowEncoder
from heddle.serving.scoring.encoded import Encoded

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Column(NamedTuple):
    """What one encoding of a column takes of the encoded floats or codes.

    Attributes:
        name: in the table.
        floats: first and last + 1 of its floats; None for a code.
        code: which code it is; None for floats.
        encode: as `heddle.data.etl.schemas.schema.Encode` names it.
        fitted: what was fitted, with "period" of a cyclic one.
        seconds: whether the column is a time in seconds.
    """

    name: str
    floats: tuple[int, int] | None
    code: int | None
    encode: str
    fitted: Mapping[str, Any]
    seconds: bool = False

    def value(self, encoded: Encoded, at: int) -> str:
        """Return what a row's numbers stand for, as text; "" where that isn't known."""
        if self.code is not None:
            assert encoded.codes is not None
            return self._of_code(int(encoded.codes[at, self.code]))
        assert self.floats is not None and encoded.x is not None
        return self._of_floats(np.asarray(encoded.x[at, slice(*self.floats)], np.float64))

    def _of_code(self, code: int) -> str:
        if self.encode == "bins":
            edges = self.fitted["edges"]
            if not code or not len(edges):
                return ""
            return f"up to {edges[code - 1]:g}" if code <= len(edges) else f"above {edges[-1]:g}"
        values = self.fitted.get("values")
        if values is None:
            return f"code {code}"
        return f"{values[code - 1]}" if 0 < code <= len(values) else "unknown"

    def _of_floats(self, x: np.ndarray) -> str:
        if self.encode == "cyclic":
            return _of_phase(x, self.fitted["period"])
        if self.encode == "since":
            return "none before" if x[1] > 0.5 else _span(math.expm1(float(x[0])), self.seconds)
        if self.encode == "onehot":
            values = self.fitted["values"]
            return f"{values[int(x.argmax())]}" if x.max(initial=0.0) > 0.5 else "unknown"
        if self.encode in ("number", "log"):
            if not x[0]:
                return "missing, or the mean"
            number = float(x[0]) * (self.fitted["deviation"] or 1.0) + self.fitted["mean"]
            return f"{math.copysign(math.expm1(abs(number)), number) if self.encode == 'log' else number:.6g}"
        return f"{float(x[0]):.6g}"


def encoded_columns(encoder: RowEncoder) -> tuple[Column, ...]:
    """Return what the encodings of a table's columns are, in the order of floats and of codes."""
    made: list[Column] = []
    floats = codes = 0
    for encode, column, fitted in encoder.plan:
        times = encoder.table.columns.get(_time(encoder))
        seconds = times is not None and times.type in ("clock", "datetime")
        name = f"since the {encode.by}'s last" if column is None else column
        if encode.encode in ("bins", "category"):
            made.append(Column(name, None, codes, encode.encode, fitted))
            codes += 1
            continue
        width = {"cyclic": 2, "since": 2}.get(encode.encode, 1)
        if encode.encode == "onehot":
            width = len(fitted["values"])
        kept = {"period": encode.period} if encode.encode == "cyclic" else fitted
        made.append(Column(name, (floats, floats + width), None, encode.encode, kept, seconds))
        floats += width
    return tuple(made)


def named_columns(names: Mapping[str, Sequence[str]]) -> tuple[Column, ...]:
    """Return columns that were never in a table: of names of "x" and of "codes"."""
    made = [Column(name, (at, at + 1), None, "plain", {}) for at, name in enumerate(names.get("x", ()))]
    return (
        *made,
        *(Column(name, None, at, "category", {}) for at, name in enumerate(names.get("codes", ()))),
    )


def _time(encoder: RowEncoder) -> str:
    return (encoder.edges.time if encoder.edges is not None else None) or ""


def _of_phase(x: np.ndarray, period: str) -> str:
    """Return where in its period sine and cosine point; "" for none, which has both 0."""
    if not x.any():
        return ""
    phase = math.atan2(x[0], x[1]) / (2 * math.pi) % 1.0
    if period == "hour":
        minutes = round(phase * 1440) % 1440
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
    if period == "weekday":
        return DAYS[round(phase * 7) % 7]
    if period == "month":
        return MONTHS[round(phase * 12) % 12]
    return f"day {round(phase * 31) % 31 + 1}"


def _span(gap: float, seconds: bool) -> str:
    """Return a time between two edges; `seconds`: in days, hours and minutes."""
    if not seconds:
        return f"{gap:.6g}"
    return str(timedelta(seconds=round(gap)))
