"""option: a field of a node's dataclass, the one definition of a key's default, help, range and choices."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

_METADATA = "heddle"


class Key(NamedTuple):
    """What the value of a key may be.

    Attributes:
        cls: bool, int, float (a whole number will do), str, list or dict; None for anything.
        null: whether null is allowed.
        choices: the only values allowed, () for any.
        least: the least number allowed, of a list's entries too.
        below: a number that it must stay under, of a list's entries too.
        items: type of a list's entries, None for anything.
        size: number of a list's entries, None for any.
        single: whether one entry may stand for a list of it.
        default: the value where none is given.
        help: what it means, in a line.
        entries: dataclass of what stands below any key of it, in a dict of nodes; None for anything.
    """

    cls: type | None
    null: bool = False
    choices: tuple[Any, ...] = ()
    least: float | None = None
    below: float | None = None
    items: type | None = None
    size: int | None = None
    single: bool = False
    default: Any = None
    help: str = ""
    entries: type | None = None


class Details(NamedTuple):
    """What `option` says of a field besides its default."""

    help: str = ""
    least: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] = ()
    of: tuple[str, ...] = ()
    parse: Callable[[Any, str], Any] | None = None
    saved: bool = True


def option(
    default: Any,
    help: str = "",
    *,
    least: float | None = None,
    below: float | None = None,
    choices: Sequence[Any] = (),
    of: Sequence[str] = (),
    parse: Callable[[Any, str], Any] | None = None,
    saved: bool = True,
) -> Any:
    """Return a dataclass field that is a key of the configuration; its annotation says what its values are.

    `int | None` allows null, `tuple[int, ...]` is a list of whole numbers, `tuple[float, float]` one of two numbers,
    `str | tuple[str, ...]` a text or a list of texts, `Mapping[str, Any]` takes any keys, `Mapping[str, Group]` nodes
    of the dataclass Group below any keys, another dataclass is a node.

    Args:
        default: its value where nothing is said; an empty mapping too.
        help: what it means, in a line; null is explained as in "null: all".
        least, below: of numbers, a list's too.
        choices: the only values.
        of: names of the choices of its group that have this key; () for all of them.
        parse: (value, name of the key) -> the value that the dataclass holds, e.g. of "16GB"; raises ConfigError.
        saved: whether a run keeps it; False for what differs from process to process.
    """
    details = Details(help, least, below, tuple(choices), tuple(of), parse, saved)
    metadata = {_METADATA: details}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def details_of(of: "Field[Any]") -> Details:
    """Return what `option` said of a field; nothing for a plain one."""
    result: Details = of.metadata.get(_METADATA, Details())
    return result


def default_of(of: "Field[Any]") -> Any:
    """Return a field's default."""
    return of.default_factory() if of.default_factory is not MISSING else of.default


@cache
def types_of(cls: type) -> dict[str, Any]:
    """Return field -> its type."""
    return get_type_hints(cls)


@cache
def keys_of(cls: type) -> dict[str, Key]:
    """Return "lr" and "schedule.name" -> Key of a node's dataclass, in the order of its fields."""
    return dict(_keys(cls))


def _keys(cls: type) -> Iterator[tuple[str, Key]]:
    for each in fields(cls):
        of = types_of(cls)[each.name]
        if is_dataclass(of):
            yield from ((f"{each.name}.{name}", key) for name, key in keys_of(of).items())  # type: ignore[arg-type]
        else:
            yield each.name, _key(of, details_of(each), default_of(each))


def _key(of: Any, details: Details, default: Any) -> Key:
    """Return the Key of a type such as `int | None`."""
    parts = list(get_args(of)) if get_origin(of) in (Union, UnionType) else [of]
    null = NoneType in parts or of is Any
    parts = [part for part in parts if part is not NoneType]
    lists = [part for part in parts if get_origin(part) is tuple]
    known = details._asdict()
    common = {name: known[name] for name in ("choices", "least", "below", "help")} | {"default": default}
    if details.parse is not None or of is Any:
        return Key(None, null, **common)
    if lists:
        items = [item for item in get_args(lists[0]) if item is not Ellipsis]
        size = None if Ellipsis in get_args(lists[0]) else len(items)
        cls = items[0] if items[0] in _SCALARS else None
        return Key(list, null, items=cls, size=size, single=len(parts) > 1, **common)
    if len(parts) > 1:
        return Key(None, null, **common)
    cls = dict if get_origin(parts[0]) not in (None,) else parts[0]
    return Key(cls if cls in (*_SCALARS, dict) else None, null, entries=entries_of(of), **common)


def entries_of(of: Any) -> Any:
    """Return the dataclass of the entries of a `Mapping[str, Dataclass]`, None of any other type."""
    last = (get_args(of) or (None,))[-1]
    return last if get_origin(of) is Mapping and is_dataclass(last) else None


_SCALARS = (bool, int, float, str)
