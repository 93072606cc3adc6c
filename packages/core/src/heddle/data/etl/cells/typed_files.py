"""typed_files: Parquet, Arrow and JSON lines, batch after batch of columns that have types."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from heddle.data.etl.cells.json import values_array
from heddle.data.etl.cells.source import File
from heddle.data.etl.cells.text_stream import open_text
from heddle.data.formats.text_files import fail
from heddle.extras import require

ROWS = 65536


def typed_names(file: File, layout: str) -> list[str]:
    """Return the names of a file's columns; of JSON lines the keys of its first thousand objects.

    Raises:
        DataError: a file that isn't of the layout.
    """
    arrow = require("pyarrow", "etl")
    try:
        if layout == "parquet":
            with file.arrow() as stream:
                return list(require("pyarrow.parquet", "etl").read_schema(stream).names)
        if layout == "arrow":
            with file.arrow() as stream:
                return list(require("pyarrow.ipc", "etl").open_file(stream).schema.names)
    except (arrow.ArrowInvalid, OSError) as error:
        fail(file, f"a file that can't be read ({error})", f"{layout}", "fetch it again")
    with open_text(file, "utf-8") as stream:
        return list(dict.fromkeys(key for _, entry in islice(_objects(stream, file), 1000) for key in entry))


def typed_batches(file: File, layout: str, names: Sequence[str]) -> Iterator[tuple[Any, int]]:
    """Yield (record batch of some columns, number of rows before it).

    Raises:
        DataError: a file that isn't of the layout.
    """
    arrow, start = require("pyarrow", "etl"), 0
    try:
        if layout == "parquet":
            with file.arrow() as stream, require("pyarrow.parquet", "etl").ParquetFile(stream) as reader:
                for batch in reader.iter_batches(ROWS, columns=list(names)):
                    yield batch, start
                    start += batch.num_rows
        elif layout == "arrow":
            ipc = require("pyarrow.ipc", "etl")
            with file.arrow() as stream:
                reader = ipc.open_file(stream)
                wanted = [reader.schema.get_field_index(name) for name in names]
                reader = ipc.open_file(stream, options=ipc.IpcReadOptions(included_fields=wanted))
                for at in range(reader.num_record_batches):
                    for batch in _parts(reader.get_batch(at)):
                        yield batch, start
                        start += batch.num_rows
        else:
            with open_text(file, "utf-8") as stream:
                objects = _objects(stream, file)
                while rows := list(islice(objects, ROWS)):
                    columns = [values_array([row.get(name) for _, row in rows]) for name in names]
                    yield arrow.RecordBatch.from_arrays(columns, names=list(names)), start
                    start += len(rows)
    except (arrow.ArrowInvalid, OSError) as error:
        fail(file, f"a file that can't be read ({error})", f"{layout}", "fetch it again")


def _parts(batch: Any) -> Iterator[Any]:
    """Yield a batch as batches of at most ROWS rows."""
    for start in range(0, batch.num_rows, ROWS):
        yield batch.slice(start, ROWS)


def _objects(stream: Any, file: File) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, object) of JSON lines; blank lines don't count."""
    line, rest = 0, b""
    while True:
        chunk = stream.read(1 << 20)
        *whole, rest = (rest + chunk).split(b"\n") if chunk else [rest, b""]
        for text in whole:
            line += 1
            if text.strip():
                try:
                    value = json.loads(text)
                except ValueError as error:
                    fail(
                        f"{file}: line {line}",
                        f"no JSON ({error})",
                        "an object in every line",
                        "fix the line",
                    )
                if not isinstance(value, dict):
                    fail(
                        f"{file}: line {line}",
                        type(value).__name__,
                        "an object in every line",
                        "fix the line",
                    )
                yield line, value
        if not chunk:
            return
