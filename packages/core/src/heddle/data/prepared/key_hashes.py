"""key_hashes: what draws know a node by: its type and its key, whatever its number in a folder."""

from typing import Any

import numpy as np

from heddle.extras import require
from heddle.sampling.stream import branches

_CHUNK = 1 << 20
"""Keys that are looked at at a time."""


def key_hashes(node_type: str, keys: Any) -> np.ndarray:
    """Return [n] uint64, one for each key of a node type: equal in every folder, of every machine and version.

    The hash of words w0, w1 ... is the stream `branch(0, w0, w1, ...)` of heddle.sampling. A text is its length in
    bytes of UTF-8, then these bytes, eight a word, the first the lowest, the last word filled with zeros. First come
    the words of the type's name; then for an integer the words 0 and itself, for a float 1 and its bits, for a text 2
    and its words.

    Args:
        keys: integers, floats or texts: a sequence, or an array of pyarrow.

    >>> key_hashes("user", ["ada", "bob"]).tolist() == [int(key_hashes("user", [key])[0]) for key in ("ada", "bob")]
    True
    """
    arrow = require("pyarrow", "etl")
    array = keys if isinstance(keys, arrow.Array | arrow.ChunkedArray) else arrow.array(keys)
    start = _texts(np.zeros(1, np.uint64), arrow.array([node_type], arrow.string()))
    parts = [
        _hashes(start, array.slice(first, _CHUNK), arrow) for first in range(0, max(len(array), 1), _CHUNK)
    ]
    return np.concatenate(parts)


def hashes_of_file(node_type: str, path: Any) -> np.ndarray:
    """Return the hash of each key in the column "id" of a Parquet file, [rows] uint64, read a row group at a time."""
    parquet = require("pyarrow.parquet", "etl")
    with parquet.ParquetFile(path) as file:
        parts = [
            key_hashes(node_type, batch.column("id")) for batch in file.iter_batches(_CHUNK, columns=["id"])
        ]
    return np.concatenate([np.zeros(0, np.uint64), *parts])


def _hashes(start: np.ndarray, array: Any, arrow: Any) -> np.ndarray:
    array = array.combine_chunks() if isinstance(array, arrow.ChunkedArray) else array
    if len(array) == 0:
        return np.zeros(0, np.uint64)
    if arrow.types.is_integer(array.type):
        return branches(np.repeat(branches(start, 0), len(array)), array.cast(arrow.int64()).to_numpy())
    if arrow.types.is_floating(array.type):
        values = array.cast(arrow.float64()).to_numpy(zero_copy_only=False) + 0.0  # of -0.0 this makes 0.0
        return branches(np.repeat(branches(start, 1), len(array)), values.view(np.int64))
    return _texts(np.repeat(branches(start, 2), len(array)), array.cast(arrow.large_string()))


def _texts(streams: np.ndarray, texts: Any) -> np.ndarray:
    """Return the streams that texts name below `streams` [n]."""
    arrow = require("pyarrow", "etl")
    texts = texts.cast(arrow.large_string())
    _, offsets_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.zeros(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
    data = np.concatenate([data, np.zeros(8, np.uint8)])
    lengths = np.diff(offsets)
    streams = branches(streams, lengths)
    for word in range(int((lengths.max(initial=0) + 7) // 8)):
        rows = np.flatnonzero(lengths > 8 * word)
        begins, left = offsets[rows] + 8 * word, np.minimum(lengths[rows] - 8 * word, 8)
        octets = data[begins[:, None] + np.arange(8)].astype(np.uint64)
        octets[np.arange(8) >= left[:, None]] = 0
        streams[rows] = branches(
            streams[rows], (octets << np.arange(0, 64, 8, dtype=np.uint64)).sum(1, np.uint64)
        )
    return streams
