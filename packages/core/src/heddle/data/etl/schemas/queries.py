"""queries: PREDICT count(orders, 0, 30 days) > 0 FOR user, as a Query; one that sees its own answer is refused."""

import re
from typing import NamedTuple, NoReturn

from heddle.data.etl.schemas.checked import one_of
from heddle.errors import ConfigError, problem

AGGREGATES = ("count", "sum", "avg", "min", "max", "exists", "first", "list")
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
EVER = -(1 << 40)
"""The start of a window that has none: -inf."""

_COMPARED = re.compile(r"^(?P<of>.+\))\s*(?P<op>>=|<=|<>|!=|==|=|>|<)\s*(?P<number>[-+]?[0-9.]+)$", re.S)
_OTHER_ROWS = re.compile(r"(?i);|\b(select|from|join|exists|over|union)\b")


class Aggregate(NamedTuple):
    """A value of the rows of a table that belong to an entity and lie in a window (start, end] after a moment.

    Attributes:
        name: one of AGGREGATES.
        table: of the rows.
        value: what is aggregated, an expression over the columns of a row; "" for the rows themselves.
        where: which rows count, an expression over a row's columns; "" for all.
        by: the column that names the entity; None for the one that a relation of the schema says.
        start, end: seconds after the moment, EVER for a start without limit.
        op, number: a comparison, by which it is true or false; "" for none.
    """

    name: str
    table: str
    value: str
    where: str
    by: str | None
    start: int
    end: int
    op: str = ""
    number: str = ""


class Query(NamedTuple):
    """What is predicted of whom.

    Attributes:
        label: of the time after the moment.
        entity: a node type.
        past: conditions on the time up to the moment.
        conditions: conditions on the columns of the entity's table.
        every: seconds from one moment to the next; None for the label's window.
        most: moments of validation, and of the test; None for all.
    """

    label: Aggregate
    entity: str
    past: tuple[Aggregate, ...] = ()
    conditions: tuple[str, ...] = ()
    every: int | None = None
    most: int | None = None


def parse_query(text: str, where: str) -> Query:
    """Return the Query of a text.

    Raises:
        ConfigError: not a query, or one that reads what isn't known at its moment, or asks for what is.
    """
    parts = _clauses(text, where)
    label = _aggregate(parts["PREDICT"], where)
    if label.start < 0:
        actual = f"a window from {label.start} seconds on"
        _leak(where, actual, "one that begins at 0 or later: what lies before the moment is known")
    past, conditions = [], []
    for condition in _split(parts.get("WHERE", ""), r"\band\b"):
        if not re.match(rf"(?i)\s*({'|'.join(AGGREGATES)})\s*\(", condition):
            conditions.append(_of_a_row(condition.strip(), where))
            continue
        aggregate = _aggregate(condition, where)
        if aggregate.end > 0:
            actual = f"a condition on the {aggregate.end} seconds after the moment"
            _leak(where, actual, "windows that end at 0: who is asked about must be known at the moment")
        if not aggregate.op and aggregate.name != "exists":
            _wrong(where, condition.strip(), "a comparison, as in count(...) > 0")
        past.append(aggregate)
    entity = parts["FOR"].strip()
    if not re.fullmatch(r"\w[\w -]*", entity):
        _wrong(where, entity, "the name of a node type after FOR")
    every = seconds_of(parts["EVERY"], where) if "EVERY" in parts else None
    if every is not None and every <= 0:
        _wrong(where, parts["EVERY"], "a time above 0 after EVERY")
    most = parts.get("AT MOST", "").strip()
    if most and (not most.isdigit() or int(most) < 1):
        _wrong(where, most, "a number of moments after AT MOST")
    return Query(label, entity, tuple(past), tuple(conditions), every, int(most) if most else None)


def _clauses(text: str, where: str) -> dict[str, str]:
    """Return PREDICT, FOR, WHERE, EVERY and AT MOST with what follows each, in that order."""
    names = ("PREDICT", "FOR", "WHERE", "EVERY", "AT MOST")
    clauses: dict[str, str] = {}
    starts = []
    for match in re.finditer(r"(?i)\b(predict|for|where|every|at\s+most)\b", text):
        if _depth(text, match.start()) == 0:
            starts.append((match.start(), match.end(), " ".join(match[0].upper().split())))
    for (_, end, name), (following, _, _) in zip(starts, [*starts[1:], (len(text), 0, "")]):
        if name in clauses:
            _wrong(where, f"{name} twice", "each clause once")
        clauses[name] = text[end:following].strip()
    order = [name for name in names if name in clauses]
    if (
        "PREDICT" not in clauses
        or "FOR" not in clauses
        or order != list(clauses)
        or text[: starts[0][0]].strip()
    ):
        _wrong(where, repr(text), "PREDICT ... FOR ENTITY [WHERE ...] [EVERY 30 days] [AT MOST 40]")
    return clauses


def _aggregate(text: str, where: str) -> Aggregate:
    text = text.strip()
    compared = _COMPARED.match(text)
    body, op, number = (compared["of"], compared["op"], compared["number"]) if compared else (text, "", "")
    call = re.fullmatch(r"(?s)(\w+)\s*\((.*)\)", body.strip())
    if call is None:
        _wrong(where, text, "an aggregate, as in count(orders, 0, 30 days) > 0")
    name, inside = call[1].lower(), _split(call[2], ",")
    one_of(f"{where}: aggregate", name, AGGREGATES)
    if len(inside) != 3:
        _wrong(where, body, "a table and the two ends of a window, as in count(orders, 0, 30 days)")
    start, end = (seconds_of(part, where) for part in inside[1:])
    if start >= end:
        _wrong(
            where,
            f"a window from {inside[1].strip()} to {inside[2].strip()}",
            "one that ends after it begins",
        )
    source, *condition = _split(inside[0], r"\bwhere\b")
    value, *of = _split(source, r"\bof\b")
    rows = (of[0] if of else value).strip()
    matched = re.fullmatch(r"(?i)(?P<table>\w+)(?:\.(?P<column>\w+))?(?:\s+by\s+(?P<by>\w+))?", rows)
    if matched is None or (of and matched["column"]):
        _wrong(where, rows, "TABLE, TABLE.COLUMN or EXPRESSION OF TABLE, with BY COLUMN and WHERE ...")
    expression = value.strip() if of else f'"{matched["column"]}"' if matched["column"] else ""
    if (name in ("count", "exists")) == bool(expression):
        expected = "no column" if expression else "a column, as in sum(orders.paid, 0, 30 days)"
        _wrong(where, body, f"{expected} for {name}")
    rows_where = _of_a_row(condition[0].strip(), where) if condition else ""
    return Aggregate(
        name,
        matched["table"],
        _of_a_row(expression, where),
        rows_where,
        matched["by"],
        start,
        end,
        _sql_op(op),
        number,
    )


def _of_a_row(expression: str, where: str) -> str:
    """Return an expression that reads the columns of its row alone."""
    match = _OTHER_ROWS.search(expression)
    if match:
        _leak(
            where,
            f"{match[0]!r} in {expression!r}",
            "columns of the row alone: other rows may be of later times",
        )
    return expression


def seconds_of(text: str, where: str) -> int:
    """Return a time such as 30 days, -1 day, 0 or -inf in seconds. Raises ConfigError: it is none."""
    text = text.strip().lower()
    if text == "-inf":
        return EVER
    matched = re.fullmatch(r"([-+]?\d+)\s*([a-z]*)", text)
    unit = matched[2].removesuffix("s") if matched else ""
    if matched is None or (unit not in UNITS and int(matched[1])):
        _wrong(where, repr(text), f"a time such as 30 days ({', '.join(UNITS)}s), 0 or -inf")
    return int(matched[1]) * UNITS.get(unit, 0)


def _sql_op(op: str) -> str:
    return {"==": "=", "!=": "<>"}.get(op, op)


def _split(text: str, pattern: str) -> list[str]:
    """Split a text at a pattern outside of parentheses and quotes; [] for an empty one."""
    if not text.strip():
        return []
    parts, last = [], 0
    for match in re.finditer(f"(?i){pattern}", text):
        if _depth(text, match.start()) == 0:
            parts.append(text[last : match.start()])
            last = match.end()
    return [*parts, text[last:]]


def _depth(text: str, at: int) -> int:
    """Return how many parentheses and quotes are open at a place."""
    before = re.sub(r"'[^']*'|\"[^\"]*\"", "", text[:at])
    return before.count("(") - before.count(")") + before.count("'") % 2 + before.count('"') % 2


def _leak(where: str, actual: str, expected: str) -> NoReturn:
    raise ConfigError(problem(where, actual, expected, "change the window or the condition"))


def _wrong(where: str, actual: str, expected: str) -> NoReturn:
    raise ConfigError(problem(where, actual, expected, "fix the query"))
