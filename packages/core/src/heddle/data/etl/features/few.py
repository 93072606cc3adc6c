"""few_encoder: features of a few rows, value by value in Python, where NumPy's calls would cost more than its sums.

Bit for bit what `heddle.data.etl.features.formulas` gives of whole columns: sums and quotients are the same ones of
float64, and logarithms, sines and cosines are NumPy's, of all values in one call each, as those of Python's own math
have other last bits.
"""

import math
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.features.formulas import UNKNOWN, phase
from heddle.data.etl.schemas.schema import Encode

Planned = tuple[Encode, str | None, Mapping[str, Any]]
"""An encoding, its column (None for the time since an end's last edge) and what was fitted."""

FewEncoder = Callable[[int, Mapping[str, Sequence[Any]], Mapping[str, np.ndarray]], dict[str, np.ndarray]]
"""(n; column -> [n] values, None where missing; end -> [n] gaps) -> "x" [n, d] float32, "codes" [n, c] int32."""

KNOWN = ("plain", "number", "log", "bins", "category", "onehot", "cyclic", "since")
"""The encodings that are done here."""

_LARGEST = sys.float_info.max
_TURN = 2 * math.pi


class _Parts(NamedTuple):
    """What one encoding takes part in.

    Attributes:
        logs: values -> what log1p is taken of.
        angles: values -> what sine and cosine are taken of.
        floats: (values, logs, sines, cosines) -> columns [n] each.
        codes: values -> a column [n].
    """

    of: str
    logs: Callable[[Sequence[Any]], list[float]] | None = None
    angles: Callable[[Sequence[Any]], list[float]] | None = None
    floats: Callable[[Sequence[Any], Any, Any, Any], list[list[float]]] | None = None
    codes: Callable[[Sequence[Any]], list[int]] | None = None


def few_encoder(plan: Sequence[Planned]) -> FewEncoder | None:
    """Return what encodes a few rows as the plan of a `RowEncoder` says; None for an encoding of another kind.

    Values of columns whose encoding is plain must be there.
    """
    if any(encode.encode not in KNOWN for encode, _, _ in plan):
        return None
    parts = [_parts(*each) for each in plan]
    has_floats = any(part.floats is not None for part in parts)

    def encode(
        n: int, columns: Mapping[str, Sequence[Any]], gaps: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        values = {**columns, **{f"since {by}": gap.tolist() for by, gap in gaps.items()}}
        log_of: list[float] = []
        angles: list[float] = []
        for part in parts:
            if part.logs is not None:
                log_of += part.logs(values[part.of])
            if part.angles is not None:
                angles += part.angles(values[part.of])
        logs: Iterator[float] = iter(np.log1p(log_of).tolist() if log_of else ())
        moments = np.array(angles, np.float64)
        sines: Iterator[float] = iter(np.sin(moments).tolist() if angles else ())
        cosines: Iterator[float] = iter(np.cos(moments).tolist() if angles else ())
        floats: list[list[float]] = []
        codes: list[list[int]] = []
        for part in parts:
            if part.floats is not None:
                floats += part.floats(values[part.of], logs, sines, cosines)
            elif part.codes is not None:
                codes.append(part.codes(values[part.of]))
        features = {}
        if has_floats:
            features["x"] = _rows(floats, n, np.float32)
        if codes:
            features["codes"] = _rows(codes, n, np.int32)
        return features

    return encode


def _rows(columns: Sequence[Sequence[Any]], n: int, dtype: Any) -> np.ndarray:
    """Return columns [n] as [n, columns]."""
    if n == 1:
        return np.array([[column[0] for column in columns]], dtype)
    return np.ascontiguousarray(np.array(columns, dtype).reshape(len(columns), n).T)


def _parts(encode: Encode, column: str | None, fitted: Mapping[str, Any]) -> _Parts:
    if encode.encode == "since":
        return _Parts(f"since {encode.by}", logs=_gaps, floats=_since)
    assert column is not None
    if encode.encode in ("number", "log"):
        return _scaled(encode, column, fitted["mean"], fitted["deviation"])
    if encode.encode == "plain":
        return _Parts(column, floats=lambda values, *_: [list(map(float, values))])
    if encode.encode == "cyclic":
        return _turned(encode.period, column)
    if encode.encode == "bins":
        bounds = fitted["edges"].tolist()
        return _Parts(
            column,
            codes=lambda values: [
                UNKNOWN if value is None else 1 + bisect_left(bounds, value) for value in values
            ],
        )
    known: Mapping[Any, int] = fitted["codes"]
    if encode.encode == "category":
        return _Parts(column, codes=lambda values: [known.get(value, UNKNOWN) for value in values])
    positions = range(1, len(known) + 1)

    def onehot(values: Sequence[Any], *_: Any) -> list[list[float]]:
        codes = [known.get(value, UNKNOWN) for value in values]
        return [[float(code == at) for code in codes] for at in positions]

    return _Parts(column, floats=onehot)


def _scaled(encode: Encode, column: str, mean: float, deviation: float) -> _Parts:
    scale, clip = deviation if deviation > 0 else 1.0, encode.clip

    def scores(values: Sequence[float | None]) -> list[list[float]]:
        made = []
        for value in values:
            score = 0.0 if value is None else (value - mean) / scale
            if not -_LARGEST <= score <= _LARGEST:
                score = 0.0 if score != score else math.copysign(_LARGEST, score)
            if clip is not None:
                score = min(max(score, -clip), clip) * float(deviation > 0)
            made.append(score)
        return [made]

    if encode.encode == "number":
        return _Parts(column, floats=lambda values, *_: scores(values))

    def changed(values: Sequence[Any], logs: Iterator[float], *_: Any) -> list[list[float]]:
        return scores([_signed(value, next(logs)) for value in values])

    def sizes(values: Sequence[Any]) -> list[float]:
        return [0.0 if value is None else abs(value) for value in values]

    return _Parts(column, logs=sizes, floats=changed)


def _signed(value: Any, log: float) -> float | None:
    """Return sign(x) log(1 + |x|)."""
    if value is None:
        return None
    return log if value > 0 else -log if value < 0 else 0.0


def _turned(period: str, column: str) -> _Parts:
    def angles(values: Sequence[int | None]) -> list[float]:
        return [_TURN * phase(0 if value is None else int(value), period) for value in values]

    def both(values: Sequence[Any], _: Any, sines: Any, cosines: Any) -> list[list[float]]:
        there = [float(value is not None) for value in values]
        return [[next(of) * one for one in there] for of in (sines, cosines)]

    return _Parts(column, angles=angles, floats=both)


def _gaps(gaps: Sequence[float]) -> list[float]:
    return [0.0 if gap != gap else gap for gap in gaps]


def _since(gaps: Sequence[float], logs: Iterator[float], *_: Any) -> list[list[float]]:
    return [[next(logs) for _ in gaps], [float(gap != gap) for gap in gaps]]
