"""RowEncoder: raw rows of a table, as people send them, to the features that the preparation gives the same rows.

Cells mean what they mean in a file (`heddle.data.etl.cells`) and go through the preparation's own formulas with the
values that it fitted, so that features are equal to the bit.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.cells.column import make
from heddle.data.etl.cells.quick import EXACT, FEW, quick_reader
from heddle.data.etl.features.encoder import fitted_key
from heddle.data.etl.features.few import FewEncoder, few_encoder
from heddle.data.etl.features.formulas import UNKNOWN, binned, scaled, since, turned
from heddle.data.etl.schemas.schema import Column, Edges, Encode, Schema
from heddle.errors import DataError, problem
from heddle.extras import require

WHOLE = ("int", "clock", "datetime")
"""Types of columns whose values are whole numbers."""


class RowError(DataError):
    """A row can't be read: one sentence that names its field."""


class Rows(NamedTuple):
    """Rows as they were sent: column of the file -> [n] values, None where one is missing."""

    n: int
    columns: Mapping[str, Sequence[Any]]


class Typed(NamedTuple):
    """Rows as the table's types have them: column -> [n] float64, int64 or object of str; and where one is missing."""

    n: int
    columns: Mapping[str, np.ndarray]
    missing: Mapping[str, np.ndarray]


class Few(NamedTuple):
    """A few rows as the table's types have them: column -> [n] float, int or str, None where one is missing."""

    n: int
    columns: Mapping[str, Sequence[Any]]


class RowEncoder:
    """What the preparation made of the rows of one relation or node type.

    Args:
        kind: (node type,) or (source, relation, target).
        fitted: `info.encoders` of the folder's metadata.

    Raises:
        DataError: features from another table, of "*" or without what was fitted.
    """

    def __init__(self, schema: Schema, type_key: tuple[str, ...], fitted: Mapping[str, Any]):
        self.type_key = type_key
        self.edges: Edges | None = None
        if len(type_key) == 3:
            self.edges = next(edges for edges in schema.edges if edges.type == type_key)
            name, self.features = self.edges.table, self.edges.features
            needed = [self.edges.source, self.edges.target, *([self.edges.time] if self.edges.time else [])]
        else:
            nodes = schema.nodes[type_key[0]]
            if nodes.table is None:
                raise DataError(
                    problem(
                        "/".join(type_key), "no table", "one whose rows are sent", "add the rows of edges"
                    )
                )
            name, self.features, needed = nodes.table, nodes.features, [nodes.key] if nodes.key else []
            if nodes.time is not None and nodes.time[0] == name:
                needed.append(nodes.time[1])
        self.name, self.table = name, schema.tables[name]
        if not self.table.columns:
            raise DataError(
                problem(f"table {name}", "no typed columns", "some", "write columns in the schema")
            )
        if derived := [column for column in needed if column not in self.table.columns]:
            actual = f"the column {derived[0]!r}, which the preparation derives"
            raise DataError(
                problem(f"table {name}", actual, "columns of its file", "name rows by one of them")
            )
        self.plan = [each for encode in self.features for each in self._planned(encode, fitted)]
        self._few: FewEncoder | None = few_encoder(self.plan)
        used = [column for _, column, _ in self.plan if column is not None]
        self.needed = tuple(dict.fromkeys([*needed, *used]))
        self._quick = {name: quick_reader(self.table.columns[name], self.table) for name in self.needed}
        self.fields = tuple(
            dict.fromkeys(of for column in self.needed for of in self.table.columns[column].of)
        )

        self.since = tuple(dict.fromkeys(encode.by for encode, _, _ in self.plan if encode.encode == "since"))

    def typed(self, rows: Rows, columns_read: Collection[str] | None = None) -> "Typed | Few":
        """Return the values of rows.

        Args:
            columns_read: those of `needed` that are read; None for all.

        Raises:
            RowError: names the field of the first cell that can't be read.
        """
        names = self.needed if columns_read is None else columns_read
        if rows.n < FEW and self._few is not None:
            return Few(rows.n, {name: self._few_values(name, rows) for name in names})
        columns, missing = {}, {}
        for name in names:
            columns[name], missing[name] = self._values(name, rows)
        return Typed(rows.n, columns, missing)

    def encode(self, typed: "Typed | Few", gaps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return "x" [n, d] float32 and "codes" [n, c] int32, those that there are.

        Args:
            gaps: end of `since` -> [n] float64, the time since its last edge, NaN for none.

        Raises:
            RowError: a value that isn't finite, in a column whose encoding is plain.
        """
        if isinstance(typed, Few):
            assert self._few is not None
            for encode, column, _ in self.plan:
                if encode.encode == "plain" and column is not None:
                    _finite(np.array([np.nan if of is None else of for of in typed.columns[column]]), column)
            return self._few(typed.n, typed.columns, gaps)
        floats, codes = [], []
        for encode, column, fitted in self.plan:
            if encode.encode == "since":
                floats.append(since(gaps[encode.by]))
                continue
            assert column is not None
            values = typed.columns[column]
            if encode.encode in ("number", "log"):
                floats.append(
                    scaled(
                        _real(values, typed, column),
                        encode.encode,
                        fitted["mean"],
                        fitted["deviation"],
                        encode.clip,
                    )
                )
            elif encode.encode == "plain":
                floats.append(_finite(_real(values, typed, column), column)[:, None])
            elif encode.encode == "cyclic":
                floats.append(turned(values.astype(np.int64), ~typed.missing[column], encode.period))
            elif encode.encode == "onehot":
                places = np.arange(1, len(fitted["codes"]) + 1)
                floats.append(
                    (_codes(values, typed, column, fitted["codes"])[:, None] == places).astype(np.float64)
                )
            elif encode.encode == "bins":
                codes.append(binned(_real(values, typed, column), fitted["edges"]))
            else:
                codes.append(_codes(values, typed, column, fitted["codes"]).astype(np.int32)[:, None])
        features = {}
        if floats:
            features["x"] = np.concatenate(floats, axis=1).astype(np.float32)
        if codes:
            features["codes"] = np.concatenate(codes, axis=1)
        return features

    def time(self, typed: "Typed | Few") -> np.ndarray | None:
        """Return [n] int64, when each row is; None without times. Raises RowError: one has none."""
        name = self.edges.time if self.edges is not None else None
        return None if name is None else self.keys(typed, name)

    def keys(self, typed: "Typed | Few", column: str) -> np.ndarray:
        """Return [n] keys, int64 or object of str. Raises RowError: one is missing."""
        values, of = typed.columns[column], self.table.columns[column]
        if None in values if isinstance(typed, Few) else typed.missing[column].any():
            raise RowError(problem(" and ".join(of.of), "none", "a value in every row", "add it"))
        if isinstance(values, np.ndarray):
            return values
        dtype = object if of.type == "text" else np.int64 if of.type in WHOLE else np.float64
        return np.array(values, dtype)

    def _few_values(self, name: str, rows: Rows) -> list[Any]:
        """Return a typed column of a few rows, None where missing."""
        quick, of = self._quick[name], self.table.columns[name].of
        if quick is not None:
            nothing = (None,) * rows.n
            try:
                return quick([rows.columns.get(part) or nothing for part in of])
            except ValueError:  # Arrow reads it, or says what is wrong
                pass
        values, missing = self._values(name, rows)
        return [None if none else value for value, none in zip(values.tolist(), missing.tolist())]

    def _planned(self, encode: Encode, fitted: Mapping[str, Any]) -> list[tuple[Encode, str | None, Any]]:
        if encode.table is not None and encode.table != self.name:
            what = f"features from table {encode.table}"
            raise DataError(problem("/".join(self.type_key), what, f"all from {self.name}", "prepare it so"))
        if encode.encode == "since":
            return [(encode, None, None)]
        columns = (encode.column,) if isinstance(encode.column, str) else encode.column
        if "*" in columns:
            columns = tuple(self.table.columns)
        made: list[tuple[Encode, str | None, Any]] = []
        for column in columns:
            values = dict(fitted.get(fitted_key(self.type_key, column, encode), {}))
            if encode.encode not in ("plain", "cyclic") and not values:
                key = fitted_key(self.type_key, column, encode)
                raise DataError(
                    problem("info.encoders", f"no {key}", "every encoder", "prepare the folder again")
                )
            if "values" in values:
                values["codes"] = {value: at + 1 for at, value in enumerate(values["values"])}
            if "edges" in values:
                values["edges"] = np.array(values["edges"], np.float64)
            made.append((encode, column, values))
        return made

    def _values(self, name: str, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Return a typed column and where it is missing."""
        column = self.table.columns[name]
        numbers = _numbers(rows.columns.get(column.of[0]), column, self.table.null)
        if numbers is not None:
            return numbers, np.zeros(rows.n, bool)
        cells = {of: _cells(of, rows.columns.get(of), rows.n, column, self.table.decimal) for of in column.of}
        if column.type == "text" and not self.table.null and column.json is None:  # an empty text is a value
            parts = list(cells.values())
            texts = parts[0] if len(parts) == 1 else ["/".join(each) for each in zip(*parts)]
            values = np.empty(len(texts), object)
            values[:] = texts
            return values, np.zeros(len(texts), bool)
        arrow = require("pyarrow", "etl")
        batch = {of: arrow.array(cell, arrow.string()) for of, cell in cells.items()}
        made, unread = make(column, batch, self.table, self.name)
        for wrong in unread:
            at = int(np.argmax(wrong.bad))
            raise RowError(problem(wrong.column, repr(cells[wrong.column][at]), wrong.expected, "correct it"))
        missing = made.is_null().to_numpy(zero_copy_only=False)
        if column.type == "text":
            values = np.empty(len(made), object)
            values[:] = made.to_pylist()
        elif column.type in WHOLE:
            values = made.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        else:
            values = made.to_numpy(zero_copy_only=False).astype(np.float64)
        return values, missing


def _numbers(values: Sequence[Any] | None, column: Column, marks: Collection[str]) -> np.ndarray | None:
    """Return numbers of a column of numbers as they are; None where some are text, too large, or may be missing."""
    if column.type not in ("int", "float") or column.json is not None or not values or marks:
        return None
    if set(map(type, values)) != {int} or not -EXACT <= min(values) <= max(values) <= EXACT:
        return None
    return np.array(values, np.int64 if column.type == "int" else np.float64)


def _cells(name: str, values: Sequence[Any] | None, n: int, column: Column, decimal: str) -> list[Any]:
    """Return the cells of a column as text, as a file would have them. Raises RowError: a value of another type."""
    if values is None:
        return [""] * n
    cells = []
    for value in values:
        if value is None:
            cells.append("")
        elif isinstance(value, str):
            cells.append(value)
        elif column.type == "text" or isinstance(value, bool) or not isinstance(value, int | float):
            expected = (
                "text, as the table has it" if column.type == "text" else f"text or a number ({column.type})"
            )
            raise RowError(problem(name, _shown(value), expected, f'send it as text, such as "{value}"'))
        elif abs(value) > EXACT:
            do = f'send it as text, such as "{value}"'
            raise RowError(problem(name, f"the number {value}", "one up to 2**53, which JSON keeps", do))
        else:
            cells.append(repr(value).replace(".", decimal))
    return cells


def _shown(value: Any) -> str:
    kinds = {bool: "true or false", int: "the number", float: "the number", list: "a list", dict: "an object"}
    what = kinds.get(type(value), type(value).__name__)
    return f"{what} {value}" if isinstance(value, int | float) and not isinstance(value, bool) else what


def _real(values: np.ndarray, typed: Typed, column: str) -> np.ndarray:
    """Return numbers as float64, NaN where missing."""
    if values.dtype == np.float64:
        return values
    return np.where(typed.missing[column], np.nan, values.astype(np.float64))


def _finite(values: np.ndarray, column: str) -> np.ndarray:
    if not np.isfinite(values).all():
        raise RowError(
            problem(column, "an empty cell, or a number without bounds", "finite numbers", "send one")
        )
    return values


def _codes(values: np.ndarray, typed: Typed, column: str, codes: Mapping[Any, int]) -> np.ndarray:
    """Return the code of each value, 0 where it isn't known or missing."""
    numbers = np.array([codes.get(value, UNKNOWN) for value in values.tolist()], np.int64)
    numbers[typed.missing[column]] = UNKNOWN
    return numbers
