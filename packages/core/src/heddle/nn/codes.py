"""Codes of categories as rows of tables of embeddings: how many rows and columns, and which row a code has."""

from collections.abc import Sequence

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.graph import Array
from heddle.ops.graph_ops import GraphOps

MOST_ROWS = 1 << 16
"""Rows of a table of embeddings at most: codes of a larger vocabulary share them."""

WIDEST = 64
"""Columns of an embedding at most."""


def table_shape(n_codes: int) -> tuple[int, int]:
    """Return (rows, columns) of the table of embeddings for so many codes, 0 ("unknown") among them.

    Columns grow as 1.6 n^0.56, the rule of fastai's tabular models.

    >>> table_shape(3), table_shape(500), table_shape(10**7)
    ((3, 3), (500, 52), (65536, 64))
    """
    return max(1, min(n_codes, MOST_ROWS)), max(1, min(WIDEST, round(1.6 * n_codes**0.56)))


def table_row(codes: Array, n_codes: int) -> Array:
    """Return the row of each code, of any shape, in its table: the code itself, modulo the rows of a table with fewer.

    Args:
        n_codes: codes are below it.
    """
    return codes % MOST_ROWS if n_codes > MOST_ROWS else codes


def check_codes(where: str, codes: np.ndarray, sizes: Sequence[int]) -> None:
    """Check codes [n, columns] against the number of codes of each column.

    Raises:
        GraphError: other columns, or a code that the table has no row for.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] != len(sizes):
        actual, expected = f"codes of shape {codes.shape}", f"[n, {len(sizes)}], as the model was made for"
        raise GraphError(problem(where, actual, expected, "bring data that was encoded alike"))
    for i, size in enumerate(sizes):
        column = codes[:, i]
        if len(column) and not 0 <= int(column.min()) <= int(column.max()) < size:
            actual = f"codes from {column.min()} to {column.max()} in column {i}"
            raise GraphError(problem(where, actual, f"0 to {size - 1}", "bring data that was encoded alike"))


def embed_codes(ops: GraphOps, tables: Sequence[Array], codes: Array, sizes: Sequence[int]) -> list[Array]:
    """Return the embeddings of each column: [n, columns] codes and a table a column -> [n, width] each."""
    return [
        ops.gather(table, table_row(codes[:, i], size)) for i, (table, size) in enumerate(zip(tables, sizes))
    ]
