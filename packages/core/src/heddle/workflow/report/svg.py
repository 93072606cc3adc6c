"""Charts as SVG: lines, dots and bars. Colours come from the page's style, by class."""

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from heddle.workflow.report.scale import Scale, label, scale_for, ticks

WIDTH, HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 14, 42
_POINTS = 500
"""Points a line keeps, and dots a cloud keeps: more can't be seen."""

Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""name -> (x, y)"""


def lines(series: Series, x_label: str, y_label: str, mark: float | None = None) -> str:
    """Draw lines through finite points, with a dashed line at x = `mark`."""
    x, y = _scales([v for xs, _ in series.values() for v in xs], [v for _, ys in series.values() for v in ys])
    parts = [_axes(x, y, x_label, y_label)]
    if mark is not None:
        parts.append(
            f'<line class="mark" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}">'
            f"<title>{escape(x_label)} {label(mark)}, the best</title></line>"
        )
    for name, (xs, ys) in series.items():
        points = [(a, b) for a, b in zip(xs, ys) if math.isfinite(b)]
        points = points[:: max(1, len(points) // _POINTS)] + points[-1:]
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
        if len(points) > 2:
            parts.append(f'<polyline class="line {_css(name)}" points="{path}"/>')
        elif points:
            parts += [
                f'<circle class="dot {_css(name)}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="3"/>'
                for a, b in points[:1]
            ]
    best = f"best {x_label}, {label(mark)}" if mark is not None else ""
    return _chart(parts, list(series), f"{y_label} by {x_label}", best)


def dots(series: Series, x_label: str, y_label: str) -> str:
    """Draw a cloud of points per name, and the diagonal where both axes agree."""
    values = [v for xs, ys in series.values() for part in (xs, ys) for v in part]
    x, y = _scales(values, values)
    low, high = max(x.low, y.low), min(x.high, y.high)
    parts = [
        _axes(x, y, x_label, y_label),
        f'<line class="mark" x1="{x(low):.1f}" y1="{y(low):.1f}" x2="{x(high):.1f}" y2="{y(high):.1f}"/>',
    ]
    for name, (xs, ys) in series.items():
        points = [(a, b) for a, b in zip(xs, ys) if math.isfinite(a) and math.isfinite(b)]
        for a, b in points[:: max(1, len(points) // _POINTS)]:
            parts.append(f'<circle class="dot {_css(name)}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="2.5"/>')
    return _chart(parts, list(series), f"{y_label} against {x_label}")


def histogram(groups: Mapping[str, np.ndarray], x_label: str, bins: int = 30) -> str:
    """Draw the share of each group's values per bin, groups over one another."""
    finite = {name: np.asarray(values, float)[np.isfinite(values)] for name, values in groups.items()}
    every = np.concatenate(list(finite.values())) if finite else np.zeros(0)
    x = scale_for(every.tolist(), _LEFT, WIDTH - _RIGHT)
    edges = np.linspace(x.low, x.high, bins + 1)
    shares = {name: np.histogram(v, edges)[0] / max(1, len(v)) for name, v in finite.items()}
    y = scale_for([0.0, *(float(s.max()) for s in shares.values())], HEIGHT - _BOTTOM, _TOP, zero=True)
    return _bars(shares, edges, x, y, x_label, "share")


def columns(groups: Mapping[str, Sequence[float]], names: Sequence[str], x_label: str, y_label: str) -> str:
    """Draw a column per name and group, groups over one another."""
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
    for name, heights in shares.items():
        for a, b, height in zip(edges, edges[1:], heights):
            if height > 0:
                tip = f"<title>{escape(name)}: {height:.3g}</title>"
                parts.append(
                    f'<rect class="bar {_css(name)}" x="{x(a) + gap / 2:.1f}" width="{x(b) - x(a) - gap:.1f}" '
                    f'y="{y(height):.1f}" height="{y(0) - y(height):.1f}">{tip}</rect>'
                )
    return _chart(parts, list(shares), f"{y_label} by {x_label}")


def _axes(x: Scale, y: Scale, x_label: str, y_label: str, names: Sequence[str] | None = None) -> str:
    base, parts = HEIGHT - _BOTTOM, []
    for value in ticks(y):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(
            f'<text class="tick" text-anchor="end" x="{_LEFT - 6}" y="{y(value) + 4:.1f}">{label(value)}</text>'
        )
    marks = [(value, label(value)) for value in ticks(x)]
    if names is not None:
        marks = [(place + 0.5, name) for place, name in enumerate(names)]
    for value, text in marks:
        parts.append(
            f'<text class="tick" text-anchor="middle" x="{x(value):.1f}" y="{base + 16}">{escape(text)}</text>'
        )
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>')
    parts.append(
        f'<text class="name" x="{(_LEFT + WIDTH - _RIGHT) / 2:.1f}" y="{HEIGHT - 8}">{escape(x_label)}</text>'
    )
    parts.append(
        f'<text class="name" transform="translate(14 {(base + _TOP) / 2:.1f}) rotate(-90)">{escape(y_label)}</text>'
    )
    return "".join(parts)


def _chart(parts: Sequence[str], names: Sequence[str], title: str, mark: str = "") -> str:
    """Return a chart with its legend; `mark` says what the dashed line is."""
    keys = [f'<span class="key {_css(name)}">{escape(name)}</span>' for name in names]
    keys += [f'<span class="key best">{escape(mark)}</span>'] if mark else []
    legend = f'<div class="legend">{"".join(keys)}</div>'
    return f'{legend}<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _css(name: str) -> str:
    """Return the class whose colour a series has: by its split, or by whether it is of true or false links."""
    return {"train": "a", "valid": "b", "test": "c", "true": "a", "false": "b"}.get(
        name.partition(" ")[0], "a"
    )
