"""compare: every baseline of a run on the questions that its model answered, and how far the model is ahead."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.data.dataset import SPLITS
from heddle.data.task import Task
from heddle.data.task_options import BASELINES, TaskOptions
from heddle.errors import PluginError
from heddle.workflow.assemble import Assembly
from heddle.workflow.baselines.history import history_of, span_of
from heddle.workflow.baselines.rows import Table, nodes_of, rows_of, width_of
from heddle.workflow.baselines.rules import LAST, Answers, Past, answers_of, middle, own_last, usual
from heddle.workflow.baselines.trees import Rows, grown, train_rows, why_not
from heddle.workflow.loaders.loader import ComparedLoader
from heddle.workflow.metrics.by_name import higher_is_better
from heddle.workflow.metrics.deciding import Deciding, decide
from heddle.workflow.metrics.decision import Decision
from heddle.workflow.metrics.intervals import paired
from heddle.workflow.metrics.predictions import Predictions, evaluate_predictions, known_targets

ASKED = ("valid", "test")
"""Splits whose questions baselines answer; of links also the training's, where they have times."""


class Compared(NamedTuple):
    """What baselines came to.

    Attributes:
        metrics: baseline -> split -> metrics.
        left_out: baseline -> why it wasn't computed.
        verdict: the model beside the best of them; {} where nothing can be compared.
    """

    metrics: Mapping[str, Mapping[str, Mapping[str, float]]] = {}
    left_out: Mapping[str, str] = {}
    verdict: Mapping[str, Any] = {}

    def entries(self) -> dict[str, Any]:
        """Return the entries of metrics.json: "baselines", "compared" and "not_compared", those there are."""
        entries = {"baselines": self.metrics, "compared": self.verdict, "not_compared": self.left_out}
        return {name: dict(value) for name, value in entries.items() if value}


def compare(
    parts: Assembly,
    predictions: Mapping[str, Predictions],
    decision: Decision | None,
    options: TaskOptions,
    seed: int,
) -> Compared:
    """Return the baselines that `task.baselines` names, and the model's lead over the best of them.

    A baseline's threshold is chosen as the model's is, on its own answers to the validation split. What trees may cost
    is bounded by numbers of rows, columns and rounds; what goes beyond is left out and said.
    """
    task = parts.task
    if options.baselines is False or task.level == "step":
        return Compared()
    wanted = BASELINES if options.baselines is True else tuple(options.baselines)
    left_out: dict[str, str] = {}
    predicted_by: dict[str, dict[str, Predictions]] = {}
    if task.level == "link":
        if "links" in wanted and isinstance(parts.loader, ComparedLoader):
            predicted_by = {name: dict(splits) for name, splits in parts.loader.baselines(SPLITS).items()}
    else:
        asking = _Asking(parts, predictions)
        for group in (group for group in _MADE if group in wanted):
            for name, answers in _MADE[group](asking, seed, left_out):
                predicted_by[name] = {split: asking.predicted(split, of) for split, of in answers.items()}
    decisions = {name: _decided(parts.deciding, splits) for name, splits in predicted_by.items()}
    metrics = {
        name: {
            split: evaluate_predictions(task, predicted, decisions[name])
            for split, predicted in splits.items()
        }
        for name, splits in predicted_by.items()
    }
    sides = {name: (splits, decisions[name]) for name, splits in predicted_by.items()}
    verdict = _verdict(task, (predictions, decision), sides, metrics, options.intervals, seed)
    return Compared(metrics, left_out, verdict)


class _Asking:
    """The questions of a run of nodes, edges or graphs, as baselines see them."""

    def __init__(self, parts: Assembly, predictions: Mapping[str, Predictions]):
        self.dataset, self.until, self._predictions = parts.dataset, parts.until, predictions
        loss = parts.task.loss_name
        answer_kind = {"cross_entropy": "classes", "binary_cross_entropy": "labels"}.get(loss, "values")
        targets, mask = known_targets(np.asarray(self.dataset.targets))
        self.answers = answers_of(targets, mask, answer_kind, self.dataset.num_classes)
        train = np.asarray(self.dataset.splits["train"], np.int64)
        self.train = train[self.answers.known[train].any(axis=1)]
        self.rows = {
            split: np.asarray(predictions[split].index)
            .reshape(len(predictions[split].index), -1)[:, -1]
            .astype(np.int64)
            for split in ASKED
            if split in predictions and len(predictions[split].index)
        }
        self.prior = usual(self.answers, self.train)

    def limits(self, split: str, rows: np.ndarray) -> np.ndarray | None:
        """Return up to which time each of some rows may look; None without times."""
        return None if self.until is None else np.asarray(self.until[split])[rows]

    def predicted(self, split: str, outputs: np.ndarray) -> Predictions:
        """Return a baseline's answers beside the truth, in the shape of the model's."""
        model = self._predictions[split]
        return model._replace(outputs=outputs.reshape(model.outputs.shape), ranks=None).in_groups(
            model.groups
        )


Made = Iterator[tuple[str, Mapping[str, np.ndarray]]]
"""(name of a baseline, split -> [m, t] outputs)"""


def _constant(asking: _Asking, seed: int, left_out: dict[str, str]) -> Made:
    names = {"classes": "majority", "labels": "shares", "values": "mean"}
    answers = asking.answers
    rules = {names[answers.answer_kind]: asking.prior}
    if answers.answer_kind == "values":
        rules["median"] = middle(answers, asking.train)
    for name, means in rules.items():
        outputs = answers.outputs(means)
        yield name, {split: np.tile(outputs, (len(rows), 1)) for split, rows in asking.rows.items()}


def _last_answers(asking: _Asking, seed: int, left_out: dict[str, str]) -> Made:
    """Yield what was answered last about the sender, and the receiver: by then, or without times in training."""
    asked = asking.dataset.asked
    if asking.dataset.recent is not None:
        yield f"own last {LAST}", _recent_rows(asking, np.asarray(asking.dataset.recent))
    if asked is None:
        return
    for end, name in enumerate(("sender", "receiver")):
        entities = np.asarray(asked.ends[:, end], np.int64)
        past, answers = _past(asking, entities), {}
        for split, rows in asking.rows.items():
            limits = asking.limits(split, rows)
            until = np.zeros(len(rows), np.int64) if limits is None else limits
            answers[split] = own_last(past, entities[rows], until, asking.answers, asking.prior)
        yield f"{name}'s last {LAST}", answers


def _recent_rows(asking: _Asking, recent: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return the mean of an entity's last rows as the answer; of classes as a score that leans as they do."""
    answers, train = asking.answers, asking.train
    if answers.answer_kind == "values":
        return {split: recent[rows][:, None] for split, rows in asking.rows.items()}
    truth = answers.values[train, -1]
    spread = recent[train].std() or 1.0
    lean = np.sign(np.sum((recent[train] - recent[train].mean()) * (truth - truth.mean()))) or 1.0
    share = np.clip(truth.mean(), 1e-6, 1 - 1e-6)
    scores = lean * (recent - recent[train].mean()) / spread + np.log(share / (1 - share))
    outputs = (
        np.stack([np.zeros(len(scores)), scores], axis=1)
        if answers.answer_kind == "classes"
        else scores[:, None]
    )
    return {split: outputs[rows] for split, rows in asking.rows.items()}


def _past(asking: _Asking, entities: np.ndarray) -> Past:
    times = asking.dataset.times
    if times is None:
        rows = asking.train
        return Past(entities[rows], np.zeros(len(rows), np.int64), _part(asking.answers, rows))
    return Past(entities, np.asarray(times.asked, np.int64) + times.delay, asking.answers)


def _trees(asking: _Asking, seed: int, left_out: dict[str, str]) -> Made:
    """Yield trees on the columns of what is asked about."""
    dataset = asking.dataset
    width = _width(dataset)
    yield from _grown("trees", asking, seed, left_out, width, lambda rows, limits: rows_of(dataset, rows))


def _history(asking: _Asking, seed: int, left_out: dict[str, str]) -> Made:
    """Yield trees on these columns and on what happened before to what is asked about."""
    dataset = asking.dataset
    if not _is_one_graph(dataset):
        return
    span = span_of(dataset.times, asking.limits("train", asking.train))
    asked = dataset.asked
    ends = (
        []
        if asked is None or dataset.times is None
        else [np.asarray(asked.ends[:, end], np.int64) for end in (0, 1)]
    )
    pasts = [_past(asking, of) for of in ends]
    gaps: list[str] = []

    def table(rows: np.ndarray, limits: np.ndarray | None) -> Table:
        events, gone = history_of(dataset, rows, limits, span)
        gaps[:] = gone
        shares = [_shares(past, of[rows], limits, asking.prior) for past, of in zip(pasts, ends)]
        values = np.concatenate([np.zeros((len(rows), 0)), *shares], axis=1).astype(np.float32)
        return rows_of(dataset, rows).beside(events, Table(values, ("q",) * values.shape[1]))

    name = "trees with counts" if dataset.times is None else "trees with history"
    yield from _grown(name, asking, seed, left_out, _width(dataset) + 1, table)
    if gaps:
        left_out["a part of the history"] = "; ".join(gaps)


def _grown(name: str, asking: _Asking, seed: int, left_out: dict[str, str], width: int, table: Any) -> Made:
    n_asked = max((len(rows) for rows in asking.rows.values()), default=0)
    reason = why_not(len(asking.train), n_asked, width, asking.answers)
    if reason:
        left_out[name] = reason
        return
    rows = train_rows(asking.train, width, seed)
    train = Rows(table(rows, asking.limits("train", rows)), _part(asking.answers, rows))
    tables = {split: table(of, asking.limits(split, of)) for split, of in asking.rows.items()}
    of_valid = asking.rows.get("valid", np.zeros(0, np.int64))
    valid = tables.get("valid", Table(train.table.values[:0], train.table.types))
    try:
        answers = grown(train, Rows(valid, _part(asking.answers, of_valid)), tables)
    except PluginError as error:
        left_out[name] = str(error)
        return
    yield name, answers


_MADE = {"constant": _constant, "own": _last_answers, "trees": _trees, "history": _history}
"""The groups of BASELINES but links, which are their loader's."""


def _shares(past: Past, entities: np.ndarray, limits: np.ndarray | None, prior: np.ndarray) -> np.ndarray:
    """Return [m, t + 1] the mean of an entity's last answers, and how many there are."""
    assert limits is not None  # without times there are no pasts
    sums, counts = past.last(entities, limits)
    return np.concatenate([(sums + prior) / (counts + 1), counts[:, :1]], axis=1)


def _part(answers: Answers, rows: np.ndarray) -> Answers:
    return Answers(answers.values[rows], answers.known[rows], answers.answer_kind)


def _is_one_graph(dataset: Any) -> bool:
    return not isinstance(dataset.graphs, list)


def _width(dataset: Any) -> int:
    """Count the columns of `rows_of`, before any row is read."""
    if not _is_one_graph(dataset):
        return int(rows_of(dataset, np.arange(1)).values.shape[1])
    width = width_of(nodes_of(dataset, dataset.target_type))
    if dataset.asked is None:
        return width
    last = width_of(nodes_of(dataset, dataset.receiver_type or dataset.target_type))
    return width + last + width_of({"x": dataset.asked.x, "codes": dataset.asked.codes})


def _decided(how: Deciding | None, splits: Mapping[str, Predictions]) -> Decision | None:
    """Return a baseline's own threshold; its probabilities are not calibrated."""
    if how is None or "valid" not in splits:
        return None
    return decide(how._replace(method="none"), splits["valid"]).decision


def _verdict(
    task: Task,
    model: tuple[Mapping[str, Predictions], Decision | None],
    baselines: Mapping[str, tuple[Mapping[str, Predictions], Decision | None]],
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]],
    count: int,
    seed: int,
) -> dict[str, Any]:
    """Return the model's lead over the best baseline, by the first metric of the last split that both have.

    {"split", "metric", "model", "baseline" (its name), "best" (its metric), "lead" (positive where the model is
    better), "interval" (of the lead, None without)}.
    """
    predictions, decision = model
    for split in reversed(SPLITS):
        if split not in predictions:
            continue
        metrics_of_model = evaluate_predictions(task, predictions[split], decision)
        for first in task.metrics:
            known = {
                name: of[split][first]
                for name, of in metrics.items()
                if np.isfinite(of.get(split, {}).get(first, np.nan))
            }
            if not known or not np.isfinite(metrics_of_model[first]):
                continue
            sign = 1 if higher_is_better(first) else -1
            best = max(known, key=lambda name: sign * known[name])
            splits, of = baselines[best]
            difference = metrics_of_model[first] - known[best]
            interval = paired(
                first, (predictions[split], decision), (splits[split], of), difference, count, seed
            )
            ends = None if interval is None else sorted(sign * end for end in interval)
            return {
                "split": split,
                "metric": first,
                "model": metrics_of_model[first],
                "baseline": best,
                "best": known[best],
                "lead": sign * difference,
                "interval": ends,
            }
    return {}
