"""picture: the reasons of one row as SVG: its columns as bars, its neighbourhood as a tree of what came to it.

What raises the score and what lowers it differ by colour, by dash and by sign, so that a print without colours tells
them apart; node types differ by shape. The largest are drawn, and a line says how many others there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import NamedTuple

from heddle.serving.reasons.reasons import SHAPLEY, ColumnReason, EdgeReason, Reasons

WIDTH, ROW, STEP = 760, 24, 34
MIDDLE, REACH = 430, 190
"""Where bars begin, and how long the longest is."""
WIDE = (12, 8, 3)
"""Columns that are drawn; edges into an end; edges into a neighbour."""
EMBEDDINGS = "embeddings"
SMALLEST = 5e-5
"""What is no 0 with four digits."""
FAINT = 0.05
"""Of the largest of all edges: neighbours' edges below are left out."""
LONGEST = 30
"""Letters of a text."""

_STYLE = """
.hr { font: 13px system-ui, sans-serif; --hr-text: #1d2430; --hr-soft: #5d6778; --hr-up: #b54708; --hr-down: #0063a3;
  --hr-rule: #aab2bf; --hr-page: #fff; background: var(--hr-page) }
@media (prefers-color-scheme: dark) { .hr { --hr-text: #e6e9ef; --hr-soft: #9aa5b6; --hr-up: #f5a05f;
  --hr-down: #6bb5f0; --hr-rule: #566072; --hr-page: #1b2029 } }
@media print { .hr { --hr-text: #000; --hr-soft: #333; --hr-up: #8a3500; --hr-down: #00497a; --hr-rule: #777;
  --hr-page: #fff } .hr * { print-color-adjust: exact } }
.hr text { font: inherit; fill: var(--hr-text) } .hr .hr-soft { fill: var(--hr-soft) } .hr .hr-head { font-weight: 600 }
.hr .hr-end { text-anchor: end; font-variant-numeric: tabular-nums }
.hr rect.hr-up { fill: var(--hr-up); stroke: var(--hr-up) }
.hr rect.hr-down { fill: var(--hr-down); fill-opacity: .2; stroke: var(--hr-down); stroke-dasharray: 4 2 }
.hr line { stroke: var(--hr-rule) } .hr line.hr-up { stroke: var(--hr-up) }
.hr line.hr-down { stroke: var(--hr-down); stroke-dasharray: 4 2 }
.hr .hr-node { fill: var(--hr-page); stroke: var(--hr-text); stroke-width: 1.5 } .hr .hr-new { stroke-dasharray: 2 2 }
"""


class _Line(NamedTuple):
    """A line of the tree: a node with what came along an edge, or a text in place of more of them."""

    depth: int
    node: int | None
    text: str
    note: str
    value: float


def picture(reasons: Reasons) -> str:
    """Return the reasons of a row as an SVG that stands by itself."""
    parts: list[str] = []
    y = _head(reasons, parts)
    bars = _bars(reasons)
    y = _columns(bars, parts, y)
    embedding = reasons.embedding
    if embedding is not None:
        reasons = replace(reasons, columns=bars, nodes=embedding.nodes, edges=embedding.edges)
    heading = (
        "Neighbourhood" if embedding is None else "What the embeddings are made of (split approximately)"
    )
    if embedding is not None or reasons.method != SHAPLEY:
        y = _tree(reasons, parts, y, heading)
    if embedding is not None and abs(embedding.gap) > SMALLEST:
        y += ROW - 8
        parts.append(
            _text(0, y, "what can't be split: a node that brings nothing is itself a reason", "hr-soft")
        )
        parts.append(_text(WIDTH, y, _signed(embedding.gap), "hr-end"))
    label = f"Reasons of the score {reasons.score:.4g} of {reasons.of}: {_summary(reasons)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hr" viewBox="0 0 {WIDTH} {y + 8}" role="img" '
        f'aria-label="{escape(label)}"><style>{_STYLE}</style>{"".join(parts)}</svg>'
    )


def _bars(reasons: Reasons) -> tuple[ColumnReason, ...]:
    """Return what is drawn as bars: columns of the row and of its ends; of trees the embeddings too."""
    bars = list(reasons.columns)
    for node in reasons.nodes:
        if not node.hop:
            before = f"{node.table}: " if reasons.columns else ""
            bars += [replace(of, column=f"{before}{of.column}") for of in node.columns]
    if reasons.embedding is not None:
        bars.append(ColumnReason(EMBEDDINGS, "see below", reasons.embedding.contribution))
    return tuple(sorted(bars, key=lambda of: -abs(of.contribution)))


def _summary(reasons: Reasons) -> str:
    """Return the largest reasons in words."""
    parts = [(abs(of.contribution), f"{of.column} {of.contribution:+.3g}") for of in reasons.columns]
    parts += [
        (
            abs(of.carried),
            f"{reasons.nodes[of.sender].table} {reasons.nodes[of.sender].key} {of.carried:+.3g}",
        )
        for of in reasons.edges
        if not reasons.nodes[of.receiver].hop
    ]
    return "; ".join(text for _, text in sorted(parts, reverse=True)[:5]) or "nothing moved it"


def _head(reasons: Reasons, parts: list[str]) -> int:
    parts.append(_text(0, 18, f"Why the score of {_cut(reasons.of)} is {_number(reasons.score)}", "hr-head"))
    usual = "the trees' mean" if reasons.method == SHAPLEY else "as it would be with nothing in any row"
    baseline = f"and not {_number(reasons.baseline)}, {usual}"
    parts.append(_text(0, 38, baseline, "hr-soft"))
    parts.append('<rect class="hr-up" x="0" y="50" width="18" height="10"/>')
    parts.append(_text(24, 60, f"+ raises {_cut(reasons.of)}"))
    parts.append('<rect class="hr-down" x="240" y="50" width="18" height="10"/>')
    parts.append(_text(264, 60, f"\N{MINUS SIGN} lowers {_cut(reasons.of)}"))
    return 76


def _columns(columns: Sequence[ColumnReason], parts: list[str], y: int) -> int:
    """Draw what the row's own columns brought, as bars to both sides."""
    if not columns:
        return y
    y += 16
    parts.append(_text(0, y, "What is known of it", "hr-head"))
    parts.append(_text(WIDTH, y, "brought", "hr-end hr-soft"))
    largest = max(abs(of.contribution) for of in columns) or 1.0
    for of in columns[: WIDE[0]]:
        y += ROW
        parts.append(_text(0, y, _cut(of.column)))
        parts.append(_text(190, y, _cut(of.value) or "(empty)", "" if of.value else "hr-soft", of.value))
        long = REACH / 2 * abs(of.contribution) / largest
        x = MIDDLE + REACH / 2 - (long if of.contribution < 0 else 0)
        if long >= 0.5:
            parts.append(
                f'<rect class="{_class(of.contribution)}" x="{x:.1f}" y="{y - 11}" width="{long:.1f}" height="12"/>'
            )
        parts.append(_text(WIDTH, y, _signed(of.contribution), "hr-end"))
    begin = y - ROW * (min(len(columns), WIDE[0]) - 1) - 14
    x = MIDDLE + REACH / 2
    parts.append(f'<line x1="{x}" x2="{x}" y1="{begin}" y2="{y + 4}"/>')
    rest = columns[WIDE[0] :]
    if rest:
        y += ROW
        parts.append(_text(0, y, _others(len(rest)), "hr-soft"))
        parts.append(_text(WIDTH, y, _signed(sum(of.contribution for of in rest)), "hr-end"))
    return y + 12


def _tree(reasons: Reasons, parts: list[str], y: int, heading: str) -> int:
    """Draw the ends, below each the edges into it by what they carried, and below these those that they brought."""
    y += 16
    parts.append(_text(0, y, heading, "hr-head"))
    parts.append(_text(WIDTH, y, "carried", "hr-end hr-soft"))
    shapes = {table: at for at, table in enumerate(dict.fromkeys(of.table for of in reasons.nodes))}
    largest = max((abs(of.carried) for of in reasons.edges), default=0.0) or 1.0
    bottom: dict[int, int] = {}  # by depth: down to where its trunk is drawn
    for line in _lines(reasons):
        y += ROW
        x = 10 + line.depth * STEP
        if line.depth:  # a trunk down from the node above, and a branch as wide as what came along it
            trunk = x - STEP
            parts.append(f'<line x1="{trunk}" x2="{trunk}" y1="{bottom[line.depth - 1]}" y2="{y - 5}"/>')
            bottom[line.depth - 1] = y - 5
            wide = 1.0 if line.node is None else 1 + 6 * abs(line.value) / largest
            class_attribute = "" if line.node is None else f' class="{_class(line.value)}"'
            end = x - (9 if line.node is not None else 0)
            branch = f'x1="{trunk}" x2="{end}" y1="{y - 5}" y2="{y - 5}"'
            parts.append(f'<line{class_attribute} stroke-width="{wide:.1f}" {branch}/>')
        if line.node is not None:
            node = reasons.nodes[line.node]
            parts.append(_shape(shapes[node.table], x, y - 5, node.seen))
            bottom[line.depth] = y + 2
        parts.append(_text(x + 12, y, _cut(line.text), "" if line.node is not None else "hr-soft", line.text))
        parts.append(_text(430, y, line.note, "hr-soft"))
        parts.append(_text(WIDTH, y, _signed(line.value), "hr-end"))
    return y + 8


def _lines(reasons: Reasons) -> Iterator[_Line]:
    into: dict[int, list[EdgeReason]] = {}
    for edge in reasons.edges:
        into.setdefault(edge.receiver, []).append(edge)
    ends = [at for at, node in enumerate(reasons.nodes) if not node.hop]
    drawn = set(ends)
    for end in ends:
        node = reasons.nodes[end]
        note = "by itself" if node.seen else "never seen before"
        if node.seen and end not in into:
            note = "by itself: no rows before this one"
        yield _Line(0, end, f"{node.table} {node.key}", note, node.contribution)
        yield from _below(reasons, into, drawn, end, 1)


def _below(
    reasons: Reasons, into: dict[int, list[EdgeReason]], drawn: set[int], at: int, depth: int
) -> Iterator[_Line]:
    """Yield the edges into a node, largest first; below a neighbour that wasn't drawn yet those into it.

    Of neighbours' edges those that are small beside the largest of all are left out.
    """
    edges, hops = into.get(at, []), max(node.hop for node in reasons.nodes)
    shown = WIDE[min(depth, 2)]
    if depth > 1:
        least = FAINT * abs(reasons.edges[0].carried)
        shown = min(shown, sum(abs(edge.carried) >= least for edge in edges))
        if not shown:
            return
    for edge in edges[:shown]:
        node = reasons.nodes[edge.sender]
        note = f"row {edge.row} of {_cut(edge.table, 24)}"
        yield _Line(depth, edge.sender, f"{node.table} {node.key}", note, edge.carried)
        if edge.sender not in drawn and depth < hops:
            drawn.add(edge.sender)
            yield from _below(reasons, into, drawn, edge.sender, depth + 1)
    rest = edges[shown:]
    if rest:
        yield _Line(depth, None, _others(len(rest)), "", sum(edge.carried for edge in rest))


def _others(count: int) -> str:
    return f"and {count} more" if count > 1 else "and one more"


def _class(value: float) -> str:
    return "hr-up" if value >= 0 else "hr-down"


def _shape(number: int, x: float, y: float, seen: bool) -> str:
    """Return a node's mark: a circle, a square, a diamond or a triangle by its type."""
    class_name = "hr-node" if seen else "hr-node hr-new"
    if number % 4 == 0:
        return f'<circle class="{class_name}" cx="{x}" cy="{y}" r="6"/>'
    if number % 4 == 1:
        return f'<rect class="{class_name}" x="{x - 6}" y="{y - 6}" width="12" height="12"/>'
    corners: Sequence[tuple[int, int]] = ((0, -8), (8, 0), (0, 8), (-8, 0))
    if number % 4 == 3:
        corners = ((0, -7), (7, 6), (-7, 6))
    points = " ".join(f"{x + right},{y + down}" for right, down in corners)
    return f'<polygon class="{class_name}" points="{points}"/>'


def _text(x: float, y: float, text: str, class_name: str = "", whole: str = "") -> str:
    """Return a text; `whole`: what a pointer that rests on it shows, where it was cut."""
    named = f' class="{class_name}"' if class_name else ""
    title = f"<title>{escape(whole)}</title>" if len(whole) > LONGEST else ""
    return f'<text{named} x="{x}" y="{y}">{escape(text)}{title}</text>'


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "\N{MINUS SIGN}")


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
