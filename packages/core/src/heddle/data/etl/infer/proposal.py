"""infer: a schema in YAML for the tables of a folder or a database: each a type of nodes, each reference a relation."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heddle.data.etl.cells.source import File, local_file
from heddle.data.etl.databases.database import Database
from heddle.data.etl.databases.open_databases import opened_database
from heddle.data.etl.files import LAYOUTS, PACKED
from heddle.data.etl.infer.look import Look, Seen, look, look_at
from heddle.data.etl.infer.relations import Reference, key_of, references, singular
from heddle.data.etl.schemas.address import SCHEMES, Address
from heddle.data.etl.schemas.schema import Table
from heddle.data.formats.text_files import fail

ENDINGS = (*LAYOUTS, ".csv", ".tsv", ".txt")
HOUR = re.compile(r"^\d{1,2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:?\d{2})?$")
NO_TIME = ("birth", "dob", "born")
FEATURES = 1000
"""Distinct texts that a category keeps; a column of more is left out."""

UNREAD = 20
"""Columns that are named as not read."""


def infer(src: Path | str) -> str:
    """Return a schema in YAML for the tables below a folder, or of a database, to be edited; nothing is changed.

    Args:
        src: the folder; or the address of a database, as `databases` in a schema has it.

    Raises:
        DataError: no tables, or one that can't be read.
    """
    if str(src).partition("://")[0] in SCHEMES or str(src).startswith("$"):
        address = Address(str(src), "infer")
        with opened_database(address, Path.cwd()) as database:
            name = _database_name(address.shown())
            looks = {table: _look_at(table, name, database) for table in database.tables()}
        if not looks:
            fail(address.shown(), "no tables", "a database with some", "check the address")
        return _proposed(name, looks, {"databases": {name: str(address)}})
    root = Path(src).expanduser()
    looks = {_name(file): look(file) for file in _files(root)}
    if not looks:
        fail(root, "no tables", f"files ending in {', '.join(sorted(ENDINGS))}", "check the folder")
    return _proposed(root.resolve().name, looks, {})


def _proposed(title: str, looks: Mapping[str, Look], first: Mapping[str, Any]) -> str:
    """Return the schema of tables that were looked at; `first` stands before the tables."""
    keys = {name: key_of(name, of) for name, of in looks.items()}
    links = {name: references(name, looks, keys) for name in looks}
    times = {name: _time(of) for name, of in looks.items()}
    taken = {name: _joined(name, links, times) for name in looks if times[name] is None}
    joined = {name: reference for name, reference in taken.items() if reference is not None}
    lines = [f"name: {_word(title)}", *(f"{key}: {_flow(value)}" for key, value in first.items()), "tables:"]
    unread: list[str] = []
    for name, of in looks.items():
        table = _table(name, of, keys, links, times, joined)
        lines.append(f"  {_word(name)}: {_flow(table)}")
        unread += [f"{name}.{column}" for column in of.columns if column not in _read(table["columns"])]
    lines.append("nodes:")
    for name, of in looks.items():
        entry: dict[str, Any] = {"table": name} | ({"key": keys[name]} if keys[name] else {})
        time = times[name] or joined.get(name, {}).get("name")
        entry |= {"time": time} if time else {}
        entry |= (
            {"features": features}
            if (features := _features(of, keys[name], links[name], times[name]))
            else {}
        )
        lines.append(f"  {_word(singular(name))}: {_flow(entry)}")
    lines.append("edges:")
    for name in looks:
        time = times[name] or joined.get(name, {}).get("name")
        for link in links[name]:
            edge: dict[str, Any] = {
                "type": [singular(name), link.column, singular(link.table)],
                "table": name,
            }
            edge |= {"source": keys[name] or "#row", "target": link.column} | ({"time": time} if time else {})
            lines.append(f"  - {_flow(edge | ({'missing': 'drop'} if link.partly else {}))}")
    if not any(links.values()):
        lines[-1] = "edges: []  # nothing refers to another table by its name and its values: add relations"
    lines.append(
        '# split: {valid: "2020-01-01", test: "2021-01-01"}, and tasks or kind, target and a label, no feature then'
    )
    if unread:
        more = f", and {len(unread) - UNREAD} more" if len(unread) > UNREAD else ""
        lines.append(
            "# not read: columns of one value, of lists, or of many texts, which encode: text would take"
        )
        lines.append(f"# {', '.join(map(json.dumps, unread[:UNREAD]))}{more}")
    return "\n".join(lines) + "\n"


def _read(columns: Mapping[str, Any]) -> set[str]:
    """Return the columns of the file that a table's columns are made of."""
    parts = (column.get("of", ()) for column in columns.values() if isinstance(column, Mapping))
    return {*columns, *(name for part in parts for name in part)}


def _database_name(address: str) -> str:
    """Return the name of a database by its address: the last part, up to a dot."""
    return re.sub(r"\W", "_", address.rstrip("/").rpartition("/")[2].partition(".")[0]) or "database"


def _look_at(table: str, name: str, database: Database) -> Look:
    return look_at(table, name, database.relation(Table(database=name, of=table)))


def _files(root: Path) -> list[File]:
    def ends(path: Path) -> bool:
        name = path.name.lower()
        for packed in PACKED:
            name = name.removesuffix(packed)
        return name.endswith(ENDINGS) and not path.name.startswith((".", "_"))

    if not root.is_dir():
        fail(root, "no such folder", "a folder of tables", "check the path")
    return [local_file(path, root) for path in sorted(root.iterdir()) if path.is_file() and ends(path)]


def _name(file: File) -> str:
    return file.name.partition(".")[0]


def _table(
    name: str,
    of: Look,
    keys: Mapping[str, str | None],
    links: Mapping[str, list[Reference]],
    times: Mapping[str, str | None],
    joined: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the entry of a table: columns that are keys, references, times or features."""
    columns: dict[str, Any] = {}
    used = {keys[name], times[name], *(link.column for link in links[name])}
    used |= {
        entry if isinstance(entry, str) else entry["column"]
        for entry in _features(of, keys[name], links[name], None)
    }
    for column, seen in of.columns.items():
        if column not in used and seen.type != "datetime":
            continue
        column_type: Any = seen.type
        if seen.type == "datetime":
            column_type = {"type": "datetime", "format": seen.format}
            hours = next((other for other, its in of.columns.items() if _is_hour(other, its, column)), None)
            column_type = {"of": [column, hours], **column_type} if hours else column_type
        columns[column] = column_type
    entry: dict[str, Any] = {**of.source, **of.written, "columns": columns}
    if times[name]:
        entry["time"] = times[name]
    elif joined.get(name):
        reference = joined[name]
        entry["joined"] = {
            reference["name"]: {
                "table": reference["table"],
                "by": reference["by"],
                "column": reference["column"],
            }
        }
        if keys[reference["table"]] != reference["by"]:
            entry["joined"][reference["name"]]["key"] = keys[reference["table"]]
        entry["time"] = reference["name"]
    return entry


def _time(of: Look) -> str | None:
    """Return the column that says when a row came to be: the first of dates that isn't a birthday."""
    for column, seen in of.columns.items():
        if (
            seen.type == "datetime"
            and not seen.missing
            and not any(word in column.lower() for word in NO_TIME)
        ):
            return column
    return None


def _joined(
    name: str, links: Mapping[str, list[Reference]], times: Mapping[str, str | None]
) -> dict[str, Any] | None:
    """Return the time that a table takes from one it refers to."""
    for link in links[name]:
        if times[link.table] and not link.partly:
            return {
                "name": times[link.table],
                "table": link.table,
                "by": link.column,
                "column": times[link.table],
            }
    return None


def _features(of: Look, key: str | None, links: list[Reference], time: str | None) -> list[Any]:
    """Return the features of a table: its numbers, and texts of few values."""
    features: list[Any] = []
    others = {key, time, *(link.column for link in links)}
    dates = [column for column, seen in of.columns.items() if seen.type == "datetime"]
    others |= {
        column for column, seen in of.columns.items() if any(_is_hour(column, seen, date) for date in dates)
    }
    for column, seen in of.columns.items():
        if column in others or seen.type == "datetime" or seen.values is None or len(seen.values) < 2:
            continue
        if seen.type in ("int", "float", "money", "percent"):
            features.append(column)
        elif seen.type == "text" and len(seen.values) <= min(FEATURES, of.rows // 2):
            features.append({"column": column, "encode": "category"})
    return features


def _is_hour(name: str, seen: Seen, date: str) -> bool:
    """Tell whether a column holds the times of day of a column of dates: named alike, as date and time are."""
    alike = name.lower().replace("time", "date") == date.lower() and name != date
    if not alike or seen.type != "text" or seen.values is None or not len(seen.values):
        return False
    return all(HOUR.match(str(value)) for value in seen.values.to_pylist())


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _word(value) if isinstance(value, str) else json.dumps(value)


def _key(text: str) -> str:
    """Return a key as YAML: text whatever it spells."""
    return text if re.fullmatch(r"[A-Za-z_]\w*", text) else _word(text)


def _word(text: str) -> str:
    """Return a text as YAML, in quotes where it needs them."""
    plain = re.fullmatch(r"[A-Za-z_][\w ./-]*[\w]|[A-Za-z_]", text)
    if plain and text.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n"):
        return text
    return "'" + text.replace("'", "''") + "'" if "\t" not in text and "\n" not in text else json.dumps(text)
