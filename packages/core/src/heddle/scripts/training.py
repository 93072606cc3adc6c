"""What a script's Trainer is to the workflow: the loader, settings and callbacks by which `heddle train` trains too."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.drawn_splits import with_splits
from heddle.data.prepared.columns import features_of
from heddle.data.task import task_for
from heddle.data.task_options import TaskOptions
from heddle.engines.inputs import unused_inputs
from heddle.engines.program import Program
from heddle.nn.model import Batch, BlockModel, uses_of
from heddle.options.input_kinds import NODE_CODES
from heddle.sampling.leaves import Leaves
from heddle.sampling.parts import Part, Parts
from heddle.sampling.store import GraphStore
from heddle.sampling.types import ONE_RELATION, ONE_TYPE, homogeneous
from heddle.scripts.data_objects import DataObject
from heddle.scripts.graphs import GraphScriptLoader
from heddle.scripts.scores import Named, Score
from heddle.scripts.sources import GRAPH_TASKS
from heddle.workflow.callbacks import Callback, Checkpoints, EarlyStop
from heddle.workflow.loaders.candidates import USUAL
from heddle.workflow.loaders.known import view_of
from heddle.workflow.loaders.prefetch import Waiting
from heddle.workflow.loaders.questions.base import Question
from heddle.workflow.loaders.questions.edges import EdgeQuestion
from heddle.workflow.loaders.questions.links import LinkQuestion
from heddle.workflow.loaders.questions.nodes import NodeQuestion
from heddle.workflow.loaders.sampled import SampledGraph, SampledLoader, batch_of, leaves_of
from heddle.workflow.metrics.by_name import Metric, metric
from heddle.workflow.metrics.predictions import metric_values
from heddle.workflow.progress import Progress, Row
from heddle.workflow.settings import Settings
from heddle.workflow.weights import weighted


def script_loader(
    data_object: DataObject,
    hops: int | None = None,
    model: Any = None,
    evaluated: bool = False,
    ranked: bool = False,
) -> Any:
    """Return the Loader of a data object: the batches that `heddle train` draws of the same data, seed and settings.

    A SampledLoader, or of questions about graphs a GraphScriptLoader.

    Args:
        hops: layers of the model; further fanouts reach nothing that it computes. None takes all.
        model: a portable Model that batches are prepared for; None for a module of the engine, whose batches hold the
            sample itself as `prepared["sample"]`.
        evaluated: whether the validation split is predicted after every epoch.
        ranked: whether links are ranked, each among 100 random ones.
    """
    dataset, seed = data_object.dataset, data_object.seed
    if dataset.task in GRAPH_TASKS:
        spec, task = data_object.specs["train"], task_for(data_object.task, dataset)
        _, dataset = weighted(task, data_object.task, with_splits(dataset, task, seed))
        return GraphScriptLoader(dataset, spec, seed, model, hops or len(spec.fanouts), evaluated)
    parts = data_object.parts
    if model is not None:
        parts = Parts(_portable_store(data_object, NODE_CODES in uses_of(model)), parts.kernels)
    specs = {split: spec.merge(fanouts=spec.fanouts[:hops]) for split, spec in data_object.specs.items()}
    if dataset.task == "link_prediction":
        until = view_of(dataset, data_object.task, "link", sampled=True).until
        negatives = specs["train"].negatives
        how = USUAL if ranked else None
        question: Question = LinkQuestion(dataset, negatives, seed, until, data_object.known, how)
    else:
        task = task_for(TaskOptions(), dataset)
        _, dataset = weighted(task, data_object.task, with_splits(dataset, task, seed))
        view = view_of(dataset, data_object.task, task.level, sampled=True)
        asks = EdgeQuestion if task.level == "edge" else NodeQuestion
        question = asks(view.dataset, view.until)

    def layered(hops: int) -> bool:
        return model is None or (isinstance(model, BlockModel) and model.takes_blocks(hops))

    def made(part: Part, index: np.ndarray, leaves: Leaves | None) -> Batch:
        if model is None:
            return Batch(part.graph, {"sample": part.sample}, index)
        return batch_of(model, part, index, parts.kernels.adjacency, leaves)

    graph = SampledGraph(parts, dataset.target_type, seed, made, layered, leaves_of(model, parts.store))
    loader = SampledLoader(question, graph, specs, seed)
    loader.every_epoch = ("valid",) if evaluated else ()
    return loader


def unused_of(data_object: DataObject, uses: frozenset[str]) -> tuple[str, ...]:
    """Return, by name, what a data object's graph holds and a module of these uses doesn't read."""
    return tuple(unused_inputs(_portable_store(data_object, codes=True), uses))


def _portable_store(data_object: DataObject, codes: bool) -> GraphStore:
    """Return the graph as portable models read it: without a name for the only type, features side by side.

    Args:
        codes: whether codes of categories are read.
    """
    store, meta = data_object.graph, data_object.metadata
    if meta.is_homogeneous:
        ((key, edges),), ((node_type, n),) = store.graph.edges.items(), store.graph.n_node.items()
        order, nodes, features = store.order[key], store.nodes[node_type], store.edges[key]
        graph = homogeneous(edges, n, store.graph.node_time.get(node_type))
        if node_type in store.graph.key_hashes:
            graph = graph._replace(key_hashes={ONE_TYPE: store.graph.key_hashes[node_type]})
        return GraphStore(graph, {ONE_RELATION: order}, {ONE_TYPE: nodes}, {ONE_RELATION: features})

    def joined(blocks: Mapping[Any, Any]) -> dict[Any, Any]:
        return {
            key: features_of(_read(of, codes), meta.root) if isinstance(of, Mapping) else of
            for key, of in blocks.items()
        }

    of_edges = joined(store.edges) if meta.dataset is None else store.edges
    return store._replace(nodes=joined(store.nodes), edges=of_edges)


def _read(features: Mapping[str, np.ndarray], codes: bool) -> dict[str, np.ndarray]:
    return {name: array for name, array in features.items() if codes or array.dtype.kind == "f"}


def metrics_of(scores: Mapping[str, Score]) -> dict[str, Metric]:
    """Return a script's scores as the metrics of a Task, each computed of a whole split."""
    return {name: _metric(score) for name, score in scores.items()}


def running(scores: Mapping[str, Score]) -> dict[str, Score]:
    """Return the scores that are added up in training: all but those of ranks and groups, which batches don't have."""
    return {
        name: score
        for name, score in scores.items()
        if not (isinstance(score, Named) and (score.of_ranks or score.of_groups))
    }


def callbacks_of(
    trainer: Any, program: Program, settings: Settings, loader: SampledLoader, speaks: bool
) -> list[Callback]:
    """Return what watches a script's training, besides what its engine adds before: early stop, checkpoints, lines.

    Args:
        trainer: a `heddle.scripts.trainer.Trainer`.
        speaks: whether this process writes and prints.
    """
    callbacks: list[Callback] = [_Waits(loader.waiting)]
    if settings.patience is not None:
        callbacks.append(EarlyStop(settings.patience))
    if trainer.checkpoint is not None:
        folder = Path(trainer.checkpoint)
        folder.mkdir(parents=True, exist_ok=True)
        callbacks.append(Checkpoints(folder, program, settings) if speaks else _Gathers(program, settings))
    if trainer.progress and speaks:
        callbacks.append(_Lines())
    return callbacks


def script_row(row: Row) -> Row:
    """Return a row of the trainer's as scripts know it: "epoch", "loss", the metrics of training, those of "valid"."""
    named = {name.removeprefix("train."): value for name, value in row.items() if name != "lr"}
    return {name: int(value) if name == "epoch" else value for name, value in named.items()}


def workflow_row(row: Row) -> Row:
    """Return the trainer's row of a script's; the inverse of `script_row`, for checkpoints of version 0.1.0."""
    kept = ("epoch", "seconds", "loader_wait_share")
    return {"lr": 0.0} | {name if name in kept else f"train.{name}": value for name, value in row.items()}


def evaluated(task: Any, loader: SampledLoader, program: Program, state: Any, split: str) -> Row:
    """Return the loss and the metrics of a split."""
    return metric_values(task, loader.predictions(program, state, (split,))[split])


class _Waits:
    """Adds the share of an epoch's time that went by in waiting for batches to its row."""

    def __init__(self, waiting: Waiting):
        self._waiting, self._before = waiting, (0.0, 0.0)

    def after_epoch(self, progress: Progress) -> None:
        now = self._waiting.waited, self._waiting.total
        waited, total = (b - a for a, b in zip(self._before, now))
        self._before = now
        row = progress.row
        seconds = row.pop("seconds")
        row.update(loader_wait_share=waited / total if total else 0.0, seconds=seconds)

    def close(self) -> None:
        pass


class _Gathers(Checkpoints):
    """Takes part in the checkpoints of another process: what is split over both has to be brought together."""

    def __init__(self, program: Program, settings: Settings):
        super().__init__(Path(), program, settings)

    def _save(self, progress: Progress) -> None:
        self._program.to_arrays(progress.state)


class _Lines:
    """Prints a line for each epoch."""

    def after_epoch(self, progress: Progress) -> None:
        from heddle.scripts.trainer import describe

        print(describe(script_row(progress.row)), flush=True)

    def close(self) -> None:
        pass


def _metric(score: Score) -> Metric:
    if isinstance(score, Named):
        return metric(score.name)
    fresh = copy.deepcopy(score)  # the script's own adds up what training sees

    def function(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        known = mask.reshape(len(mask), -1).all(axis=1)
        fresh.reset()
        fresh.update(outputs[known], targets[known])
        return float(fresh.compute())

    return Metric(function, True)
