"""Random streams: functions of (seed, name, counters) alone, so that a resumed run draws what it would have."""

import zlib

import numpy as np


def generator(seed: int, stream: str, *counters: int) -> np.random.Generator:
    """Return the generator of a named stream, e.g. `generator(seed, "shuffle", epoch)`."""
    return np.random.default_rng([seed, zlib.crc32(stream.encode()), *counters])
