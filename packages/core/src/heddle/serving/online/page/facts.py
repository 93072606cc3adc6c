"""facts: what the page shows of a bundle: its card, its metrics, what it isn't for, and the form of a row."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heddle.data.etl.rows import RowEncoder
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.online.page.example import example_of, moment_text
from heddle.serving.reasons.explain import explains
from heddle.workflow.metrics.by_name import higher_is_better
from heddle.workflow.metrics.decision import CLASSES

CARD = "card.md"
"""A text beside bundle.json, for whoever knows: what the model may not be used for."""
LISTED = 200
"""Values of a category that the form proposes."""
SPLITS = ("train", "valid", "test")


def facts(bundle: Bundle) -> dict[str, Any]:
    """Return what the page shows, as JSON has it."""
    contents = bundle.contents
    card, written = contents.card, Path(bundle.root) / CARD
    name, data = card.get("model", contents.name), card.get("data", "")
    return {
        "title": f"{name} on {data}",
        "subtitle": _subtitle(bundle),
        "card": _card(bundle),
        "written": written.read_text(encoding="utf-8").strip() if written.is_file() else None,
        "limits": _limits(bundle),
        "metrics": _metrics(card.get("metrics") or {}),
        "classes": list(contents.classes),
        "fields": _fields(bundle),
        "explains": explains(bundle),
        "appends": bundle.encoders.get(bundle.target) is not None and len(bundle.target) == 3,
    }


def _subtitle(bundle: Bundle) -> str:
    target = bundle.target
    asked = f"{target[0]} {target[1]} {target[2]}" if len(target) == 3 else target[0]
    return f"{bundle.contents.card.get('task', '').replace('_', ' ')}: of {asked}"


def _card(bundle: Bundle) -> list[tuple[str, str]]:
    """Return names and values of what is worth knowing; what isn't known is left out."""
    contents, card = bundle.contents, bundle.contents.card
    rows = card.get("rows") or {}
    decision = contents.decision or {}
    lines = [
        ("data", card.get("data")),
        ("rows", ", ".join(f"{rows[split]} {split}" for split in SPLITS if split in rows)),
        ("time of the rows", _times(bundle)),
        ("trained", card.get("trained")),
        ("reads", _reads(bundle)),
        ("classes", ", ".join(contents.classes)),
        ("probabilities", _calibrated(decision) if decision else None),
        ("threshold", _threshold(bundle)),
        ("run", card.get("trained_from")),
        ("versions", ", ".join(f"{of} {number}" for of, number in (card.get("versions") or {}).items())),
    ]
    return [(name, str(value)) for name, value in lines if value]


def _threshold(bundle: Bundle) -> str | None:
    """Return from which probability on what is said; None where the most likely class is."""
    decision, classes = bundle.decision, bundle.contents.classes
    if decision is None or (decision.kind == CLASSES and len(classes) != 2):
        return None
    says = f"{classes[1]} above " if decision.kind == CLASSES else "above "
    return says + ", ".join(f"{of:.4g}" for of in decision.threshold)


def _calibrated(decision: Mapping[str, Any]) -> str:
    method = decision.get("method", "none")
    return "as the model gives them" if method == "none" else f"calibrated on validation rows ({method})"


def _reads(bundle: Bundle) -> str:
    """Return how much of a neighbourhood is looked at."""
    sizes = bundle.scorer.reading.fanout.sizes
    if not sizes:
        return "the row and its ends"
    sizes = sizes if not isinstance(sizes, Mapping) else next(iter(sizes.values()))
    hops = ", then ".join("all" if size < 0 else f"{size}" for size in sizes)
    return f"up to {hops} edges of each relation into a node"


def _times(bundle: Bundle) -> str | None:
    """Return from when until when the rows of the data are; None without times."""
    time = _target_times(bundle)
    return None if time is None else f"{moment_text(bundle, time[0])} to {moment_text(bundle, time[1])}"


def _target_times(bundle: Bundle) -> tuple[int, int] | None:
    if len(bundle.target) != 3:
        return None
    time = bundle.live.opened.edges[bundle.target[0], bundle.target[1], bundle.target[2]].time
    return None if time is None or not len(time) else (int(time.min()), int(time.max()))


def _limits(bundle: Bundle) -> list[str]:
    """Return what follows from how the model was made."""
    card, limits = bundle.contents.card, []
    data = card.get("data", "the data")
    limits.append(
        f"Rows of other data than {data}: it knows the columns, categories and habits of that alone."
    )
    split = bundle.live.opened.info.get("split") or {}
    if "valid_from" in split:
        moment = moment_text(bundle, split["valid_from"])
        limits.append(f"Showing how good it is on rows before {moment}: it was trained on their answers.")
    times = _target_times(bundle)
    if times is not None:
        limits.append(
            f"Rows long after {moment_text(bundle, times[1])} without a look at new metrics: habits change."
        )
    unused = card.get("unused_inputs") or ()
    if unused:
        limits.append(f"Judging by {', '.join(map(str, unused))}: the model doesn't read them.")
    compared = (card.get("metrics") or {}).get("compared") or {}
    if compared and compared.get("lead", 1) <= 0:
        better, by = compared["baseline"], f"{compared['metric']} of {compared['split']} rows"
        limits.append(f"Where the baseline {better!r} would do: by {by} the model is no better.")
    if bundle.contents.decision is None:
        limits.append("Probabilities: its outputs are values, not chances.")
    limits.append(
        "Reading reasons as causes: they say what moved the score, not what would change the world."
    )
    return limits


def _metrics(metrics: Mapping[str, Any]) -> list[list[Any]]:
    """Return rows of (split, metric, value, interval or None, best baseline and its value or None)."""
    rows: list[list[Any]] = []
    baselines, intervals = metrics.get("baselines") or {}, metrics.get("intervals") or {}
    for split in SPLITS:
        for name, value in (metrics.get(split) or {}).items():
            if not isinstance(value, int | float):
                continue
            others = {
                baseline: of[split][name]
                for baseline, of in baselines.items()
                if isinstance((of.get(split) or {}).get(name), int | float)
            }
            best = None
            if others and name != "loss":
                best_name = (max if higher_is_better(name) else min)(others, key=lambda of: others[of])
                best = [best_name, others[best_name]]
            rows.append([split, name, value, (intervals.get(split) or {}).get(name), best])
    return rows


def _fields(bundle: Bundle) -> list[dict[str, Any]]:
    """Return the fields of a row: name, what is expected, values to choose from, and an example."""
    encoder = bundle.encoders.get(bundle.target)
    example = example_of(bundle)
    if encoder is None or encoder.edges is None:
        node_type = bundle.key_type
        text = bundle.live.snapshot().generation.keys[node_type].is_text
        key = {"name": "key", "type": f"of a {node_type}", "needed": True, "number": not text, "values": []}
        unit = "moment in UTC" if bundle.dated else "whole number"
        time = {"name": "time", "type": unit, "needed": True, "number": not bundle.dated, "values": []}
        fields = [key, time] if bundle.contents.reading.timed else [key]
        return [{**field, "example": example.get(str(field["name"]), "")} for field in fields]
    return [
        {
            "name": field,
            "type": _type_of(encoder, field),
            "needed": _is_needed(encoder, field),
            "number": False,
            "values": _values(encoder, field),
            "example": example.get(field, ""),
        }
        for field in encoder.fields
    ]


def _columns_with(encoder: RowEncoder, field: str) -> list[str]:
    return [name for name in encoder.needed if field in encoder.table.columns[name].of]


def _type_of(encoder: RowEncoder, field: str) -> str:
    column = encoder.table.columns[_columns_with(encoder, field)[0]]
    if column.type == "clock":
        return ("year", "month", "day", "hour:minute")[column.of.index(field)]
    if column.type == "datetime":
        return column.format
    described = {
        "int": "whole number",
        "float": "number",
        "money": "amount",
        "percent": "%",
        "vector": "numbers",
    }
    return described.get(column.type, "text")


def _is_needed(encoder: RowEncoder, field: str) -> bool:
    """Tell whether a row can't do without a field: one of its keys, or of its time."""
    assert encoder.edges is not None
    needed = {encoder.edges.source, encoder.edges.target, encoder.edges.time}
    return any(column in needed for column in _columns_with(encoder, field))


def _values(encoder: RowEncoder, field: str) -> list[str]:
    for encode, column, fitted in encoder.plan:
        if column is None or encoder.table.columns[column].of != (field,):
            continue
        if encode.encode in ("category", "onehot"):
            return [str(value) for value in fitted["values"][:LISTED] if value != ""]
    return []
