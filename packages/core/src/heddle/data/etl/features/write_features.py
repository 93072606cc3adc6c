"""write_features: columns as x.npy and codes.npy, chunk by chunk."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.etl.features.encoder import Encoder
from heddle.data.etl.streams import NpyStream, chunks, column_type, row_count
from heddle.data.formats.text_files import fail


def write_features(encoders: Sequence[tuple[Encoder, Path]], rows: int, folder: Path) -> dict[str, Any]:
    """Write "x", the float columns, and "codes", the int32 ones, side by side; return `features`, `columns`, `sizes`.

    Args:
        encoders: each with the file its column is in; files have as many rows.
        rows: that many.
        folder: where x.npy and codes.npy go.

    Raises:
        DataError: a file with another number of rows.
    """
    for encoder, path in encoders:
        if (n_rows := row_count(path)) != rows:
            fail(
                f"column {encoder.column!r} of {path.stem}",
                f"{n_rows} rows",
                f"{rows}, one for each",
                "fix the table",
            )
    facts: dict[str, Any] = {"features": {}, "columns": {}, "sizes": {}}
    for name, dtype in (("x", np.float32), ("codes", np.int32)):
        group = [(encoder, path) for encoder, path in encoders if bool(encoder.size) == (name == "codes")]
        columns = [column for encoder, _ in group for column in encoder.names]
        if not group:
            continue
        files = {path: [encoder for encoder, at in group if at == path] for _, path in group}
        with NpyStream(folder / f"{name}.npy", dtype, (len(columns),)) as stream:
            for parts in zip(*(_applied(path, of_file) for path, of_file in files.items())):
                blocks = {key: block for part in parts for key, block in part.items()}
                rows_of_chunk, at = np.empty((len(next(iter(blocks.values()))), len(columns)), dtype), 0
                for encoder, _ in group:
                    block = blocks[id(encoder)]
                    rows_of_chunk[:, at : at + block.shape[1]] = block
                    at += block.shape[1]
                stream.write(rows_of_chunk)
        facts["features"][name], facts["columns"][name] = stream.path, columns
        if name == "codes":
            facts["sizes"][name] = [encoder.size for encoder, _ in group]
    return facts


def _applied(path: Path, encoders: Sequence[Encoder]) -> Iterator[dict[int, np.ndarray]]:
    """Yield, for each chunk of a file, id of the encoder -> its columns."""
    columns = list(
        dict.fromkeys("gap" if encoder.encode == "since" else encoder.column for encoder in encoders)
    )
    others = {encoder.column for encoder in encoders if encoder.encode not in ("category", "onehot")}
    coded = [name for name in columns if name not in others and column_type(path, name) == "string"]
    for table in chunks(path, columns, coded):
        yield {id(encoder): encoder.apply(table) for encoder in encoders}
