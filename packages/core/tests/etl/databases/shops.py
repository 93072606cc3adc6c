"""One shop in CSV and in databases: users with every type, orders in their own order."""

import contextlib
import csv
import sqlite3

USERS = ("id", "age", "score", "price", "plan", "joined", "day", "hour", "active", "raw", "extra")
ROWS = [
    (
        1,
        31,
        0.1,
        "12.50",
        "free",
        "2020-01-05 10:00:00.75+00",
        "2020-01-05",
        "10:30:00",
        True,
        "é",
        '{"a": {"b": 2}}',
    ),
    (
        2,
        None,
        float("nan"),
        "0.10",
        'pro, "x"',
        "2019-12-31 23:59:59.5+00",
        "1969-12-31",
        None,
        False,
        "b",
        '{"a": {}}',
    ),
    (9007199254740993, 45, -1e-300, None, None, "2020-03-05 00:00:00+00", None, "23:59:59", True, "", None),
    (
        4,
        20,
        5.0,
        "1000000000000.01",
        "line\nbreak",
        "2020-04-01 12:00:00+00",
        "2020-04-01",
        "00:00:00",
        None,
        None,
        '{"a": 1}',
    ),
]
ORDERS = [(1, 4, 2.5), (9007199254740993, 1, 1.1), (2, 2, None), (1, 9007199254740993, 0.3), (4, 4, 7.0)]


def shop_schema(address=None):
    """Return the schema, as a mapping, over the CSV or over a database."""

    def table(name, columns):
        where = {"path": f"{name}.csv"} if address is None else {"database": "shop"}
        return {**where, "columns": columns}

    columns = {
        "id": "int", "age": "int", "score": "float", "price": "float", "plan": "text",
        "joined": {"type": "datetime", "format": "iso"},
        "visit": {"of": ["day", "hour"], "type": "datetime", "format": "iso"},
        "active": "text", "raw": "text", "b": {"of": "extra", "json": "a.b", "type": "int"},
    }  # fmt: skip
    features = [
        {"column": ["age", "score", "price", "b"], "encode": "number"},
        {"column": ["plan", "active", "raw"], "encode": "category"},
        {"column": "visit", "encode": "cyclic"},
    ]
    orders = {"buyer": "int", "seller": "int", "paid": "float"}
    edges = {"type": ["user", "pays", "user"], "table": "orders", "source": "buyer", "target": "seller"}
    return {
        "name": "shop",
        "tables": {"users": table("users", columns), "orders": table("orders", orders)},
        "nodes": {"user": {"table": "users", "key": "id", "time": "joined", "features": features}},
        "edges": [{**edges, "features": [{"column": "paid", "encode": "log"}]}],
        **({} if address is None else {"databases": {"shop": address}}),
    }


def csv_of(folder):
    """Write the shop's tables as CSV."""
    texts = {True: "true", False: "false"}
    for name, header, rows in (("users", USERS, ROWS), ("orders", ("buyer", "seller", "paid"), ORDERS)):
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(header)
            for row in rows:
                writer.writerow([texts[cell] if isinstance(cell, bool) else cell for cell in row])


def sqlite_of(path):
    """Make the shop's tables in a database of SQLite."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE users({', '.join(USERS)})")
        connection.execute("CREATE TABLE orders(buyer, seller, paid)")
        for row in ROWS:
            cells = [{True: "true", False: "false"}[cell] if isinstance(cell, bool) else cell for cell in row]
            cells[9] = None if cells[9] is None else cells[9].encode()
            connection.execute(f"INSERT INTO users VALUES ({', '.join('?' * len(USERS))})", cells)
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", ORDERS)
        connection.commit()
