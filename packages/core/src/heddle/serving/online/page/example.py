"""example: a row to begin with: the last one of the prepared data, read back from how it was encoded."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from heddle.data.etl.schemas.schema import Column as TableColumn
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.scoring.columns import encoded_columns
from heddle.serving.scoring.encoded import encoded_of


def moment_text(bundle: Bundle, time: int) -> str:
    """Return a time of the data as a person writes it, and a request may: a date in UTC, or a number."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S") if bundle.dated else str(time)


def example_of(bundle: Bundle) -> dict[str, str]:
    """Return field -> text of a row that the server can score; what isn't known is left out."""
    encoder, target, opened = bundle.encoders.get(bundle.target), bundle.target, bundle.live.opened
    keys = bundle.live.snapshot().generation.keys
    if encoder is None or encoder.edges is None:
        asked, count = opened.nodes[target[0]], opened.nodes[bundle.key_type].rows
        if not count:
            return {}
        last = {"key": str(keys[bundle.key_type].name(count - 1))}
        return last if asked.time is None else {**last, "time": moment_text(bundle, int(asked.time.max()))}
    edges = opened.edges[target[0], target[1], target[2]]
    if not edges.rows:
        return {}
    at = edges.rows - 1
    row: dict[str, str] = {}
    columns = encoder.table.columns
    encoded = encoded_of({name: np.asarray(of[at : at + 1]) for name, of in edges.features.items()})
    for of in encoded_columns(encoder):
        if of.name in columns and of.encode not in ("bins", "cyclic", "since"):
            value = of.value(encoded, 0)
            fields = columns[of.name].of
            if len(fields) == 1:
                row.setdefault(fields[0], "" if value == "unknown" else value)
    ends = () if edges.ends is None else edges.ends[at]
    for name, end, node_type in zip(
        (encoder.edges.source, encoder.edges.target), ends, (target[0], target[2])
    ):
        row |= _split(columns[name], str(keys[node_type].name(int(end))))
    if encoder.edges.time is not None and edges.time is not None:
        row |= _dated(columns[encoder.edges.time], int(edges.time[at]))
    return row


def _split(column: TableColumn, key: str) -> dict[str, str]:
    """Return a key by the fields that it was made of."""
    parts = key.split("/") if len(column.of) > 1 else [key]
    return dict(zip(column.of, parts)) if len(parts) == len(column.of) else {}


def _dated(column: TableColumn, time: int) -> dict[str, str]:
    """Return a time by the fields that it is read from."""
    if column.type == "int":
        return {column.of[0]: str(time)}
    moment = datetime.fromtimestamp(time, UTC)
    if column.type == "clock":
        texts: list[Any] = [moment.year, moment.month, moment.day, moment.strftime("%H:%M")]
        return {field: str(text) for field, text in zip(column.of, texts)}
    if column.type != "datetime":
        return {}
    units = {"%s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    if column.format in units:
        return {column.of[0]: str(time * units[column.format])}
    return {column.of[0]: moment.isoformat() if column.format == "iso" else moment.strftime(column.format)}
