"""Slots: what tells the series of a chart apart, in colour, in line and in shape.

Eight colours that colour-blind readers tell apart (Okabe and Ito 2008), each with a dash of its own for lines and edges
of bars, and a shape of its own for points, so that a chart can be read in grey as well.
"""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import count

from heddle.data.dataset import SPLITS

COLOURS = 8
"""Slots before a colour comes again, then with another dash."""

_SHAPES = (
    "M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0z",  # circle
    "M-2.7,-2.7h5.4v5.4h-5.4z",  # square
    "M0,-3.4l3.2,5.8h-6.4z",  # triangle
    "M0,-3.6l3.6,3.6l-3.6,3.6l-3.6,-3.6z",  # diamond
)


def slots(names: Iterable[str]) -> dict[str, int]:
    """Return name -> slot, no slot twice: a split has the same one in every chart, others take the first that is free.

    >>> slots(["true", "forecast"]), slots(["valid", "test"])
    ({'true': 0, 'forecast': 1}, {'valid': 1, 'test': 2})
    """
    asked = list(names)
    taken = {name: SPLITS.index(name) for name in asked if name in SPLITS}
    free = (number for number in count() if number not in taken.values())
    return {name: taken[name] if name in taken else next(free) for name in asked}


def line(slot: int, points: Sequence[tuple[float, float]]) -> str:
    """Return a line through points on the page."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line {_css(slot)}" points="{path}"/>'


def marker(slot: int, x: float, y: float) -> str:
    """Return a point in the slot's shape."""
    shape = _SHAPES[slot % len(_SHAPES)]
    return f'<path class="dot {_css(slot)}" transform="translate({x:.1f} {y:.1f})" d="{shape}"/>'


def bar(slot: int, box: tuple[float, float, float, float], tip: str = "") -> str:
    """Return a bar as SVG that says `tip` when pointed at.

    Args:
        slot: number of its colour.
        box: (left, top, width, height).
    """
    x, y, width, height = box
    title = f"<title>{escape(tip)}</title>" if tip else ""
    return (
        f'<rect class="bar {_css(slot)}" x="{x:.1f}" width="{width:.1f}" y="{y:.1f}" height="{height:.1f}">'
        f"{title}</rect>"
    )


def swatch(mark: str, slot: int) -> str:
    """Return a sample for the legend: of a "line", a "marker" or a "bar"."""
    drawn = {
        "line": line(slot, [(1, 6), (27, 6)]),
        "marker": marker(slot, 14, 6),
        "bar": bar(slot, (7, 1, 14, 10)),
    }[mark]
    return f'<svg class="swatch" viewBox="0 0 28 12" aria-hidden="true">{drawn}</svg>'


def _css(slot: int) -> str:
    """Return the classes of a slot: its colour, and the dash of its line, another one when colours come again."""
    return f"s{slot % COLOURS} d{(slot + slot // COLOURS) % COLOURS}"
