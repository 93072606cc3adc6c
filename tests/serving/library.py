"""A library of books, members and loans: its tables, their graphs, and runs on them with bundles."""

import csv
import random
import shutil

import numpy as np
import yaml

from heddle.engines.plugins import load_plugins

SCHEMA = """
name: library
kind: node_classification
target: loan
tables:
  books: {path: books.csv, columns: {isbn: text, price: float}}
  members: {path: members.csv, columns: {number: int, plan: text}}
  loans:
    path: loans.csv
    columns: {id: int, member: int, isbn: text, taken: {type: datetime, format: iso}, desk: text, late: text}
    time: taken
nodes:
  book: {table: books, key: isbn, features: [price]}
  member: {table: members, key: number, features: [{column: plan, encode: category}]}
  loan:
    table: loans
    key: id
    time: taken
    features: [{column: desk, encode: category}]
    label: {column: late, classes: ["no", "yes"]}
edges:
  - {type: [loan, by, member], table: loans, source: id, target: member, time: taken}
  - {type: [loan, of, book], table: loans, source: id, target: isbn, time: taken}
tasks:
  active: {query: "PREDICT count(loans, 0, 20 days) > 1 FOR member"}
  often: {query: "PREDICT count(loans, 0, 20 days) FOR member", history: true}
split: {valid: 2020-07-01, test: 2020-09-01}
"""
LINKS = """
name: borrowed
kind: link_prediction
target: [member, borrows, book]
tables:
  books: {path: books.csv, columns: {isbn: text, price: float}}
  members: {path: members.csv, columns: {number: int, plan: text}}
  loans: {path: loans.csv, columns: {member: int, isbn: text, taken: {type: datetime, format: iso}}, time: taken}
nodes:
  book: {table: books, key: isbn, features: [price]}
  member: {table: members, key: number, features: [{column: plan, encode: category}]}
edges:
  - {type: [member, borrows, book], table: loans, source: member, target: isbn, time: taken}
split: {valid: 2020-07-01, test: 2020-09-01}
"""
LATE = 40
"""Loans at the end that are appended to a graph without them."""


def write_tables(folder):
    """Write three tables and return the loans, in order of their times."""
    draw = random.Random(4)
    start = np.datetime64("2020-01-01T08:00")
    minutes = sorted(draw.sample(range(350 * 1440), 300))
    loans = [
        {
            "id": 5000 + i,
            "member": draw.randint(1, 25),
            "isbn": f"b{draw.randint(1, 30)}",
            "taken": str(start + minute).replace("T", " "),
            "desk": draw.choice(["north", "south", ""]),
            "late": draw.choice(["no", "yes"]),
        }
        for i, minute in enumerate(minutes)
    ]
    books = [{"isbn": f"b{i}", "price": draw.randint(5, 60)} for i in range(1, 31)]
    members = [{"number": i, "plan": draw.choice("AB")} for i in range(1, 26)]
    for name, rows in (("books", books), ("members", members), ("loans", loans)):
        write_csv(folder / f"{name}.csv", rows)
    return loans


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def question(loan):
    taken = np.datetime64(loan["taken"].replace(" ", "T"), "s")
    return {"key": loan["id"], "time": int(taken.astype(np.int64))}


def prepared(root, schema):
    """Prepare the tables in root/all and root/early by a schema, in a folder of the schema's name, and return it."""
    from heddle.cli import main

    name = yaml.safe_load(schema)["name"]
    (root / f"{name}.yaml").write_text(schema, encoding="utf-8")
    for part in ("all", "early"):
        arguments = ["data=schema", f"data.schema={root / f'{name}.yaml'}", f"data.src={root / part}"]
        assert (
            main(["data", "prepare", *arguments, f"data.dst={root / name / part}", "etl.progress=false"]) == 0
        )
    return root / name


def trained(folder, run, *arguments):
    """Train on folder/all and export the run's bundle twice: on all loans, and on those before the last ones."""
    from heddle.cli import main
    from heddle.config.saved import saved_config
    from heddle.serving.bundle.export import export_bundle
    from heddle.serving.live import create

    registry = load_plugins()
    command = [
        "train",
        "backend=pyg",
        "data=prepared",
        f"data.root={folder / 'all'}",
        "model.hidden=8",
    ]
    command += ["sampler=neighbor", "trainer.epochs=2", "trainer.progress=false", f"run.dir={run}"]
    assert main([*command, *arguments]) == 0
    assert main(["predict", f"run={run}", f"out={run / 'predictions.csv'}"]) == 0
    export_bundle(saved_config(run, registry), run, registry, run / "whole")
    shutil.copytree(run / "whole", run / "lacking", ignore=shutil.ignore_patterns("live"))
    create(run / "lacking" / "live", folder / "early")


def predicted(run):
    """Return node -> outputs of a run's predictions."""
    with open(run / "predictions.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {int(row["node"]): [float(row["output.0"]), float(row["output.1"])] for row in rows}
