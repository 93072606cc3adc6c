"""relations: keys of tables and the columns of others that hold them, by names and by values."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from heddle.data.etl.infer.look import Look, Seen
from heddle.extras import require


class Reference(NamedTuple):
    """A column whose values are keys of another table; `partly` if some aren't, or are missing."""

    column: str
    table: str
    partly: bool


def singular(name: str) -> str:
    """Return the name of one of a table's rows: races gives race, statuses status."""
    lower = name.lower()
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("uses", "us"), ("xes", "x")):
        if lower.endswith(ending):
            return name[: -len(ending)] + instead
    return name[:-1] if lower.endswith("s") and not lower.endswith(("ss", "us", "is")) else name


def key_of(name: str, look: Look) -> str | None:
    """Return the column that names a table's rows: every value once and none missing, named as a key or the first."""
    keys = [
        column
        for column, seen in look.columns.items()
        if seen.unique and not seen.missing and seen.type in ("int", "text")
    ]
    named = [column for column in keys if _plain(column) in _names_of(name)]
    first = next(iter(look.columns), None)
    return named[0] if named else first if first in keys else None


def references(name: str, looks: Mapping[str, Look], keys: Mapping[str, str | None]) -> list[Reference]:
    """Return the columns of a table that refer to others; names must agree, values be keys but for one in a hundred."""
    joins = []
    for column, seen in looks[name].columns.items():
        for other, key in keys.items():
            if other == name or key is None or column == keys[name]:
                continue
            same = _plain(column) == _plain(key) != "id" or _plain(column) in _names_of(other) - {"id"}
            share = _share(seen, looks[other].columns[key]) if same else 0.0
            if share >= 0.99 or (share > 0.5 and not looks[other].whole):
                joins.append(Reference(column, other, share < 1 or seen.missing or not looks[other].whole))
                break
    return joins


def _share(seen: Seen, key: Seen) -> float:
    """Return which share of a column's values are keys; 0 for another type."""
    compute = require("pyarrow.compute", "etl")
    if seen.type != key.type or seen.values is None or not len(seen.values):
        return 0.0
    values: Any = seen.values.cast(key.values.type) if seen.values.type != key.values.type else seen.values
    return float(compute.mean(compute.is_in(values, value_set=key.values)).as_py())


def _names_of(table: str) -> set[str]:
    one, many = _plain(singular(table)), _plain(table)
    return {f"{one}id", f"{many}id", one, f"{one}key", f"{one}no", "id"}


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace(" ", "")
