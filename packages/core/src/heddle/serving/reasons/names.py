"""Names: what tables, columns and keys of a bundle are called, and what was sent as them."""

from typing import Any

import numpy as np

from heddle.data.etl.rows import Rows
from heddle.data.prepared.columns import columns_of
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.live.graph import Snapshot
from heddle.serving.reasons.columns import parts_of
from heddle.serving.reasons.reasons import ColumnReason
from heddle.serving.scoring.columns import Column, encoded_columns, named_columns
from heddle.serving.scoring.encoded import Encoded

SHOWN = 10
"""Columns of a neighbour or an edge that are named; the others are added up."""


class Names:
    """Names of what one row asks about in a state.

    Args:
        row: the one row that was sent.
    """

    def __init__(self, bundle: Bundle, snapshot: Snapshot, row: Rows):
        self._bundle, self._snapshot, self._row = bundle, snapshot, row
        self._columns: dict[Any, tuple[Column, ...]] = {}

    def table(self, key: tuple[str, ...]) -> str:
        """Return the table whose rows are edges of a relation, or its reverse."""
        encoder = self._bundle.encoders.get(self._stored(key))
        return encoder.name if encoder is not None else "/".join(self._stored(key))

    def node(self, node_type: str, number: int, end: int) -> tuple[str, bool]:
        """Return a node's key as text, of an end that was never seen as it was sent, and whether it was seen."""
        if number < self._snapshot.n_node[node_type]:
            return str(self._snapshot.generation.keys[node_type].name(number)), True
        encoder = self._bundle.encoders.get(self._bundle.target)
        if encoder is None or encoder.edges is None:
            return self._cells(("key",), ""), False
        column = (encoder.edges.source, encoder.edges.target)[end]
        return self._cells(encoder.table.columns[column].of, "/"), False

    def asked(self, brought: np.ndarray, encoded: Encoded, widths: tuple[int, ...]) -> list[ColumnReason]:
        """Return what the columns that were sent brought [in], largest first, with the values as they were sent."""
        key, made = self._bundle.target, []
        encoder = self._bundle.encoders.get(key)
        for part in parts_of(self._of(key), brought, encoded, 0, widths):
            if encoder is not None and part.column in encoder.table.columns:
                sent = self._cells(encoder.table.columns[part.column].of, " ")
                part = ColumnReason(part.column, sent, part.contribution)
            made.append(part)
        return made

    def largest(
        self, key: tuple[str, ...], brought: np.ndarray, encoded: Encoded, at: int, widths: tuple[int, ...]
    ) -> tuple[ColumnReason, ...]:
        """Return what most of a node's or an edge's columns brought [in], the others added up."""
        return tuple(parts_of(self._of(self._stored(key)), brought, encoded, at, widths, SHOWN))

    def _of(self, key: tuple[str, ...]) -> tuple[Column, ...]:
        if key not in self._columns:
            encoder = self._bundle.encoders.get(key)
            unnamed: Any = key[0] if len(key) == 1 else key
            if encoder is None:
                made = named_columns(columns_of(self._bundle.live.opened).get(unnamed, {}))
            else:
                made = encoded_columns(encoder)
            self._columns[key] = made
        return self._columns[key]

    def _stored(self, key: tuple[str, ...]) -> tuple[str, ...]:
        """Return the relation whose rows a reverse one has."""
        if len(key) != 3:
            return key
        relation = key[0], key[1], key[2]
        return self._snapshot.generation.reverse.get(relation, relation)

    def _cells(self, fields: tuple[str, ...], between: str) -> str:
        cells = [self._row.columns.get(of, [None])[0] for of in fields]
        return between.join("" if cell is None else str(cell) for cell in cells)
