"""hashed_texts: texts as counts of hashed words and pairs of words; no vocabulary, nothing fitted."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from heddle.data.prepared.key_hashes import key_hashes

WORD = re.compile(r"\w+")


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
