"""A matrix of counts as SVG."""

from collections.abc import Sequence
from html import escape

import numpy as np


def matrix(counts: np.ndarray, names: Sequence[str], x_label: str, y_label: str) -> str:
    """Draw a square matrix of counts [n, n] as SVG, each row shaded by its shares.

    Counts are written where there is room.

    Args:
        names: of rows and columns.
        x_label, y_label: of the axes.
    """
    n = len(names)
    side = max(14.0, min(46.0, 430 / max(1, n)))
    text = shortened(names)
    left = 34 + 6.6 * max([len(name) for name in text], default=0)
    size = n * side
    parts = []
    for row in range(n):
        total = max(1, counts[row].sum())
        for column in range(n):
            share, count = counts[row, column] / total, int(counts[row, column])
            x, y = left + column * side, 8 + row * side
            parts.append(
                f'<rect class="cell" x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}" '
                f'style="fill-opacity:{share:.3f}"><title>{escape(y_label)} {escape(names[row])}, '
                f"{escape(x_label)} {escape(names[column])}: {count} ({share:.1%})</title></rect>"
            )
            if side >= 24:
                tone = "on" if share > 0.55 else "off"
                parts.append(
                    f'<text class="count {tone}" x="{x + side / 2:.1f}" y="{y + side / 2 + 4:.1f}">{count}</text>'
                )
        y = 8 + row * side + side / 2 + 4
        parts.append(
            f'<text class="tick" text-anchor="end" x="{left - 6:.1f}" y="{y:.1f}">{escape(text[row])}</text>'
        )
    for column in range(n):
        x, y = left + column * side + side / 2, 8 + size + 12
        turn = f' transform="rotate(-45 {x:.1f} {y:.1f})"' if max(map(len, text)) > 3 else ""
        anchor = "end" if turn else "middle"
        parts.append(
            f'<text class="tick" text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}"{turn}>{escape(text[column])}</text>'
        )
    deep = 20 + (5 * max(map(len, text), default=0) if max(map(len, text), default=0) > 3 else 0)
    width, height = left + size + 8, 8 + size + deep + 22
    parts.append(
        f'<text class="name" x="{left + size / 2:.1f}" y="{height - 6:.1f}">{escape(x_label)}</text>'
    )
    parts.append(
        f'<text class="name" transform="translate(14 {8 + size / 2:.1f}) rotate(-90)">{escape(y_label)}</text>'
    )
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px" role="img" '
        f'aria-label="{escape(y_label)} by {escape(x_label)}">{"".join(parts)}</svg>'
    )


def shortened(names: Sequence[str], length: int = 14) -> list[str]:
    """Return names of at most `length` characters, of which different ones stay different as far as they can.

    Long ones are cut at their end, or at their beginning where fewer are alike so, as with addresses of one server.

    >>> shortened(["http://example.org/first", "http://example.org/second", "other"])
    ['…ple.org/first', '…le.org/second', 'other']
    """
    behind = [name if len(name) <= length else name[: length - 1] + "…" for name in names]
    if len(set(behind)) == len(set(names)):
        return behind
    before = [name if len(name) <= length else "…" + name[1 - length :] for name in names]
    return before if len(set(before)) > len(set(behind)) else behind
