"""known_encoders: a folder's encoders as they were fitted, which count the values that they don't know."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.etl.features.encoder import Encoder, fitted_key
from heddle.data.etl.features.fit import encoder_of
from heddle.data.etl.relate import FITTED
from heddle.data.etl.schemas.schema import Encode
from heddle.data.formats.text_files import fail
from heddle.extras import require


class KnownEncoders:
    """Gives the encoders of a folder's columns.

    Args:
        fitted: `info.encoders` of its metadata.

    Attributes:
        unknown: "TYPE.COLUMN.ENCODING" -> cells with a value that its encoder has no code for.
    """

    def __init__(self, fitted: Mapping[str, Any]):
        self._fitted = fitted
        self.unknown: dict[str, int] = {}

    def encoder(
        self, type_key: tuple[str, ...], encode: Encode, column: str, path: Path, *, counts: bool = True
    ) -> Encoder:
        """Return the encoder of a column. Raises DataError: the folder doesn't say what it was fitted to."""
        key = fitted_key(type_key, column, encode)
        if encode.encode in FITTED and key not in self._fitted:
            fail("info.encoders", f"no {key}", "every encoder", "prepare the folder anew")
        encoder = encoder_of(encode, column, self._fitted.get(key, {}))
        if encode.encode not in ("category", "onehot") or not counts:
            return encoder

        def apply(table: Any) -> np.ndarray:
            coded = encoder.apply(table)
            empty = ~np.asarray(coded).any(axis=1)
            if empty.any() and (count := int((empty & _filled(table[column])).sum())):
                self.unknown[key] = self.unknown.get(key, 0) + count
            return coded

        return encoder._replace(apply=apply)


def _filled(cells: Any) -> np.ndarray:
    """Return which cells hold a value: [n] bool."""
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    cells = cells.combine_chunks()
    if arrow.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    filled = cells.is_valid()
    if "string" in str(cells.type):
        filled = compute.and_(filled, compute.fill_null(compute.not_equal(cells, ""), False))
    result: np.ndarray = filled.to_numpy(zero_copy_only=False)
    return result
