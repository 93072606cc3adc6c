"""The page of a report: metrics, charts and facts of one run as HTML."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.data.task import Task
from heddle.graphs.dynamic import Snapshot
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.options import plain
from heddle.workflow.metrics.by_name import higher_is_better
from heddle.workflow.metrics.comparison import compared
from heddle.workflow.metrics.decision import Decision
from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.progress import Row
from heddle.workflow.report.charts import curves, judgement
from heddle.workflow.report.forecasts import forecasts

if TYPE_CHECKING:
    from heddle.config.run import RunConfig


class ReportInputs(NamedTuple):
    """What a report tells.

    Attributes:
        config: of the run.
        versions, result: what versions.json and metrics.json hold.
        dataset: with its splits.
        rows: one per epoch.
        predictions: split -> predictions of the best epoch's weights.
        weights: those, by name.
        decision: how outputs are read; None for values, links and forecasts.
    """

    config: "RunConfig"
    versions: Mapping[str, Any]
    result: Mapping[str, Any]
    dataset: Dataset
    task: Task
    rows: Sequence[Row]
    predictions: Mapping[str, Predictions]
    weights: Mapping[str, np.ndarray]
    decision: Decision | None = None


TIMES = {
    "time": "times of the data",
    "known": "known at test time",
    "ties": "of the very same time",
    "protocol": "links ranked as",
}
"""What the entries of metrics.json's "times" are called."""


def page(inputs: ReportInputs) -> str:
    """Return the report as one HTML text, all that comes from data or config escaped."""
    import yaml

    config = inputs.config
    title = f"{config.model.name} on {inputs.dataset.name}"
    subtitle = (
        f"{inputs.task.kind.replace('_', ' ')} · engine {config.backend.name} · seed {inputs.result['seed']}"
    )
    training = curves(inputs.rows, inputs.task.metrics, inputs.result["best_epoch"])
    if inputs.task.level == "step":
        evaluated = forecasts(inputs.task, inputs.dataset, inputs.predictions)
    else:
        evaluated = judgement(inputs.task, inputs.predictions, inputs.dataset.class_names, inputs.decision)
    first = [name for name in training if name in ("loss", inputs.task.metrics[0])]
    charts = {name: training[name] for name in first} | evaluated | training
    written = yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True)
    style = files("heddle.workflow.report").joinpath("style.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>
<main>
{_headline(inputs)}
<section class="wide"><h2>Metrics of epoch {inputs.result["best_epoch"]}, the best</h2>{_metrics(inputs)}</section>
{_baselines(inputs)}
{"".join(_section(name, chart) for name, chart in charts.items())}
<section><h2>Data</h2>{_table(dataset_facts(inputs.dataset))}</section>
<section><h2>Run</h2>{_table(_run_facts(inputs))}</section>
<section class="wide"><h2>Weights</h2>{_details("shapes", _table(_weights(inputs.weights)))}</section>
<section class="wide"><h2>Configuration</h2>{_details("config.yaml", _pre(written))}
{_details("packages", _table(inputs.versions["packages"]))}</section>
</main>
</body>
</html>
"""


def _section(title: str, body: str) -> str:
    """Return a card; a table takes the whole width."""
    wide = ' class="wide"' if body.startswith("<table") else ""
    return f"<section{wide}><h2>{escape(title)}</h2>{body}</section>"


def dataset_facts(dataset: Dataset) -> dict[str, str]:
    """Return what a dataset holds, for people."""
    facts = {"name": dataset.name, "task": dataset.task.replace("_", " ")}
    graphs = dataset.graphs
    if isinstance(graphs, Graph):
        facts |= {"nodes": _count(np.sum(graphs.n_node)), "edges": _count(len(graphs.senders))}
    elif isinstance(graphs, HeteroGraph):
        facts |= {f"nodes: {node_type}": _count(np.sum(count)) for node_type, count in graphs.n_node.items()}
        facts["relations"] = _count(len(graphs.edges))
        facts["edges"] = _count(sum(len(edges.senders) for edges in graphs.edges.values()))
    else:
        graphs = [graph.graph if isinstance(graph, Snapshot) else graph for graph in graphs]
        facts["graphs"] = _count(len(graphs))
        facts["nodes"] = _count(sum(int(np.sum(graph.n_node)) for graph in graphs))
        facts["edges"] = _count(sum(len(graph.senders) for graph in graphs))
    if dataset.num_classes:
        facts["classes"] = str(dataset.num_classes)
    facts |= {
        f"{split} split": _count(len(dataset.splits[split])) for split in SPLITS if split in dataset.splits
    }
    if "source" in dataset.info:
        facts["source"] = str(dataset.info["source"])
    return facts


def _headline(inputs: ReportInputs) -> str:
    """Return the test metrics as tiles, the first large."""
    split = next((key for key in reversed(SPLITS) if _known(inputs.result.get(key, {}))), None)
    if split is None:
        return ""
    names = inputs.task.metrics[:4]
    tiles = "".join(
        f'<div class="tile"><b>{_number(inputs.result[split].get(name))}</b>'
        f"<span>{escape(split)} {escape(name)} {'↑' if higher_is_better(name) else '↓'}</span></div>"
        for name in names
    )
    return f'<div class="tiles">{tiles}</div>'


def _metrics(inputs: ReportInputs) -> str:
    within = inputs.result.get("intervals", {})
    rows = {split: inputs.result[split] for split in SPLITS if split in inputs.result}
    note = "<p><small>Below a number: its interval of 95 %, from drawing the split anew.</small></p>"
    return by_row(rows, within) + (note if any(within.get(split) for split in rows) else "")


def _baselines(inputs: ReportInputs) -> str:
    """Return the section of trivial rules beside the model, for the last split that has them; "" without any."""
    baselines: Mapping[str, Any] = inputs.result.get("baselines", {})
    split = next(
        (key for key in reversed(SPLITS) if any(key in by_split for by_split in baselines.values())), None
    )
    if split is None:
        return ""
    names = list(next(by_split[split] for by_split in baselines.values() if split in by_split))
    rows = {"the model": {name: inputs.result[split].get(name) for name in names}}
    rows |= {name: by_split[split] for name, by_split in baselines.items() if split in by_split}
    line = escape(compared(inputs.result))
    gone = [f"{name}: {reason}" for name, reason in inputs.result.get("not_compared", {}).items()]
    line += f"</p><p>not compared: {escape('; '.join(gone))}" if gone else ""
    return f'<section class="wide"><h2>Baselines, {split}</h2><p>{line}</p>{by_row(rows)}</section>'


def by_row(rows: Mapping[str, Mapping[str, Any]], within: Mapping[str, Mapping[str, Any]] = {}) -> str:
    """Return a table of metrics, a row for each name; with intervals of 95 % below those that have some."""

    def cell(row: str, name: str, value: float | None) -> str:
        interval = within.get(row, {}).get(name)
        range_text = f"<br><small>{interval[0]:.3f} to {interval[1]:.3f}</small>" if interval else ""
        return f"<td>{_number(value)}{range_text}</td>"

    names = list(dict.fromkeys(name for metrics in rows.values() for name in metrics))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr><th>{escape(row)}</th>{''.join(cell(row, name, metrics.get(name)) for name in names)}</tr>"
        for row, metrics in rows.items()
    )
    return f'<table class="metrics"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>'


def _run_facts(inputs: ReportInputs) -> dict[str, str]:
    seconds = [row["seconds"] for row in inputs.rows]
    result, versions = inputs.result, inputs.versions
    facts = {
        "epochs": str(result["epochs"]),
        "best epoch": str(result["best_epoch"]),
        "ended": str(result["stopped"] or "after its last epoch"),
        "time of training": f"{sum(seconds):.1f} s",
        "median epoch": f"{1000 * float(np.median(seconds)):.1f} ms",
        "first epoch": f"{1000 * seconds[0]:.1f} ms",
        "weights": _count(sum(value.size for value in inputs.weights.values())),
    }
    facts |= {TIMES.get(name, name): text for name, text in result.get("times", {}).items()}
    facts |= _decided(result.get("decision", {}))
    if result.get("unused"):
        facts["not used by the model"] = ", ".join(result["unused"])
    facts |= {f"engine: {name}": text for name, text in versions["engine"].items()}
    return facts | {"Python": versions["python"], "platform": versions["platform"]}


def _decided(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return what thresholds and calibration there are, and how far probabilities are off."""
    facts: dict[str, str] = {}
    if "threshold" in entry:
        numbers = ", ".join(f"{value:.4g}" for value in entry["threshold"])
        facts["threshold"] = numbers + (
            f" (chosen on valid: {entry['rule']})" if entry["rule"] != "fixed" else ""
        )
    if entry:
        facts["calibration"] = entry["calibration"]
    for split, off in entry.get("probabilities", {}).items():
        for name in ("ece", "brier"):
            after = off.get(f"{name}_calibrated")
            facts[f"{split} {name}"] = f"{off[name]:.4f}" + (
                "" if after is None else f", calibrated {after:.4f}"
            )
    return facts | ({"notes": "; ".join(entry["notes"])} if entry.get("notes") else {})


def _weights(weights: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {
        name.removeprefix("params/"): f"{' x '.join(map(str, value.shape)) or 'scalar'} {value.dtype}"
        for name, value in weights.items()
    }


def _table(rows: Mapping[str, Any]) -> str:
    body = "".join(
        f"<tr><th>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>" for key, value in rows.items()
    )
    return f'<table class="facts">{body}</table>'


def _details(title: str, body: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def _pre(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _known(metrics: Mapping[str, Any]) -> bool:
    return any(value is not None and np.isfinite(value) for value in metrics.values())


def _number(value: float | None) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.4f}"


def _count(value: Any) -> str:
    return f"{int(value):,}"
