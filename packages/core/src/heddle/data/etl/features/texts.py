"""texts: a column of texts as floats: counts of hashed words and pairs of words, or what your own encoder says."""

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from heddle.data.etl.features.encoder import Encoder
from heddle.data.etl.schemas.schema import Encode
from heddle.data.formats.text_files import fail
from heddle.data.prepared.key_hashes import key_hashes
from heddle.errors import ConfigError, problem

WORD = re.compile(r"\w+")


TextEncoder = Callable[[list[str]], Any]
"""Texts -> [n, size] floats, the same for the same text whatever stands beside it; "" for a missing one."""


def texts(encode: Encode, column: str, fitted: Mapping[str, Any]) -> Encoder:
    """Return the Encoder of a column of texts. Raises ConfigError: an `encoder` that isn't there."""
    size, encoder = encode.size, None if encode.encoder is None else _imported(encode.encoder)

    def apply(table: Any) -> np.ndarray:
        cells = table[column].to_pylist()
        return hashed_texts(cells, size) if encoder is None else _encoded(encoder, cells, encode)

    said = {"size": size} | ({} if encoder is None else {"encoder": encode.encoder})
    return Encoder("text", column, tuple(f"{column}#{at}" for at in range(size)), 0, apply, said)


def _encoded(encoder: TextEncoder, cells: Sequence[str | None], encode: Encode) -> np.ndarray:
    """Return what an encoder says of texts, each distinct one asked for once."""
    distinct = {text: at for at, text in enumerate(dict.fromkeys(cell or "" for cell in cells))}
    if not distinct:
        return np.zeros((0, encode.size))
    vectors = np.asarray(encoder(list(distinct)), np.float64)
    if vectors.shape != (len(distinct), encode.size) or not np.isfinite(vectors).all():
        what = (
            "numbers that aren't finite"
            if vectors.shape == (len(distinct), encode.size)
            else f"{vectors.shape}"
        )
        expected = f"finite numbers of shape {(len(distinct), encode.size)}"
        fail(f"encoder {encode.encoder}", what, expected, "fix the encoder, or size in the schema")
    return vectors[np.array([distinct[cell or ""] for cell in cells], np.int64)]


def _imported(name: str) -> TextEncoder:
    module, _, function = name.partition(":")
    try:
        encoder: TextEncoder = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        do = "install its package, or fix the name"
        raise ConfigError(problem("encoder", f"no {name} ({error})", "MODULE:FUNCTION", do)) from error
    return encoder


def hashed_texts(texts: Sequence[str | None], size: int) -> np.ndarray:
    """Return [n, size] float64: rows of length 1, or zeros for a text without words.

    Words are runs of letters and digits, in small letters. Each word, and each pair of neighbours, adds 1 or -1 to one
    of the columns, by its hash, the same on every machine.

    >>> rows = hashed_texts(["red car", "a red car", ""], 32)
    >>> bool(rows[0] @ rows[1] > 0.5), rows[2].any().item()
    (True, False)
    """
    distinct = {text: at for at, text in enumerate(dict.fromkeys(texts))}
    grams: dict[str, int] = {}
    rows, cells = [], []
    for text, row in distinct.items():
        tokens = WORD.findall((text or "").lower())
        for gram in [*tokens, *(f"{a} {b}" for a, b in pairwise(tokens))]:
            rows.append(row)
            cells.append(grams.setdefault(gram, len(grams)))
    hashed = np.zeros((len(distinct), size))
    if grams:
        hashes = key_hashes("text", list(grams))[np.array(cells)]
        sign = np.where(hashes >> np.uint64(63), -1.0, 1.0)
        np.add.at(hashed, (np.array(rows), (hashes % np.uint64(size)).astype(np.int64)), sign)
    length = np.sqrt((hashed**2).sum(axis=1, keepdims=True))
    hashed /= np.where(length > 0, length, 1.0)
    return hashed[np.array([distinct[text] for text in texts], np.int64)] if len(texts) else hashed
