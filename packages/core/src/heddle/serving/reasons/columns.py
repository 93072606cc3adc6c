"""parts_of: what the columns of a table brought in a row, by their names in the table."""

from collections.abc import Sequence

import numpy as np

from heddle.serving.reasons.reasons import ColumnReason
from heddle.serving.scoring.columns import Column
from heddle.serving.scoring.encoded import Encoded


def parts_of(
    columns: Sequence[Column],
    brought: np.ndarray,
    encoded: Encoded,
    at: int,
    widths: Sequence[int],
    shown: int | None = None,
) -> list[ColumnReason]:
    """Return what the columns of a table brought in a row, the largest first; encodings of one column are added up.

    Args:
        brought: [in], floats first, then the embeddings of codes.
        widths: of the embeddings.
        shown: columns that are named, the others are added up; None for all.
    """
    sums = np.concatenate([[0.0], np.cumsum(brought)]).tolist()
    n_floats = 0 if encoded.x is None else encoded.x.shape[1]
    first = [n_floats, *(n_floats + np.cumsum(widths)).tolist()] if len(widths) else [n_floats]
    totals: dict[str, float] = {}
    encodings: dict[str, list[Column]] = {}
    for column in columns:
        start, stop = column.floats or (first[column.code or 0], first[(column.code or 0) + 1])
        totals[column.name] = totals.get(column.name, 0.0) + sums[int(stop)] - sums[int(start)]
        encodings.setdefault(column.name, []).append(column)
    order = sorted(totals, key=lambda name: -abs(totals[name]))
    named = [ColumnReason(of, _value(encodings[of], encoded, at), totals[of]) for of in order[:shown]]
    rest = order[len(named) :]
    if rest:
        named.append(ColumnReason(f"{len(rest)} others", "", sum(totals[of] for of in rest)))
    return named


def _value(encodings: Sequence[Column], encoded: Encoded, at: int) -> str:
    """Return what all encodings of a column say of it; a bin only where none says more."""
    texts: list[str] = []
    for column in encodings:
        text = column.value(encoded, at)
        if text and (column.encode != "bins" or not texts):
            texts.append(text)
    return ", ".join(texts)
