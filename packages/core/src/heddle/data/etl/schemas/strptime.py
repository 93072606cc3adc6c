"""strptime: a format of times as a pattern whose parts have names."""

import functools
import re
from typing import NamedTuple

from heddle.errors import ConfigError, problem

PARTS = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "[0-9]{1,2}",
    "d": "[0-9]{1,2}",
    "j": "[0-9]{1,3}",
    "H": "[0-9]{1,2}",
    "I": "[0-9]{1,2}",
    "M": "[0-9]{1,2}",
    "S": "[0-9]{1,2}",
    "f": "[0-9]{1,9}",
    "p": "[AaPp][Mm]",
    "b": "[A-Za-z]{3}",
    "B": "[A-Za-z]{3,9}",
    "z": "Z|[+-][0-9]{2}(?::?[0-9]{2})?",
}
SHORT = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "e": "%d"}
WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
ISO = (
    "^(?P<Y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})"
    "(?:[T ](?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?(?P<h>[+-][0-9]{2})?)?"
    " ?(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})?$"
)
PER_SECOND = {"%s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Formats that are numbers since 1970, and how many of their unit are a second."""


class Compiled(NamedTuple):
    """A format.

    Attributes:
        pattern: RE2's, with a group of the name of each letter.
        fixed: pieces, each (letter or "", its text or ""), if every part has a fixed number of digits; else ().
    """

    pattern: str
    fixed: tuple[tuple[str, str], ...]


@functools.lru_cache(256)
def compiled(fmt: str) -> Compiled:
    """Return the Compiled of a format in strftime's letters; `iso` takes a date with or without time and zone.

    Raises:
        ConfigError: a letter that isn't known, or twice.
    """
    if fmt == "iso":
        return Compiled(ISO, ())
    for letter, long in SHORT.items():
        fmt = fmt.replace(f"%{letter}", long)
    pieces: list[tuple[str, str]] = []
    pattern = "^"
    for piece in re.split("(%-?.|%$)", fmt):
        letter = piece.replace("%-", "%")[1:] if piece.startswith("%") and piece != "%%" else ""
        if (letter == "" and not piece.startswith("%")) or piece == "%%":
            text = "%" if piece == "%%" else piece
            pieces.append(("", text))
            pattern += re.escape(text)
            continue
        if letter not in PARTS or letter in dict(pieces):
            actual = f"{piece!r} in {fmt!r}" + (" twice" if letter in PARTS else "")
            expected = f"some of {', '.join('%' + known for known in PARTS)} once, %s, iso, ms, us or ns"
            raise ConfigError(problem("format", actual, expected, "fix the format of the column"))
        pieces.append((letter, ""))
        pattern += f"(?P<{letter}>{PARTS[letter]})"
    letters = [letter for letter, _ in pieces if letter]
    fixed = all(letter in WIDTHS for letter in letters) and fmt.isascii()
    return Compiled(pattern + "$", tuple(pieces) if fixed else ())
