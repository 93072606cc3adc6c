"""boost_run: a trained run, trees on the columns of what it asks about, and trees on both, in one table."""

from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from heddle.atomic import write_bytes, write_json, write_text
from heddle.data.task import Task
from heddle.errors import ConfigError
from heddle.workflow.artifacts import write_table
from heddle.workflow.assemble import Assembly
from heddle.workflow.boost.grow import Grown, answer_kind, data_of, grow
from heddle.workflow.boost.options import Boost
from heddle.workflow.boost.questions import EMBEDDED, QuestionTable
from heddle.workflow.metrics.by_name import higher_is_better
from heddle.workflow.metrics.deciding import decide
from heddle.workflow.metrics.intervals import intervals, paired
from heddle.workflow.metrics.predictions import evaluate_predictions
from heddle.workflow.report.page import by_row
from heddle.workflow.saved import restore, rows_embedded

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

MODEL, TABLE, BOTH = "the model", "trees on the table", "trees on both"
VECTORS = "trees on embeddings"
TREES = {TABLE: "table", VECTORS: "embeddings", BOTH: "both"}
"""Trees -> what their file is called."""

REASONS = 5
"""Columns that are named for each row."""


class BoostedRun(NamedTuple):
    """What `heddle boost` found.

    Attributes:
        folder: of report.html, boost.json, trees in table.json, embeddings.json and both.json, reasons.csv.
        metrics: name of a row -> split -> metric -> value.
        intervals: the same, -> (low, high).
        verdicts: sentences about what the graph adds.
        importance: name of a row of trees -> column -> share of the gain, the largest first.
    """

    folder: Path
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]]
    intervals: Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]]
    verdicts: list[str]
    importance: Mapping[str, Mapping[str, float]]

    def rows(self, split: str = "test") -> list[tuple[str, ...]]:
        """Return (name, each metric) of a split as text."""
        return [
            (name, *(f"{value:.4f}" for value in by_split[split].values()))
            for name, by_split in self.metrics.items()
            if split in by_split
        ]


def boost_run(
    config: "RunConfig",
    run: Path,
    out: Path,
    options: Boost,
    registry: Any,
    embed: Callable[[Assembly], Any] = lambda parts: None,
) -> BoostedRun:
    """Grow trees beside a trained run and write what came of it to `out`.

    Args:
        embed: the run -> what `heddle.workflow.saved.rows_embedded` gives of it, as a server computes it: a tree splits
            at values that it saw, so that the last bit of an embedding decides; None for the engine's own.

    Raises:
        ConfigError: a run about something else than nodes or edges.
        HeddleError: no such run; xgboost isn't installed.
    """
    parts, state = restore(config, run, registry)
    task, dataset = parts.task, parts.dataset
    if task.level not in ("node", "edge"):
        raise ConfigError(
            f"heddle boost: found a run about {task.level}s, expected one about nodes or edges, whose columns make a "
            "table; choose another run"
        )
    embedded = embed(parts)
    if embedded is None:
        embedded = rows_embedded(parts, state, config.sampler.name)
    ends = (EMBEDDED,) if isinstance(embedded, np.ndarray) else (f"{EMBEDDED} source", f"{EMBEDDED} target")
    vectors = list(zip(ends, (embedded,) if isinstance(embedded, np.ndarray) else embedded))
    seed = config.seed if options.seed is None else options.seed
    tables = {BOTH: QuestionTable(dataset, vectors)}
    if QuestionTable(dataset).names():
        alone = {TABLE: QuestionTable(dataset), VECTORS: QuestionTable(dataset, vectors, columns=False)}
        tables = {**alone, **tables}
    grown = {name: grow(table, task, options, seed) for name, table in tables.items()}
    said = {MODEL: parts.loader.predictions(parts.program, state, ("valid", "test"))}
    said |= {
        name: {split: of.predictions[split] for split in ("valid", "test")} for name, of in grown.items()
    }
    decisions = {name: _decision(parts, name, splits) for name, splits in said.items()}
    metrics = {
        name: {split: evaluate_predictions(task, of, decisions[name]) for split, of in splits.items()}
        for name, splits in said.items()
    }
    count = config.task.intervals
    within = {
        name: {
            split: intervals(task.metrics, of, metrics[name][split], count, seed, decisions[name])
            for split, of in splits.items()
        }
        for name, splits in said.items()
    }
    sides = {name: (splits["test"], decisions[name]) for name, splits in said.items()}
    verdicts = _verdicts(task, sides, metrics, count, seed)
    importance = {name: _importance(of) for name, of in grown.items()}
    made = BoostedRun(out, metrics, within, verdicts, importance)
    _write(made, run, grown, tables, options, task, decisions)
    return made


def _decision(parts: Any, name: str, splits: Mapping[str, Any]) -> Any:
    """Return how outputs are read: the run's own way, and of trees by a threshold of their own."""
    if name == MODEL or parts.deciding is None:
        return parts.decision
    return decide(parts.deciding._replace(method="none"), splits["valid"]).decision


def _verdicts(
    task: Task, sides: Mapping[str, Any], metrics: Mapping[str, Any], count: int, seed: int
) -> list[str]:
    """Return a sentence for each pair that says what the graph adds, by the first metric of the test."""
    first, sentences = task.metrics[0], []
    sign = 1 if higher_is_better(first) else -1
    for one, other in ((BOTH, TABLE), (MODEL, TABLE), (BOTH, MODEL)):
        if one not in sides or other not in sides:
            continue
        point = metrics[one]["test"][first] - metrics[other]["test"][first]
        interval = paired(first, sides[one], sides[other], point, count, seed)
        low, high = sorted(sign * end for end in interval) if interval else (sign * point,) * 2
        ahead = sign * point
        if low <= 0 <= high:
            where = f"can't be distinguished from {other}: it is {'ahead' if ahead > 0 else 'behind'}"
        else:
            where = f"{'beats' if ahead > 0 else 'loses to'} {other}"
        if ahead < 0:
            low, high = -high, -low
        span = f" (95 %: {low:.4f} to {high:.4f})" if interval else ""
        sentences.append(f"test {first}: {one} {where} by {abs(ahead):.4f}{span}")
    return sentences


def _importance(grown: Grown) -> dict[str, float]:
    """Return column -> share of the gain, the largest first."""
    gains = grown.booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    return {name: gain / total for name, gain in sorted(gains.items(), key=lambda item: -item[1])}


def _reasons(grown: Grown, table: QuestionTable, task: Task, most: int) -> list[dict[str, Any]]:
    """Return a row for each of the first test rows: what is said, and the columns that moved it most, by Shapley."""
    predicted = grown.predictions["test"]
    index = np.asarray(predicted.index)
    index = index[:most].reshape(min(most, len(index)), -1)
    if not len(index):
        return []
    matrix = data_of(table, grown.names, table.table(index[:, -1].astype(np.int64)).values)
    shares = np.asarray(grown.booster.predict(matrix, pred_contribs=True), np.float64)
    outputs = np.asarray(predicted.outputs)[:most].reshape(len(index), -1)
    if shares.ndim == 3:  # of each class or target: that which is said
        shares = shares[np.arange(len(shares)), outputs.argmax(axis=1)]
    rows = []
    for at, share in enumerate(shares[:, :-1]):
        order = np.argsort(-np.abs(share))[:REASONS]
        row: dict[str, Any] = {"row": int(index[at, -1]), "output": float(outputs[at, -1])}
        for number, column in enumerate(order, 1):
            row |= {f"column {number}": grown.names[column], f"moves {number}": float(share[column])}
        rows.append(row)
    return rows


def _write(
    made: BoostedRun,
    run: Path,
    grown: Mapping[str, Grown],
    tables: Mapping[str, QuestionTable],
    options: Boost,
    task: Task,
    decisions: Mapping[str, Any],
) -> None:
    made.folder.mkdir(parents=True, exist_ok=True)
    for name, of in grown.items():
        write_bytes(made.folder / f"{TREES[name]}.json", bytes(of.booster.save_raw("json")))
    if options.reasons:
        write_table(made.folder / "reasons.csv", _reasons(grown[BOTH], tables[BOTH], task, options.reasons))
    reported = {
        "run": str(run),
        "answers": answer_kind(task),
        "reads": {TREES[name]: table.reads for name, table in tables.items()},
        "decisions": {
            TREES[name]: None if decisions[name] is None else decisions[name].as_json() for name in grown
        },
        "metrics": made.metrics,
        "intervals": made.intervals,
        "verdicts": made.verdicts,
        "depth": {name: of.depth for name, of in grown.items()},
        "trees": {name: of.booster.num_boosted_rounds() for name, of in grown.items()},
        "importance": {name: dict(list(of.items())[:50]) for name, of in made.importance.items()},
        "embeddings_share": sum(
            share for name, share in made.importance[BOTH].items() if name.startswith(EMBEDDED)
        ),
    }
    write_json(made.folder / "boost.json", reported)
    write_text(made.folder / "report.html", _page(made, run))


def _page(made: BoostedRun, run: Path) -> str:
    style = files("heddle.workflow.report").joinpath("style.css").read_text(encoding="utf-8")
    tables = []
    for split in ("test", "valid"):
        rows = {name: of[split] for name, of in made.metrics.items()}
        within = {name: of.get(split, {}) for name, of in made.intervals.items()}
        tables.append(f'<section class="wide"><h2>{split}</h2>{by_row(rows, within)}</section>')
    lines = "".join(f"<p>{escape(line)}</p>" for line in made.verdicts)
    for name, shares in made.importance.items():
        lines_of = "".join(
            f"<tr><th>{escape(column)}</th><td>{share:.3f}</td></tr>"
            for column, share in list(shares.items())[:20]
        )
        tables.append(
            f'<section><h2>{escape(name)}: share of the gain</h2><table class="facts">{lines_of}</table></section>'
        )
    title = escape(f"Trees beside {run.name}")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1></header>
<main>
<section class="wide">{lines}</section>
{"".join(tables)}
</main>
</body>
</html>
"""
