"""Parameters: described by layers, drawn here in numpy, so that every engine starts from the same numbers."""

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

INITIALISERS = ("zeros", "ones", "glorot", "fan_in", "normal")


class ParamSpec(NamedTuple):
    """One array to be trained.

    Attributes:
        shape: e.g. (in, out); leading axes beyond the last two (relations, heads) don't count as fans.
        init: "zeros"; "ones"; "glorot": uniform in +-sqrt(6 / (fan in + fan out)) (Glorot & Bengio 2010, eq. 16);
            "fan_in": uniform in +-1/sqrt(fan in); "normal": standard normal.
        rows: whether models `gather` its rows, so that its gradient may be sparse.
    """

    shape: tuple[int, ...]
    init: str = "glorot"
    rows: bool = False


def initialise(specs: Mapping[str, ParamSpec], seed: int, dtype: type = np.float32) -> dict[str, np.ndarray]:
    """Draw every parameter: name -> array of its spec's shape.

    Each depends on (seed, its name, its shape) alone, not on its neighbours.
    """
    return {
        name: _draw(spec, np.random.default_rng([seed, zlib.crc32(name.encode())]), dtype)
        for name, spec in specs.items()
    }


def prefixed(prefix: str, specs: Mapping[str, ParamSpec]) -> dict[str, ParamSpec]:
    """Return `specs` with "prefix." before each name."""
    return {f"{prefix}.{name}": spec for name, spec in specs.items()}


def scoped(prefix: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries under "prefix." by their names below it; inverse of `prefixed`."""
    start = len(prefix) + 1
    return {name[start:]: value for name, value in params.items() if name.startswith(prefix + ".")}


def _draw(spec: ParamSpec, rng: np.random.Generator, dtype: type) -> np.ndarray:
    shape = spec.shape
    if spec.init == "zeros":
        return np.zeros(shape, dtype)
    if spec.init == "ones":
        return np.ones(shape, dtype)
    if spec.init == "normal":
        return rng.standard_normal(shape).astype(dtype)
    fan_in, fan_out = (shape[-2], shape[-1]) if len(shape) > 1 else (shape[0], shape[0])
    if spec.init == "glorot":
        bound = np.sqrt(6 / max(1, fan_in + fan_out))
    elif spec.init == "fan_in":
        bound = 1 / np.sqrt(max(1, fan_in))
    else:
        raise ValueError(f"init: found {spec.init!r}, expected one of {INITIALISERS}")
    return rng.uniform(-bound, bound, shape).astype(dtype)
