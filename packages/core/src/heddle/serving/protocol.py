"""protocol: tensors of the Open Inference Protocol (KServe v2) in JSON, and in binary beside it.

Source: https://github.com/kserve/open-inference-protocol, and Triton's extension for binary data.
"""

import json
import struct
from collections.abc import Mapping
from math import prod
from typing import Any, NoReturn

import numpy as np

from heddle.serving.runtime import DTYPES, BadRequest

HEADER = "Inference-Header-Content-Length"
"""The header that says how much of a body is JSON; the rest is binary data."""

DIMENSIONS = 8
"""Of the largest tensor."""

_LENGTH = struct.Struct("<I")

NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def read_tensors(key: str, body: bytes, length: int | None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return (name -> array of the tensors under `key`, the whole JSON) of a body.

    Args:
        key: "inputs" or "outputs".
        length: bytes of JSON, None if it is all.

    Raises:
        BadRequest: not of the protocol; says where.
    """
    head, rest = (body, b"") if length is None else (body[:length], body[length:])
    try:
        message = json.loads(head, parse_constant=lambda word: _bad("JSON", word, "finite numbers"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadRequest):
            raise
        _bad("body", "no JSON", "JSON")
    if not isinstance(message, dict) or not isinstance(message.get(key), list):
        _bad("body", "no list of inputs" if key == "inputs" else "no list of outputs", f"{{{key}: [...]}}")
    arrays: dict[str, np.ndarray] = {}
    for entry in message[key]:
        name, array, rest = _tensor(entry, rest)
        if name in arrays:
            _bad(name, "the name twice", "each name once")
        arrays[name] = array
    if rest:
        _bad("body", f"{len(rest)} bytes too many", "binary data of the sizes named")
    return arrays, message


def write_tensors(key: str, arrays: Mapping[str, np.ndarray], more: Mapping[str, Any]) -> tuple[bytes, int]:
    """Return (body with binary data, its bytes of JSON) of arrays, name -> [rows, ...].

    Args:
        key: "inputs" or "outputs".
        more: further entries of the JSON.
    """
    parts = [to_binary(array) for array in arrays.values()]
    entries = [
        {**_facts(name, array), "parameters": {"binary_data_size": len(part)}}
        for (name, array), part in zip(arrays.items(), parts)
    ]
    head = json.dumps({**more, key: entries}).encode()
    return head + b"".join(parts), len(head)


def write_json(key: str, arrays: Mapping[str, np.ndarray], more: Mapping[str, Any]) -> bytes:
    """Return a body of JSON alone, for arrays, name -> [rows, ...].

    Args:
        key: "inputs" or "outputs".
        more: further entries of the JSON.
    """
    entries = [{**_facts(name, array), "data": _to_list(array)} for name, array in arrays.items()]
    return json.dumps({**more, key: entries}).encode()


def _facts(name: str, array: np.ndarray) -> dict[str, Any]:
    return {"name": name, "datatype": NAMES[array.dtype], "shape": list(array.shape)}


def _to_list(array: np.ndarray) -> list[Any]:
    values: list[Any] = array.reshape(-1).tolist()
    return [_as_text(value) for value in values] if array.dtype.kind == "O" else values


def to_binary(array: np.ndarray) -> bytes:
    if array.dtype.kind != "O":
        return np.ascontiguousarray(array).tobytes()
    texts = [
        value if isinstance(value, bytes) else str(value).encode() for value in array.reshape(-1).tolist()
    ]
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _texts(name: str, part: bytes, count: int) -> np.ndarray:
    """Return [count] bytes, each behind its length in 4 bytes."""
    texts, at = np.empty(count, object), 0
    for number in range(count):
        length = _LENGTH.unpack_from(part, at)[0] if at + _LENGTH.size <= len(part) else len(part)
        at += _LENGTH.size + length
        if at > len(part):
            _bad(f"{name}: binary data", f"{len(part)} bytes", f"{count} texts behind their lengths")
        texts[number] = part[at - length : at]
    if at != len(part):
        _bad(f"{name}: binary data", f"{len(part)} bytes", f"{count} texts behind their lengths")
    return texts


def _tensor(entry: Any, rest: bytes) -> tuple[str, np.ndarray, bytes]:
    """Return (name, array, the binary data that is left)."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        _bad("tensor", "no name", "name, shape, datatype and data")
    name, shape, datatype = entry["name"], entry.get("shape"), entry.get("datatype")
    if not isinstance(shape, list) or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        _bad(f"{name}: shape", shape, "a list of counts")
    if len(shape) > DIMENSIONS or prod(max(size, 1) for size in shape) >= 2**31:
        _bad(f"{name}: shape", shape, f"{DIMENSIONS} dimensions at most, of less than 2**31 values")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        _bad(f"{name}: datatype", datatype, f"one of {', '.join(DTYPES)}")
    dtype, count = np.dtype(DTYPES[datatype]), int(np.prod(shape, dtype=object))
    size = entry["parameters"].get("binary_data_size") if isinstance(entry.get("parameters"), dict) else None
    if size is not None and datatype == "BYTES":
        if type(size) is not int or not 0 <= size <= len(rest) or 4 * count > size:
            _bad(f"{name}: binary_data_size", size, f"{count} texts behind their lengths")
        return name, _texts(name, rest[:size], count).reshape(shape), rest[size:]
    if size is not None:
        if type(size) is not int or size != count * dtype.itemsize or size > len(rest):
            _bad(
                f"{name}: binary_data_size", size, f"{count * dtype.itemsize} bytes for {shape} of {datatype}"
            )
        return name, np.frombuffer(rest[:size], dtype).reshape(shape), rest[size:]
    data = entry.get("data")
    if not isinstance(data, list):
        _bad(f"{name}: data", type(data).__name__, "a list")
    if datatype == "BYTES":
        if len(data) != count or not all(isinstance(value, str) for value in data):
            _bad(f"{name}: data", f"{len(data)} values", f"{count} texts")
        texts = np.empty(count, object)
        texts[:] = data
        return name, texts.reshape(shape), rest
    try:
        array = np.array(data) if data else np.empty(0, dtype)
    except ValueError:
        _bad(f"{name}: data", "ragged lists", f"{count} numbers")
    allowed = "i" if dtype.kind == "i" else "iuf"
    if data and (array.dtype.kind not in allowed or array.size != count):
        _bad(f"{name}: data", f"{array.size} of {array.dtype}", f"{count} of {datatype}")
    if not data and count:
        _bad(f"{name}: data", "nothing", f"{count} of {datatype}")
    if dtype == np.int32 and array.size and (int(array.min()) < -(2**31) or int(array.max()) >= 2**31):
        _bad(f"{name}: data", "a number too large", datatype)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        _bad(f"{name}: data", "a number without bounds", "finite numbers")
    return name, array.astype(dtype).reshape(shape), rest


def _bad(where: str, actual: object, expected: str) -> NoReturn:
    raise BadRequest(f"{where}: found {str(actual)[:80]}, expected {expected}")
