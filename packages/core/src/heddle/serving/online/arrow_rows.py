"""arrow_rows: rows of a body in Arrow's stream format, as JSON's would be; what could blow up is refused."""

import struct
from collections.abc import Mapping
from typing import Any

from heddle.extras import require
from heddle.serving.online.limits import Refused

ARROW = b"application/vnd.apache.arrow.stream"
_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2


def arrow_rows(body: bytes, most: int, columns: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the rows of a body, one dict each, and the schema's metadata that is text.

    Args:
        most: rows at most.
        columns: columns at most.

    Raises:
        Refused: no stream, packed or nested columns, too many rows or columns.
        PluginError: pyarrow isn't installed.
    """
    arrow, ipc = require("pyarrow", "serve"), require("pyarrow.ipc", "serve")
    try:
        n = _rows_of(body, ipc)
        if n > most:
            raise Refused(413, f"rows: found {n}, expected at most {most}; send fewer at a time")
        with ipc.open_stream(body) as stream:
            _check(stream.schema, arrow.types, columns)
            table = stream.read_all()
        table.validate(full=True)
        values = {name: column.to_pylist() for name, column in zip(table.column_names, table.columns)}
    except (arrow.ArrowException, struct.error, LookupError, ValueError, OSError, OverflowError) as error:
        expected = "a stream of Arrow record batches, as pyarrow.ipc.new_stream writes it"
        raise Refused(400, f"body: found {str(error)[:120]!r}, expected {expected}") from None
    metadata = {_text(key): _text(value) for key, value in (table.schema.metadata or {}).items()}
    return [dict(zip(values, row)) for row in zip(*values.values())], metadata


def option_of(metadata: Mapping[str, str], name: str) -> bool:
    """Return what metadata says of true or false; False without it. Raises Refused: another word."""
    word = metadata.get(name, "false")
    if word not in ("true", "false"):
        raise Refused(400, f"metadata {name}: found {word[:40]!r}, expected true or false")
    return word == "true"


def _check(schema: Any, types: Any, columns: int) -> None:
    """Raise Refused where columns aren't plain cells, each once."""
    names = schema.names
    if len(names) > columns:
        raise Refused(413, f"columns: found {len(names)}, expected at most {columns}")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused(400, f"{twice[:80]}: found twice, expected each column once")
    for field in schema:
        cell = field.type.value_type if types.is_dictionary(field.type) else field.type
        text = types.is_string(cell) or types.is_large_string(cell) or types.is_string_view(cell)
        number = types.is_integer(cell) or types.is_floating(cell) or types.is_boolean(cell)
        if not (text or number or (types.is_null(cell) and cell is field.type)):
            what = f"{field.name[:80]}: found {str(field.type)[:40]}"
            raise Refused(400, f"{what}, expected text or numbers; cast it to string")


def _rows_of(body: bytes, ipc: Any) -> int:
    """Return how many rows a stream announces. Raises Refused: it is compressed."""
    total = 0
    for message in ipc.MessageReader.open_stream(body):
        flat = memoryview(message.metadata)
        root = _offset(flat, 0)
        header_type, header = _field(flat, root, 1), _field(flat, root, 2)
        if (
            header_type is None
            or header is None
            or flat[header_type] not in (_RECORD_BATCH, _DICTIONARY_BATCH)
        ):
            continue
        batch: int | None = _offset(flat, header)
        is_dictionary = flat[header_type] == _DICTIONARY_BATCH
        if is_dictionary:
            data = _field(flat, _offset(flat, header), 1)
            batch = None if data is None else _offset(flat, data)
        if batch is None:
            continue
        if _field(flat, batch, 3) is not None:
            raise Refused(
                415, "body: found compressed batches, expected plain ones; write without compression"
            )
        length = _field(flat, batch, 0)
        if length is not None and not is_dictionary:
            total += max(0, int(struct.unpack_from("<q", flat, length)[0]))
    return total


def _offset(flat: memoryview, at: int) -> int:
    """Return where an offset of a flatbuffer leads."""
    return at + int(struct.unpack_from("<I", flat, at)[0])


def _field(flat: memoryview, table: int, number: int) -> int | None:
    """Return where a field of a flatbuffer's table lies; None where it isn't set."""
    vtable = table - int(struct.unpack_from("<i", flat, table)[0])
    size = int(struct.unpack_from("<H", flat, vtable)[0])
    if 4 + 2 * number + 2 > size:
        return None
    offset = int(struct.unpack_from("<H", flat, vtable + 4 + 2 * number)[0])
    return table + offset if offset else None


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
