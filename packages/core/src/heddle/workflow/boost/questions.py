"""QuestionTable: what a run asks about as a matrix for trees: columns of nodes or edges, and embeddings beside them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.data.dataset import Dataset
from heddle.workflow.baselines.rows import Table, rows_of
from heddle.workflow.boost.table import ROWS

EMBEDDED = "embedding"
"""What the names of embeddings begin with."""

OWN, ENDS, EMBEDDINGS = "own", "ends", "embeddings"
"""What columns are of: of what is asked about itself, of the ends of edges, of the model."""


class QuestionTable(NamedTuple):
    """The rows of a dataset's targets with their columns.

    Attributes:
        dataset: of nodes or edges, a row for each target.
        embeddings: (name, [n, d]) of all rows, side by side behind the columns; () for the table alone.
        columns: whether the rows' own columns are there.
    """

    dataset: Dataset
    embeddings: Sequence[tuple[str, np.ndarray]] = ()
    columns: bool = True

    def table(self, rows: np.ndarray) -> Table:
        """Return the Table of some rows [n]."""
        base = (
            rows_of(self.dataset, rows) if self.columns else Table(np.zeros((len(rows), 0), np.float32), ())
        )
        parts = [np.asarray(values)[rows].astype(np.float32) for _, values in self.embeddings]
        return base.beside(*(Table(part, ("q",) * part.shape[1]) for part in parts))

    @property
    def reads(self) -> list[str]:
        """What its columns are of, in their order."""
        return [OWN, ENDS] * self.columns + [EMBEDDINGS] * bool(self.embeddings)

    def names(self) -> list[str]:
        """Return the name of each column, each once and without brackets, which XGBoost doesn't take."""
        width = self.table(np.zeros(0, np.int64)).values.shape[1]
        vectors = [f"{name} {at}" for name, values in self.embeddings for at in range(values.shape[1])]
        named = [*_named(self.dataset)] if self.columns else []
        count = width - len(vectors)
        named = named if len(named) == count else [f"column {at}" for at in range(count)]
        seen: dict[str, int] = {}
        plain = []
        for name in (one.translate(_PLAIN) for one in [*named, *vectors]):
            seen[name] = seen.get(name, 0) + 1
            plain.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
        return plain

    def batches(self, rows: np.ndarray, size: int = ROWS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (rows, matrix [n, columns]) of at most `size` rows."""
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield part, self.table(part).values


def _named(dataset: Dataset) -> Iterator[str]:
    """Yield the names of the columns of `rows_of`, as far as the data knows them."""
    blocks: list[tuple[str, Any]] = [("", dataset.target_type)]
    if dataset.asked is not None:
        relation = next(
            (key for key in dataset.columns if isinstance(key, tuple) and _asks(dataset, key)), None
        )
        ends = dataset.target_type, dataset.receiver_type or dataset.target_type
        blocks = [("", relation), *((f"{end}: ", end) for end in ends)]
    for prefix, key in blocks:
        for names in (dataset.columns.get(key, {}).get(array, ()) for array in ("x", "codes")):
            yield from (f"{prefix}{name}" for name in names)


def _asks(dataset: Dataset, key: Sequence[str]) -> bool:
    return key[0] == dataset.target_type and key[2] == (dataset.receiver_type or dataset.target_type)


_PLAIN = str.maketrans({"[": "(", "]": ")", "<": "("})
