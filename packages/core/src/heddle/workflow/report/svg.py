"""Charts as SVG: lines, dots and bars. A series' colour, dash and marker come from its slot (`slots.py`)."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

import numpy as np

from heddle.workflow.report.scale import Scale, label, scale_for, ticks
from heddle.workflow.report.slots import bar, line, marker, slots, swatch

WIDTH, HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 14, 14, 42
_POINTS = 500
"""Points a line keeps, and dots a cloud keeps: more can't be seen."""

Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""name -> (x, y)"""


def lines(series: Series, x_label: str, y_label: str, mark: float | None = None) -> str:
    """Draw lines as SVG, broken where y is not finite, with an upright line at x = `mark`.

    Args:
        series: name -> (x, y) of its points.
        x_label, y_label: of the axes.
    """
    every_x = [v for xs, _ in series.values() for v in xs]
    x, y = _scales(every_x, [v for _, ys in series.values() for v in ys])
    if len(set(every_x)) > 1:  # no room beside the first and the last point
        x = x._replace(low=min(every_x), high=max(every_x))
    parts = [_axes(x, y, x_label, y_label, whole=all(float(v).is_integer() for v in every_x))]
    if mark is not None:
        parts.append(
            f'<line class="mark" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}">'
            f"<title>{escape(x_label)} {label(mark)}, the best</title></line>"
        )
    slot = slots(series)
    for name, (xs, ys) in series.items():
        for run in _runs(xs, ys):
            points = [(x(a), y(b)) for a, b in _thinned(run)]
            parts.append(line(slot[name], points) if len(points) > 1 else marker(slot[name], *points[0]))
    best = f"best {x_label}, {label(mark)}" if mark is not None else ""
    keys = {name: swatch("line", number) for name, number in slot.items()}
    return _chart(parts, keys, f"{y_label} by {x_label}", best)


def dots(series: Series, x_label: str, y_label: str, diagonal: str = "") -> str:
    """Draw a cloud of points per name as SVG, and the diagonal where both axes agree.

    Args:
        series: name -> (x, y) of its points.
        x_label, y_label: of the axes.
        diagonal: what the legend calls it.
    """
    values = [v for xs, ys in series.values() for part in (xs, ys) for v in part]
    x, y = _scales(values, values)
    low, high = max(x.low, y.low), min(x.high, y.high)
    parts = [
        _axes(x, y, x_label, y_label),
        f'<line class="mark" x1="{x(low):.1f}" y1="{y(low):.1f}" x2="{x(high):.1f}" y2="{y(high):.1f}"/>',
    ]
    slot = slots(series)
    for name, (xs, ys) in series.items():
        points = [(a, b) for a, b in zip(xs, ys) if math.isfinite(a) and math.isfinite(b)]
        parts += [marker(slot[name], x(a), y(b)) for a, b in points[:: max(1, len(points) // _POINTS)]]
    keys = {name: swatch("marker", number) for name, number in slot.items()}
    return _chart(parts, keys, f"{y_label} against {x_label}", diagonal or f"{y_label} = {x_label}")


def histogram(groups: Mapping[str, np.ndarray], x_label: str, bins: int = 30) -> str:
    """Draw the share of each group's values (name -> [n]) per bin as SVG, groups over one another."""
    finite = {name: np.asarray(values, float)[np.isfinite(values)] for name, values in groups.items()}
    every = np.concatenate(list(finite.values())) if finite else np.zeros(0)
    x = scale_for(every.tolist(), _LEFT, WIDTH - _RIGHT)
    edges = np.linspace(x.low, x.high, bins + 1)
    shares = {name: np.histogram(v, edges)[0] / max(1, len(v)) for name, v in finite.items()}
    y = scale_for([0.0, *(float(s.max()) for s in shares.values())], HEIGHT - _BOTTOM, _TOP, zero=True)
    return _bars(shares, edges, x, y, x_label, "share")


def columns(groups: Mapping[str, Sequence[float]], names: Sequence[str], x_label: str, y_label: str) -> str:
    """Draw a column per name and group as SVG, groups over one another.

    Args:
        groups: name of a group -> a value for each of `names`.
        x_label, y_label: of the axes.
    """
    x = Scale(0, max(1, len(names)), _LEFT, WIDTH - _RIGHT)
    y = scale_for(
        [0.0, *(v for values in groups.values() for v in values)], HEIGHT - _BOTTOM, _TOP, zero=True
    )
    shares = {name: np.asarray(values, float) for name, values in groups.items()}
    return _bars(shares, np.arange(len(names) + 1), x, y, x_label, y_label, names)


def _scales(xs: Sequence[float], ys: Sequence[float]) -> tuple[Scale, Scale]:
    return scale_for(xs, _LEFT, WIDTH - _RIGHT), scale_for(ys, HEIGHT - _BOTTOM, _TOP)


def _bars(
    shares: Mapping[str, np.ndarray],
    edges: np.ndarray,
    x: Scale,
    y: Scale,
    x_label: str,
    y_label: str,
    names: Sequence[str] | None = None,
) -> str:
    parts = [_axes(x, y, x_label, y_label, names)]
    gap = 4 if names is not None else 1
    slot = slots(shares)
    for name, heights in shares.items():
        for a, b, height in zip(edges, edges[1:], heights):
            if height > 0:
                box = (x(a) + gap / 2, y(height), x(b) - x(a) - gap, y(0) - y(height))
                parts.append(bar(slot[name], box, f"{name}: {height:.3g}"))
    keys = {name: swatch("bar", number) for name, number in slot.items()}
    return _chart(parts, keys, f"{y_label} by {x_label}")


def _axes(
    x: Scale, y: Scale, x_label: str, y_label: str, names: Sequence[str] | None = None, whole: bool = False
) -> str:
    """Return both axes with their ticks; `names` instead of numbers along x, or `whole` numbers alone."""
    base, parts = HEIGHT - _BOTTOM, []
    for value in ticks(y):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(
            f'<text class="tick" text-anchor="end" x="{_LEFT - 6}" y="{y(value) + 4:.1f}">{label(value)}</text>'
        )
    marks = [(value, label(value)) for value in ticks(x) if not whole or float(value).is_integer()]
    if names is not None:
        marks = [(number + 0.5, name) for number, name in enumerate(names)]
    for value, text in marks:
        parts.append(
            f'<text class="tick" text-anchor="middle" x="{x(value):.1f}" y="{base + 16}">{escape(text)}</text>'
        )
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>')
    parts.append(
        f'<text class="name" x="{(_LEFT + WIDTH - _RIGHT) / 2:.1f}" y="{HEIGHT - 8}">{escape(x_label)}</text>'
    )
    parts.append(
        f'<text class="name" transform="translate(11 {(base + _TOP) / 2:.1f}) rotate(-90)">{escape(y_label)}</text>'
    )
    return "".join(parts)


def _chart(parts: Sequence[str], swatches: Mapping[str, str], title: str, mark: str = "") -> str:
    """Return a chart with its legend, a drawn sample before each name; `mark` says what the thin line is."""
    keys = [f'<span class="key">{drawn}{escape(name)}</span>' for name, drawn in swatches.items()]
    keys += [f'<span class="key best">{escape(mark)}</span>'] if mark else []
    legend = f'<div class="legend">{"".join(keys)}</div>'
    return f'{legend}<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _runs(xs: Sequence[float], ys: Sequence[float]) -> list[list[tuple[float, float]]]:
    """Return the points between values that are not finite: what is unknown is a gap, not a straight line."""
    groups = groupby(zip(xs, ys), key=lambda point: math.isfinite(point[1]))
    return [list(points) for known, points in groups if known]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the lowest and the highest of neighbouring points, in order, where there are more than can be seen."""
    if len(points) <= _POINTS:
        return points
    kept: list[tuple[float, float]] = []
    for part in np.array_split(np.arange(len(points)), _POINTS // 2):
        some = [points[number] for number in part]
        ends = min(some, key=lambda point: point[1]), max(some, key=lambda point: point[1])
        kept += sorted(set(ends))
    return kept
