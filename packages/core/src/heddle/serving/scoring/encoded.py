"""Encoded: columns of nodes, of edges or of what is asked, as numbers and codes, before a model reads them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.data.prepared.columns import features_of


class Encoded(NamedTuple):
    """Inputs as they were encoded: floats [n, d] or None, codes [n, c] or None."""

    x: np.ndarray | None
    codes: np.ndarray | None

    def embedded(self, tables: Sequence[np.ndarray], dtype: Any = np.float64) -> np.ndarray:
        """Return floats with the embeddings of codes behind them, [n, in]."""
        parts = [] if self.x is None else [np.asarray(self.x, dtype)]
        if self.codes is not None:
            parts += [table[codes % len(table)] for table, codes in zip(tables, np.asarray(self.codes).T)]
        return np.concatenate(parts, axis=1, dtype=dtype)


def encoded_of(features: Mapping[str, np.ndarray]) -> Encoded:
    """Return features (name -> [n, ...]) as the one array of floats and the one of codes."""
    of = features_of(features, None)
    return Encoded(of.get("x"), of["codes"]) if isinstance(of, Mapping) else Encoded(of, None)
