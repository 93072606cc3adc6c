"""A run as text for a terminal and as HTML for a notebook: a line about it, its metrics, its curves."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from heddle.workflow.report.charts import curves
from heddle.workflow.report.page import by_row

if TYPE_CHECKING:
    from heddle.config.run import RunConfig


class Shown(Protocol):
    """What is shown: a `heddle.api.run.Run`."""

    @property
    def folder(self) -> Path: ...

    @property
    def config(self) -> "RunConfig": ...

    @property
    def is_finished(self) -> bool: ...

    @property
    def summary(self) -> Mapping[str, Any]: ...

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float]]: ...

    @property
    def intervals(self) -> Mapping[str, Mapping[str, tuple[float, float]]]: ...

    @property
    def history(self) -> Mapping[str, np.ndarray]: ...


def run_text(run: Shown) -> str:
    """Return a finished run as text: a line about it and its metrics, a row for each split."""
    names = list(dict.fromkeys(name for metrics in run.metrics.values() for name in metrics))
    rows = [[split, *(cell(metrics.get(name)) for name in names)] for split, metrics in run.metrics.items()]
    return f"{title_of(run)}\n{table_text(['', *names], rows)}\n{run.folder}"


def run_html(run: Shown) -> str:
    """Return a run as HTML: a line about it, its metrics as a table, and a chart of each that training followed."""
    if not run.is_finished:
        return page(f"<p>{escape(repr(run))}: not finished; go on with it by <code>resume()</code></p>")
    charts = curves(rows_of(run), followed(run), run.summary["best_epoch"])
    cards = "".join(f"<section><h2>{escape(name)}</h2>{chart}</section>" for name, chart in charts.items())
    return page(
        f"<header><h1>{escape(title_of(run))}</h1><p>{escape(str(run.folder))}</p></header>"
        f'<main><section class="wide">{by_row(run.metrics, run.intervals)}</section>{cards}</main>'
    )


def page(body: str) -> str:
    """Return HTML for a cell of a notebook: the report's style, kept from the notebook's own elements."""
    style = files("heddle.workflow.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        f"<style>.heddle {{ {style.replace(':root', '&')} }}</style>"
        f'<div class="heddle" style="background:var(--page);color:var(--text);padding-bottom:1px">{body}</div>'
    )


def title_of(run: Shown) -> str:
    """Return a line about a finished run: "gat on cora, engine pyg, epoch 12 of 20"."""
    config, summary = run.config, run.summary
    return (
        f"{config.model.name} on {config.data.title}, engine {config.backend.name}, "
        f"epoch {summary['best_epoch']} of {summary['epochs']}"
    )


def followed(run: Shown) -> list[str]:
    """Return the metrics, the loss left out, that training followed by epoch."""
    names = [name.partition(".")[2] for name in run.history if name.partition(".")[0] in run.metrics]
    return [name for name in dict.fromkeys(names) if name != "loss"]


def rows_of(run: Shown) -> list[dict[str, float]]:
    """Return the history by epoch rather than by column."""
    columns = {name: column.tolist() for name, column in run.history.items()}
    return [dict(zip(columns, values)) for values in zip(*columns.values())]


def table_text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as lines, the first column left-aligned, the others right-aligned.

    Args:
        head: the columns' names.
        rows: as many cells each.
    """
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in (head, *rows)
    )


def table_html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as HTML, the first cell of each row its name."""
    first = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td>{escape(text)}</td>' for text in row[1:])}</tr>"
        for row in rows
    )
    return f'<table class="metrics"><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>'


def cell(value: float | None) -> str:
    """Return a metric as a table shows it: "0.8100", "-" where there is none."""
    return "-" if value is None or value != value else f"{value:.4f}"
