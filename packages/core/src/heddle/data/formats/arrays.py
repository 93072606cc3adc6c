"""Arrays in .npy and .npz files, never unpickled."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from heddle.data.formats.pickles import Coo, Csc, Csr
from heddle.data.formats.text_files import fail, read_bytes

_FORMATS = {matrix_class.format: matrix_class for matrix_class in (Csr, Csc, Coo)}


def read_array(path: Path | str) -> np.ndarray:
    """Return the array of a .npy file, or the sparse matrix [n, d] of scipy.sparse.save_npz as a dense float32 array.

    Which of the two it is shows in the content, not in the name.

    Raises:
        DataError: the file is cut, or holds Python objects or something else.
    """
    data = read_bytes(path)
    expected = "an array of numbers in .npy, or a matrix of scipy.sparse.save_npz"
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        array = _dense(dict(loaded.items())) if isinstance(loaded, NpzFile) else loaded
    except (
        Exception
    ) as error:  # zipfile, zlib, ast, struct and numpy each have their own; the bytes are a stranger's
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fail(path, f"a file that can't be read ({reason})", expected, "fetch the file again")
    if array.dtype.kind not in "biuf":
        fail(path, f"dtype {array.dtype}", expected)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0].tolist()
        fail(f"{path}: index {at}", array[tuple(at)], "a finite number")
    return array


def _dense(parts: dict[str, Any]) -> np.ndarray:
    """Return the dense array of the parts that scipy.sparse.save_npz writes."""
    format = parts["format"].item()
    sparse = _FORMATS[format.decode() if isinstance(format, bytes) else format]()
    sparse.__setstate__(parts)
    return sparse.toarray()
