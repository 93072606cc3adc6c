"""Assembly: from a config to a program that can train: dataset, task, model, engine and loader, each built once."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from heddle.data.dataset import Dataset
from heddle.data.drawn_splits import with_splits
from heddle.data.reader_options import PreparedOptions
from heddle.data.task import Task, model_spec_of, task_for
from heddle.data.task_options import TaskOptions
from heddle.engines.backend import Backend
from heddle.engines.capabilities import (
    ANY_SHAPES,
    SHARDS_FORECASTS,
    SHARDS_GRAPHS,
    SPARSE_GRADIENTS,
    TRAINS_IN_PARALLEL,
    ShardsForecasts,
    ShardsGraphs,
    TrainsInParallel,
)
from heddle.engines.inputs import inputs_of, unreadable_inputs, unused_inputs, without_inputs
from heddle.engines.optim import Optim
from heddle.engines.optim_groups import param_rules, sparse_groups, table_names
from heddle.engines.program import Program
from heddle.engines.sharding.settings import Sharding
from heddle.errors import ConfigError
from heddle.graphs.graph import HeteroGraph
from heddle.nn.capabilities import FORECASTS, Capability
from heddle.nn.heads import head_for
from heddle.nn.model import Model, ModelSpec, uses_of
from heddle.nn.models.codes import behind_codes
from heddle.options import PooledOptions, PortableOptions
from heddle.options.durations import duration
from heddle.options.input_kinds import EDGE_FEATURES, EDGE_WEIGHTS
from heddle.sampling.ages import NONE, Ages, aged, ages_of
from heddle.workflow.check import check_fit
from heddle.workflow.loaders.choose import loader_for
from heddle.workflow.loaders.known import Until, View, view_of, view_of_snapshots
from heddle.workflow.loaders.loader import Loader
from heddle.workflow.loaders.questions.base import Question
from heddle.workflow.loaders.questions.edges import EdgeQuestion
from heddle.workflow.loaders.questions.links import LinkQuestion
from heddle.workflow.loaders.questions.nodes import NodeQuestion
from heddle.workflow.loaders.sampled import SampledLoader, sampled_graph
from heddle.workflow.loaders.sampler import specs_of
from heddle.workflow.metrics.by_name import metric
from heddle.workflow.metrics.deciding import Deciding, deciding
from heddle.workflow.metrics.decision import Decision
from heddle.workflow.protocols import with_protocol
from heddle.workflow.weights import target_scales, weighted

if TYPE_CHECKING:
    from heddle.config.run import RunConfig


log = logging.getLogger(__name__)


class Assembly(NamedTuple):
    """What a config describes, built.

    Attributes:
        times: how the data's times are looked at, {} where it has none; and the protocol by which links are ranked.
        unused: what the data holds and the model doesn't read, e.g. "edge features of user.buys.item".
        deciding: how it is found out how outputs are read; None for values, links and forecasts.
        decision: of a trained run, how they are read.
        until: up to which time each question may look; None where times aren't looked at.
    """

    dataset: Dataset
    task: Task
    model_spec: ModelSpec
    backend: Backend
    program: Program
    loader: Loader
    model: Any
    times: Mapping[str, str]
    unused: tuple[str, ...] = ()
    deciding: Deciding | None = None
    decision: Decision | None = None
    until: Until | None = None


def assemble(config: "RunConfig", registry: Any) -> Assembly:
    """Build the parts that `config` names through `registry`; the cheap checks come before any framework is imported.

    Raises:
        HeddleError: whatever is wrong with the names, the data or their fit.
    """
    name, engine = config.model.name, config.backend.name
    info = registry.info("model", name)
    registry.info("backend", engine)
    if info.backends and engine not in info.backends:
        raise ConfigError(
            f"model {name}: found backend {engine!r}, expected one of {list(info.backends)}; "
            f"set backend={info.backends[0]} or choose a portable model"
        )
    _check_sparse(config.optim, engine, registry)
    dataset = _read(config.data, config.task, registry)
    config = replace(config, task=with_protocol(config.task, task_for(config.task, dataset).level))
    task = task_for(config.task, dataset)
    dataset = with_splits(check_fit(dataset, task), task, config.seed)
    task, dataset = weighted(task, config.task, dataset)
    if config.sampler.is_sampled and task.level not in ("node", "edge", "link"):
        raise ConfigError(
            f"sampler={config.sampler.name}: found a task of {task.level}s, expected one of nodes, edges or links; "
            "set sampler=full"
        )
    how = deciding(task, config.task, dataset.num_classes)
    if dataset.snapshots is not None and FORECASTS.name in info.capabilities:
        view = view_of_snapshots(dataset)
    else:
        view = view_of(dataset, config.task, task.level, sampled=config.sampler.is_sampled)
    held, ignored = view.dataset.graphs, {*config.model.ignore, *unreadable_inputs(info)}
    dataset = view.dataset._replace(graphs=without_inputs(held, ignored))
    view = view._replace(dataset=dataset)
    if task.level == "step" and FORECASTS.name not in info.capabilities:
        raise ConfigError(
            f"model {name}: found a forecast task, expected a task of nodes, edges, graphs or links; "
            f"{registry.suggest('model', FORECASTS)}"
        )
    ages = _ages(view, config.sampler.ages)
    model_spec = aged(model_spec_of(dataset, task), ages)._replace(
        target_scales=target_scales(task, config.task, dataset)
    )
    build = partial(registry.model(name), config.model)
    model = build(model_spec) if info.backends else behind_codes(build, model_spec)
    uses = uses_of(model)
    if task.level == "step":  # one column of features is what the edges weigh, see ForecastLoader
        uses |= {EDGE_FEATURES, EDGE_WEIGHTS}
    unused = unused_inputs(held, uses - ignored)
    if unused:
        log.warning("model %s doesn't use %s of %s", name, ", ".join(unused), dataset.name)
        unread = {entry.name for entry in inputs_of(dataset.graphs)} - uses
        dataset = dataset._replace(graphs=without_inputs(dataset.graphs, unread))
        view = view._replace(dataset=dataset)
    if not info.backends:
        head = head_for(
            model_spec,
            model.out_dim,
            readout=config.model.readout if isinstance(config.model, PooledOptions) else "sum",
            dropout=config.model.dropout if isinstance(config.model, PortableOptions) else 0.0,
        )
        model = Model(model, head)
        specs = model.params()
        param_rules(config.optim, list(specs), table_names(specs))
    backend = registry.backend(config.backend)
    if backend.static_shapes and task.level == "graph" and isinstance(model, Model):  # batches, padded
        model = model.with_static_shapes()
    if config.split.is_sharded and isinstance(model, Model):
        model = model.with_single_sums()
    program = _program(backend, model, task, config, registry)
    if config.sampler.is_sampled:
        loader = _sampled(view, task, model, config, registry, backend, ages)
    else:
        shapes = backend.static_shapes
        loader = loader_for(dataset, task, model, config.trainer, config.task, config.seed, shapes)
    return Assembly(
        dataset,
        task,
        model_spec,
        backend,
        program,
        loader,
        model,
        _reported(view, config),
        tuple(unused),
        how,
        None,
        view.until,
    )


def _read(data: Any, task: TaskOptions, registry: Any) -> Dataset:
    """Return the dataset of `data`, with the questions of `task.query` if there is one."""
    if task.query is None:
        dataset: Dataset = registry.dataset(data.reader)(data)
        return dataset
    if not isinstance(data, PreparedOptions):
        raise ConfigError(
            f"task.query: found data={data.reader}, expected a folder that heddle data prepare made; prepare one"
        )
    from heddle.data.etl.queried import read_queried

    frozen = "frozen" if task.known == "frozen" else "rolling"
    asked = {"query": task.query, "history": task.history, "test": frozen, "valid": frozen}
    return read_queried(data, asked)


def _ages(view: View, scales: Sequence[str | int]) -> Ages:
    """Return what nodes know of their age. Raises ConfigError: ages without times."""
    if not scales:
        return NONE
    dataset, graph = view.dataset, view.dataset.graphs
    if dataset.times is None or view.until is None or not isinstance(graph, HeteroGraph):
        raise ConfigError(
            f"sampler.ages: found {dataset.name} without times that are looked at, expected nodes of several types "
            "with times; leave it out"
        )
    seconds = [duration(scale, "sampler.ages") for scale in scales]
    return ages_of(seconds, dataset.times.nodes, graph.nodes, dataset.target_type)


def _check_sparse(optim: Optim, engine: str, registry: Any) -> None:
    """Refuse sparse gradients on an engine that states none, before its framework is imported."""
    wanted = sparse_groups(optim)
    if wanted and SPARSE_GRADIENTS.name not in registry.info("backend", engine).capabilities:
        raise ConfigError(
            f"optim.groups.{wanted[0]}.sparse: found backend {engine!r}, whose gradients are dense, expected one that "
            f"{SPARSE_GRADIENTS.summary}; {registry.suggest('backend', SPARSE_GRADIENTS)}, or take out sparse"
        )


def _reported(view: View, config: "RunConfig") -> dict[str, str]:
    """Return what results say of times, and of the protocol by which links are ranked."""
    name = config.task.protocol
    return {**view.reported, **({} if name == "none" else {"protocol": name})}


def _sampled(
    view: View, task: Task, model: Any, config: "RunConfig", registry: Any, backend: Backend, ages: Ages
) -> Loader:
    """Return the Loader of sampled mini-batches."""
    sampler, seed, launch = config.sampler, config.seed, config.launch
    if backend.static_shapes:
        raise ConfigError(
            f"sampler={sampler.name}: found backend {backend.name!r}, which compiles for every shape of a batch, "
            f"expected one that takes any; {registry.suggest('backend', ANY_SHAPES)}, or set sampler=full"
        )
    question: Question
    if task.level == "node":
        question = NodeQuestion(view.dataset, view.until)
    elif task.level == "edge":
        question = EdgeQuestion(view.dataset, view.until)
    else:
        ranked = config.task.candidates if any(metric(name).of_ranks for name in task.metrics) else None
        question = LinkQuestion(view.dataset, config.task.negatives, seed, view.until, ranked=ranked)
    graph = sampled_graph(view.dataset, model, seed, registry, ages)
    return SampledLoader(question, graph, specs_of(sampler), seed, launch)


def _program(backend: Backend, model: Any, task: Task, config: "RunConfig", registry: Any) -> Program:
    """Return the Program of one device, or of several if the engine has one."""
    optim, sharding, launch = config.optim, config.split, config.launch
    if launch.devices > 1:
        if not isinstance(backend, TrainsInParallel):
            do = registry.suggest("backend", TRAINS_IN_PARALLEL)
            raise ConfigError(
                f"launch.devices={launch.devices}: found backend {backend.name!r}, which trains on one device, "
                f"expected one whose devices share their gradients; {do}, or set launch.devices=1"
            )
        if launch.rank is None:
            raise ConfigError(
                f"launch.devices={launch.devices}: found a single process, expected one for each device; start it by "
                "heddle train, or by torchrun -m heddle train"
            )
        return backend.parallel_program(model, task, optim, launch)
    if not sharding.is_sharded:
        return backend.program(model, task, optim)
    if task.level == "step":
        if not isinstance(backend, ShardsForecasts):
            raise _unsharded(backend, sharding, SHARDS_FORECASTS, registry)
        return backend.sharded_forecast(model, task, optim, sharding, launch)
    if not isinstance(backend, ShardsGraphs):
        raise _unsharded(backend, sharding, SHARDS_GRAPHS, registry)
    return backend.sharded_program(model, task, optim, sharding, launch)


def _unsharded(backend: Backend, sharding: Sharding, wanted: Capability, registry: Any) -> ConfigError:
    return ConfigError(
        f"sharding={sharding.name}: found backend {backend.name!r}, expected one that {wanted.summary}; "
        f"{registry.suggest('backend', wanted)}, or set sharding=none"
    )
