"""memory: sizes in bytes, as people write them."""

import math
import re

from heddle.errors import ConfigError

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def in_bytes(count: float) -> str:
    """Write a number of bytes with its unit, in powers of 1000.

    >>> in_bytes(1536), in_bytes(80e9)
    ('1.54 kB', '80 GB')
    """
    power = min(len(UNITS) - 1, int(math.log10(count) // 3)) if count >= 1 else 0
    return f"{count / 1000**power:.3g} {UNITS[power]}"


def from_bytes(text: str | int | float, key: str) -> int:
    """Read a number of bytes: a number, or text such as "16GB", "512 MiB", "1.5e9".

    Raises:
        ConfigError: it isn't one, or isn't above 0; names `key`.

    >>> from_bytes("16GB", "memory"), from_bytes("2 KiB", "memory"), from_bytes(100, "memory")
    (16000000000, 2048, 100)
    """
    match = re.fullmatch(r"\s*([0-9.]+(?:e[0-9]+)?)\s*([kmgtp]?)(i?)b?\s*", str(text).lower())
    try:
        number = float(match[1]) if match else 0.0
    except ValueError:
        number = 0.0
    if match is None or not 0 < number < math.inf or (match[3] and not match[2]):
        raise ConfigError(f"{key}: found {text!r}, expected bytes such as 16GB or 512MiB; fix it")
    return int(number * (1024 if match[3] else 1000) ** " kmgtp".index(match[2] or " "))
