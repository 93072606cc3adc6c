"""json: one value out of every cell of JSON, by its place: names and numbers with dots between."""

import json
from typing import Any

from heddle.data.etl.cells.numbers import Values
from heddle.extras import require


def json_values(column: Any, location: str) -> Values:
    """Return the values at a place of JSON texts, or of structs and lists, as an Arrow array; null where there is none.

    Values of several types come as text, objects and lists of other things than numbers as JSON.
    """
    compute, arrow = require("pyarrow.compute", "etl"), require("pyarrow", "etl")
    steps = location.split(".")
    if not arrow.types.is_string(column.type):
        return Values(values_array([_at(cell, steps) for cell in column.to_pylist()]))
    coded = compute.dictionary_encode(column)
    cells, wrong = [], []
    for text in coded.dictionary.to_pylist():
        try:
            cells.append(_at(json.loads(text) if text.strip() else None, steps))
            wrong.append(False)
        except ValueError:
            cells.append(None)
            wrong.append(True)
    values = compute.take(values_array(cells), coded.indices)
    if not any(wrong):
        return Values(values)
    bad = compute.fill_null(compute.take(arrow.array(wrong), coded.indices), False)
    return Values(values, bad.to_numpy(zero_copy_only=False))


def values_array(cells: list[Any]) -> Any:
    """Return JSON values as an Arrow array; values of several types as their own text."""
    arrow = require("pyarrow", "etl")
    kinds = {type(cell) for cell in cells} - {type(None)}
    if kinds <= {int} and all(cell is None or -(2**63) <= cell < 2**63 for cell in cells):
        return arrow.array(cells, arrow.int64())
    if kinds <= {int, float} and all(not isinstance(cell, int) or abs(cell) <= 2**53 for cell in cells):
        return arrow.array([None if cell is None else float(cell) for cell in cells], arrow.float64())
    if kinds <= {bool}:
        return arrow.array(cells, arrow.bool_())
    if kinds <= {list}:
        try:
            return arrow.array(cells, arrow.list_(arrow.float64()))
        except (arrow.ArrowInvalid, arrow.ArrowTypeError):
            pass
    texts = [cell if cell is None or isinstance(cell, str) else json.dumps(cell) for cell in cells]
    return arrow.array(texts, arrow.string())


def _at(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
