"""fault: what is wrong with a value of the configuration: found, expected, what to do."""

import math
from typing import Any

from heddle.errors import nearest
from heddle.options.option import Key

_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "keys below it",
}


def fault(name: str, value: Any, default: Any, key: Key) -> str:
    """Say what is wrong with a value, "" if nothing is.

    A value that interpolates another key (`${seed}`) passes here and is checked when it is resolved.
    """
    if isinstance(value, str) and "${" in value:
        return ""
    if value is None:
        return "" if key.null else f"{name}: found null, expected {_expected(key)}{_example(name, default)}"
    if not _fits(value, key):
        return f"{name}: found {_shown(value)}, expected {_expected(key)}{_remedy(name, value, default, key)}"
    for entry in value if isinstance(value, (list, tuple)) else [value]:
        if key.choices and entry not in key.choices:
            hint = nearest(str(entry), [str(choice) for choice in key.choices]) or "; choose one"
            return f"{name}: found {_shown(entry)}, expected one of {', '.join(map(str, key.choices))}{hint}"
    for number in value if isinstance(value, (list, tuple)) else [value]:
        if key.least is not None and number < key.least:
            return f"{name}: found {_shown(number)}, expected at least {key.least:g}; raise it"
        if key.below is not None and number >= key.below:
            return f"{name}: found {_shown(number)}, expected less than {key.below:g}; lower it"
    return ""


def type_of(value: Any) -> type | None:
    """Return the type a default stands for, None where it says nothing."""
    return next((cls for cls in (bool, int, float, str, list, dict) if isinstance(value, cls)), None)


def _fits(value: Any, key: Key) -> bool:
    if key.cls is list and isinstance(value, (list, tuple)):
        return key.size in (None, len(value)) and all(_is(entry, key.items) for entry in value)
    return _is(value, key.cls) or (key.single and _is(value, key.items))


def _is(value: Any, cls: type | None) -> bool:
    """Tell whether a value is of a type: no bool is a number, a whole number is a number, NaN and inf are not."""
    if cls is None:
        return True
    if cls in (int, float) and isinstance(value, bool):
        return False
    if cls is float:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, cls)


def _expected(key: Key) -> str:
    expected = _NAMES[key.cls] if key.cls else "a value"
    if key.items:
        entries = "names" if key.items is str else f"{_NAMES[key.items].removeprefix('a ')}s"
        expected = f"a list of {key.size} {entries}" if key.size else f"a list of {entries}"
    return f"{expected} or null" if key.null else expected


def _remedy(name: str, value: Any, default: Any, key: Key) -> str:
    """Say what to write instead of a value of another type."""
    if key.cls is str and isinstance(value, (int, float)):
        return f"; quote it: '{name}=\"{_shown(value)}\"'"
    if key.cls is dict:
        return f"; set one of its keys, as in {name}.{next(iter(default or ()), 'key')}=..."
    return _example(name, default)


def _example(name: str, default: Any) -> str:
    return f"; as in {name}={_shown(default)}" if default not in (None, [], ()) else ""


def _shown(value: Any) -> str:
    """Show a value as it is written on the command line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_shown, value))}]"
    return repr(value) if isinstance(value, str) else str(value)
