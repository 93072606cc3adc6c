"""svg: boxes and arrows as SVG, to be shown by any browser without a network."""

from collections.abc import Iterator, Mapping
from html import escape

from heddle.data.etl.picture.facts import Arrow, Box, TableFacts
from heddle.data.etl.picture.layout import HEAD, LINE, SHOWN, WIDTH, Spot, layout, lines_of, named_by

MARGIN = 40
LEGEND = (
    "Underlined: keys. Orange: the share of missing cells. Arrows: references, with the edges of each node that they "
    "name. Dashed: a column taken from another table."
)
STYLE = """
svg { font-family: system-ui, sans-serif; background: #fff }
.box { fill: #fff; stroke: #94a3b8 } .head { fill: #1e3a5f } .query .head { fill: #5b4a8a }
.values .head, .questions .head { fill: #3f6b57 }
.name { fill: #fff; font-weight: 600; font-size: 14px } .rows { fill: #dbe4ee; font-size: 11px }
.column { font-size: 12px; fill: #0f172a } .type { font-size: 11px; fill: #64748b; text-anchor: end }
.key { font-weight: 700; fill: #9a5b00; text-decoration: underline } .bar { fill: #e2803b } .rest { fill: #e8edf3 }
.edge { fill: none; stroke: #2563a8; stroke-width: 1.5 } .joined { fill: none; stroke: #94a3b8; stroke-dasharray: 5 4 }
.degree { font-size: 11px; fill: #1d4f87 } .number { text-anchor: end } .named { fill: #eef4fb }
"""
WHAT = {
    "table": "{:,} rows",
    "query": "{:,} rows of a query",
    "values": "{:,} nodes: values of columns",
    "questions": "{:,} questions",
}


def to_svg(facts: TableFacts) -> str:
    """Return the picture as SVG."""
    spots = layout(facts)
    width = max((spot.x for spot in spots.values()), default=0) + WIDTH + 2 * MARGIN
    height = max((spot.y + spot.height for spot in spots.values()), default=0) + 2 * MARGIN + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img"><title>{escape(facts.name)}</title><style>{STYLE}</style>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#2563a8"/></marker></defs>',
        f'<text x="{MARGIN}" y="24" class="column">{escape(facts.name)}. {LEGEND}</text>',
        f'<g transform="translate({MARGIN} {MARGIN + 4})">',
    ]
    boxes = {box.name: box for box in facts.boxes}
    for arrow in facts.arrows:  # below the boxes
        parts += _arrow(arrow, boxes, spots, facts)
    for box in facts.boxes:
        parts += _box(box, spots[box.name], facts)
    return "".join([*parts, "</g></svg>"])


def to_html(facts: TableFacts) -> str:
    """Return the picture as a page."""
    title = escape(facts.name)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    return f"{head}<body>{to_svg(facts)}</body></html>\n"


def _box(box: Box, spot: Spot, facts: TableFacts) -> Iterator[str]:
    x, y = spot.x, spot.y
    yield f'<g class="{box.what}"><rect class="box" x="{x}" y="{y}" width="{WIDTH}" height="{spot.height}" rx="6"/>'
    yield f'<path class="head" d="M{x} {y + HEAD - 4} v-{HEAD - 10} q0 -6 6 -6 h{WIDTH - 12} q6 0 6 6 v{HEAD - 10} z"/>'
    yield f'<text class="name" x="{x + 12}" y="{y + 18}">{escape(_short(box.name, 30))}</text>'
    yield f'<text class="rows" x="{x + 12}" y="{y + 33}">{WHAT[box.what].format(box.rows)}</text>'
    bar_x = x + WIDTH - 54
    for at, column in enumerate(box.columns[:SHOWN]):
        top = y + HEAD + LINE * at
        share = f", {column.missing:.1%} missing" if column.missing else ""
        yield f"<g><title>{escape(column.name)}: {column.type}{share}</title>"
        yield f'<text class="column{" key" if column.key else ""}" x="{x + 12}" y="{top + 13}">'
        yield f"{escape(_short(column.name, 22))}</text>"
        yield f'<text class="type" x="{x + WIDTH - 62}" y="{top + 13}">{escape(column.type)}</text>'
        yield f'<rect class="rest" x="{bar_x}" y="{top + 6}" width="44" height="7"/>'
        if column.missing:
            filled = max(44 * column.missing, 1)
            yield f'<rect class="bar" x="{bar_x}" y="{top + 6}" width="{filled:.1f}" height="7"/>'
        yield "</g>"
    if len(box.columns) > SHOWN:
        rest = len(box.columns) - SHOWN
        yield f'<text class="type" x="{x + WIDTH - 62}" y="{y + HEAD + LINE * SHOWN + 13}">and {rest} more</text>'
    incoming = named_by(box, facts)
    for at, arrow in enumerate(incoming):
        top = y + HEAD + LINE * (lines_of(box) + at)
        several = sum(of.source == arrow.source for of in incoming) > 1
        name = f"{arrow.source}.{arrow.column}" if several and arrow.column else arrow.source
        yield f"<g><title>{escape(_title(arrow))}</title>"
        yield f'<rect class="named" x="{x + 1}" y="{top}" width="{WIDTH - 2}" height="{LINE - 1}"/>'
        yield f'<text class="degree" x="{x + 12}" y="{top + 13}">{escape(_short(name, 17))}</text>'
        yield f'<text class="degree number" x="{x + WIDTH - 10}" y="{top + 13}">{escape(_counted(arrow))}</text></g>'
    yield "</g>"


def _counted(arrow: Arrow) -> str:
    """Return what a box says of the edges by which it is named."""
    assert arrow.degrees is not None
    mean, most, none = arrow.degrees
    return f"{mean:.3g} each, most {most:,}" + (f", {_percent(none)} none" if none else "")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"


def _title(arrow: Arrow) -> str:
    where = f"{arrow.source}.{arrow.column}" if arrow.column else arrow.source
    if arrow.what == "joined":
        return f"{where} is taken from {arrow.target}"
    dropped = f"; {arrow.dropped:,} rows left out" if arrow.dropped else ""
    return f"{where} names {arrow.node_type}: {_counted(arrow)}{dropped}"


def _arrow(
    arrow: Arrow, boxes: Mapping[str, Box], spots: Mapping[str, Spot], facts: TableFacts
) -> Iterator[str]:
    """Yield an arrow from the line of a column to the line of the box that it names."""
    source, target = spots[arrow.source], spots[arrow.target]
    y = source.y + _line(boxes[arrow.source], arrow.column)
    end_y = target.y + HEAD / 2
    if arrow.what == "edge":
        box = boxes[arrow.target]
        end_y = target.y + HEAD + LINE * (lines_of(box) + named_by(box, facts).index(arrow) + 0.5)
    x, end_x = source.x + WIDTH, target.x
    if arrow.source == arrow.target:
        curve = f"M{x} {y} C{x + 60} {y} {x + 60} {end_y} {x + 3} {end_y}"
    elif end_x > x:
        middle = (x + end_x) / 2
        curve = f"M{x} {y} C{middle} {y} {middle} {end_y} {end_x - 2} {end_y}"
    else:  # back to the left
        x, end_x = source.x, target.x + WIDTH
        curve = f"M{x} {y} C{x - 90} {y} {end_x + 90} {end_y} {end_x + 3} {end_y}"
    tip = ' marker-end="url(#tip)"' if arrow.what == "edge" else ""
    yield f'<g><title>{escape(_title(arrow))}</title><path class="{arrow.what}" d="{curve}"{tip}/></g>'


def _line(box: Box, column: str) -> float:
    """Return how far below the top of a box the line of a column is."""
    names = [of.name for of in box.columns]
    if column not in names:
        return HEAD / 2
    return HEAD + LINE * (min(names.index(column), SHOWN) + 0.5)


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
