"""duration: lengths of time as people write them."""

from heddle.errors import ConfigError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def duration(length: str | int, where: str) -> int:
    """Return the number of a length of time: "30d" in seconds, 500 as it is, in the unit of the data's times.

    >>> duration("2d", "sampler.window"), duration(500, "sampler.window")
    (172800, 500)

    Raises:
        ConfigError: neither a whole number of at least 1 nor one with s, m, h, d or w behind it.
    """
    text = str(length)
    number, unit = (text[:-1], text[-1]) if text[-1:] in SECONDS else (text, "")
    if not number.isdecimal() or int(number) < 1 or int(number) >= 2**40:
        raise ConfigError(
            f"{where}: found {length!r}, expected a length of time such as 30d, 12h or 500; of a bare number the "
            "unit is that of the data's times"
        )
    return int(number) * SECONDS.get(unit, 1)
