"""layout: where the boxes of a picture stand: what refers to others left of them, columns as even as can be."""

from collections.abc import Mapping
from typing import NamedTuple

from heddle.data.etl.picture.facts import Arrow, Box, TableFacts

WIDTH, GAP_X, GAP_Y = 310, 180, 34
HEAD, LINE, SHOWN = 44, 19, 26
"""Heights of a box's head and of a column's line; columns that are shown of a table."""


class Spot(NamedTuple):
    """Where a box stands."""

    x: int
    y: int
    height: int


def lines_of(box: Box) -> int:
    """Return how many lines the columns of a box take."""
    return min(len(box.columns), SHOWN) + (len(box.columns) > SHOWN)


def named_by(box: Box, facts: TableFacts) -> list[Arrow]:
    """Return the references to a box, in the order of their lines below its columns."""
    return [arrow for arrow in facts.arrows if arrow.target == box.name and arrow.what == "edge"]


def height_of(box: Box, facts: TableFacts) -> int:
    """Return the height of a box: a line for each column, and one for each reference to it."""
    lines = lines_of(box) + len(named_by(box, facts))
    return HEAD + LINE * lines + (6 if lines else 0)


def layout(facts: TableFacts) -> dict[str, Spot]:
    """Return where each box stands: in the column after the longest chain of references that leads to it.

    Within a column boxes stand at the mean height of those that refer to them.
    """
    ranks = _ranks(facts)
    spots: dict[str, Spot] = {}
    for rank in range(max(ranks.values(), default=-1) + 1):
        column = [box for box in facts.boxes if ranks[box.name] == rank]
        wanted = {box.name: _wanted(box.name, facts, spots) for box in column}
        y = 0
        for box in sorted(column, key=lambda box: (wanted[box.name], box.name)):
            tall = height_of(box, facts)
            top = max(y, round(wanted[box.name] - tall / 2)) if spots else y
            spots[box.name] = Spot(rank * (WIDTH + GAP_X), top, tall)
            y = top + tall + GAP_Y
    least = min((spot.y for spot in spots.values()), default=0)
    return {name: spot._replace(y=spot.y - least) for name, spot in spots.items()}


def _ranks(facts: TableFacts) -> dict[str, int]:
    """Return box -> how many references lead to it at most; circles are cut where they close."""
    sources: dict[str, set[str]] = {box.name: set() for box in facts.boxes}
    for arrow in facts.arrows:
        if arrow.target != arrow.source:
            sources[arrow.target].add(arrow.source)
    ranks: dict[str, int] = {}

    def rank(name: str, above: frozenset[str]) -> int:
        if name not in ranks:
            before = [rank(source, above | {name}) for source in sorted(sources[name] - above)]
            if above & sources[name]:
                return max(before, default=-1) + 1  # a circle: as seen from here, not for good
            ranks[name] = max(before, default=-1) + 1
        return ranks[name]

    for box in facts.boxes:
        ranks[box.name] = rank(box.name, frozenset())
    return ranks


def _wanted(name: str, facts: TableFacts, spots: Mapping[str, Spot]) -> float:
    """Return the mean height of the boxes that refer to one."""
    middles = [
        spots[arrow.source].y + spots[arrow.source].height / 2
        for arrow in facts.arrows
        if arrow.target == name and arrow.source in spots and arrow.source != name
    ]
    return sum(middles) / len(middles) if middles else 0.0
