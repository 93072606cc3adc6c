"""read_labels: the tables of labelled entities beside an RDF graph."""

import csv
from collections.abc import Mapping
from pathlib import Path

from heddle.data.formats.text_files import fail, read_text

COLUMNS = {
    "aifb": ("person", "label_affiliation"),
    "am": ("proxy", "label_cateogory"),
    "bgs": ("rock", "label_lithogenesis"),
    "mutag": ("bond", "label_mutagenic"),
}
"""Headings of the entities and the classes in known datasets (one is misspelt in its files)."""


def read_labels(
    path: Path, name: str, ids: Mapping[str, int], entity_column: str | None, label_column: str | None
) -> dict[int, str]:
    """Return entity id -> class of a table with tabs and a heading, one of the dataset `name`.

    Raises:
        DataError: an empty or ragged table, an unknown entity, or two classes of one entity.
    """
    try:
        rows = [row for row in csv.reader(read_text(path).split("\n"), delimiter="\t") if row]
    except csv.Error as error:
        fail(path, str(error), "a table with tabs between its columns")
    if not rows:
        fail(path, "an empty file", "a heading and a row for each labelled entity")
    heading = [cell.strip() for cell in rows[0]]
    classes = [column for column in heading if column.lower().startswith("label")]
    entities = [column for column in heading if column not in classes and column.lower() != "id"]
    known = COLUMNS.get(name, ("", ""))
    label_at = _column(path, heading, label_column, known[1], classes, "label")
    entity_at = _column(path, heading, entity_column, known[0], entities, "entity")
    labels: dict[int, str] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(heading):
            fail(f"{path}: row {number}", f"{len(row)} columns", f"{len(heading)} as in the heading")
        name, label = row[entity_at].strip(), _by_value(row[label_at].strip())
        entity = ids.get(f"<{name}>", ids.get(name))
        if entity is None:
            fail(f"{path}: row {number}", f"the entity {name!r}", "an entity of the triples")
        if not label:
            fail(f"{path}: row {number}", "an empty label", "a class")
        if labels.setdefault(entity, label) != label:
            fail(
                f"{path}: row {number}",
                f"{label!r} for {name!r}, {labels[entity]!r} before",
                "one class each",
            )
    return labels


def _by_value(label: str) -> str:
    """Return a class as it is named, whole numbers in one spelling: MUTAG's files say 1 and 1.0.

    >>> _by_value("1.0"), _by_value("id1instance")
    ('1', 'id1instance')
    """
    try:
        number = float(label)
    except ValueError:
        return label
    return str(int(number)) if number.is_integer() else label


def _column(
    path: Path, heading: list[str], asked: str | None, known: str, guesses: list[str], what: str
) -> int:
    """Return the position of the column that is asked for by name, or known, or the only guess."""
    if asked is not None:
        guesses = [column for column in heading if column == asked]
    elif known in heading:
        return heading.index(known)
    if len(guesses) != 1:
        fail(path, f"the columns {heading}", f"one {what} column", f"name it with data.{what}_column=...")
    return heading.index(guesses[0])
