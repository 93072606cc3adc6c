"""What the OGB layouts share: counted edges and nodes, labels with gaps, splits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS
from heddle.data.formats.text_files import check_ids, fail, read_numbers, same_length


def read_column(path: Path) -> np.ndarray:
    """Return a file of one integer a row as [rows] int64."""
    return read_numbers(path, np.int64, columns=1)[:, 0]


def read_counts(path: Path, rows: int, what: str) -> np.ndarray:
    """Return a file of counts of at least 0 as [n] int64; they sum to `rows`, the rows of the file `what`.

    Raises:
        DataError: a negative count, or another sum.
    """
    counts = read_column(path)
    if len(counts) and counts.min() < 0:
        fail(f"{path}: row {int(np.argmin(counts)) + 1}", counts.min(), "a count of at least 0")
    if sum(counts.tolist()) != rows:
        fail(path, f"counts that sum to {sum(counts.tolist())}", f"{rows}, the rows of {what}")
    return counts


def optional(path: Path, dtype: Any) -> np.ndarray | None:
    """Return a file of numbers as [rows, columns], or [rows] of one column, in `dtype`; None where there is none."""
    return read_numbers(path, dtype) if path.is_file() else None


def read_years(path: Path, rows: int) -> np.ndarray | None:
    """Return [rows] int64, the year of each node; None where there is no such file."""
    if not path.is_file():
        return None
    years = read_column(path)
    same_length(path, len(years), rows, "one for each node")
    return years


def read_labels(path: Path, rows: int) -> tuple[np.ndarray, int]:
    """Return targets and the number of classes: [n] int64 classes of one column of whole numbers, -1 for a gap;
    [n, tasks] float32 for several such columns (0 or 1, NaN for a gap; tasks) or other numbers (0 classes).

    Raises:
        DataError: an infinite label.
    """
    table = read_numbers(path, np.float64, gaps=True)
    same_length(path, len(table), rows, "one for each labelled thing")
    known = table[~np.isnan(table)]
    if np.isinf(known).any():
        row = int(np.flatnonzero(np.isinf(table).any(axis=1))[0])
        fail(f"{path}: row {row + 1}", "an infinite label", "a finite one")
    if (known != np.round(known)).any() or (len(known) and known.min() < 0):
        return table.astype(np.float32), 0
    if table.shape[1] != 1:
        return table.astype(np.float32), table.shape[1]
    classes = np.where(np.isnan(table[:, 0]), -1, table[:, 0]).astype(np.int64)
    return classes, int(classes.max(initial=-1)) + 1


def read_splits(folder: Path, rows: int) -> Mapping[str, np.ndarray]:
    """Return "train", "valid", "test" -> positions [n] int64 of a split's folder.

    Raises:
        DataError: a position out of [0, rows).
    """
    splits = {}
    for split in SPLITS:
        path = folder / f"{split}.csv.gz"
        splits[split] = read_column(path)
        check_ids(path, splits[split], rows, "a position")
    return splits
