"""plan: what each device would hold and send, by each way of splitting a graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from heddle.api.arguments import overrides_of
from heddle.api.composed import isolated_composer
from heddle.api.display import page, table_html, table_text
from heddle.api.options import Plan
from heddle.config.check import check
from heddle.config.compose import plain
from heddle.config.hydra_keys import HydraDoes, check_hydra_keys
from heddle.config.overrides import check_single, parse
from heddle.config.prefer import prefer_from, preferring
from heddle.config.run import RunConfig, run_config
from heddle.data.dataset import SPLITS, Dataset
from heddle.data.task import Task, model_spec_of, task_for
from heddle.engines.capabilities import PLANS_FORECASTS, PlansForecasts
from heddle.engines.inputs import unreadable_inputs, without_inputs
from heddle.engines.plugins import Registry, load_plugins
from heddle.engines.sharding.plan import Estimate, choose, estimate, estimates, plans_for
from heddle.engines.sharding.settings import PLANS, Sharding
from heddle.engines.sharding.sizes import HaloSizes, Workload
from heddle.engines.sharding.workload import check_level, count_edges, measured_halo, workload_of
from heddle.errors import ConfigError
from heddle.graphs.dynamic.signal import split_windows, usual_batch
from heddle.graphs.graph import Graph
from heddle.nn.capabilities import FORECASTS
from heddle.nn.model import ModelSpec, PlannedEncoder
from heddle.nn.models.codes import behind_codes
from heddle.nn.models.options import RelationalOptions
from heddle.ops.relational import table as relations
from heddle.ops.relational.plan import Choice
from heddle.options import build
from heddle.options.byte_sizes import in_bytes
from heddle.workflow.check import check_fit

RELATION_COLUMNS = relations.COLUMNS

DEVICES = 8
EDGES_PER_NODE = 16

COLUMNS = ("plan", "devices", "nodes", "edges", "holds", "works", "both", "sends a step", "time", "fits")


@dataclass(frozen=True)
class Plans:
    """Ways to split a run over devices, shown as `heddle plan` prints them.

    Attributes:
        sizes: of the graph and the model, in a line.
        estimates: of one device alone first, then of each plan.
        device_memory: bytes of a device; None if it isn't given.
        forecast: whether processes share the windows of a forecast.
        halo: how the parts were made whose halo was measured; "" where it wasn't.
        relation_plan: `model.plan`, where a relational model has a choice; else "".
        choices: how sums over relations are taken, by layer.
    """

    sizes: str
    estimates: tuple[Estimate, ...]
    device_memory: int | None = None
    forecast: bool = False
    halo: str = ""
    relation_plan: str = ""
    choices: tuple[tuple[Choice, ...], ...] = ()

    @property
    def best(self) -> Estimate:
        """The plan that sharding=auto takes: the cheapest that fits. Raises BudgetError: none does."""
        return choose(self.estimates[1:], self.device_memory)

    @property
    def verdict(self) -> str:
        """Which plan is taken, in a line. Raises BudgetError: none fits."""
        best = self.best
        if self.forecast:
            return f"sharding={best.plan} is the cheapest; set launch.processes={best.n_devices}"
        limit = "" if self.device_memory is None else f" that fits into {in_bytes(self.device_memory)}"
        return f"sharding=auto takes {best.plan}, the cheapest{limit}"

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table's rows, as texts: see COLUMNS."""
        fastest = min(one.cost for one in self.estimates)
        memory = self.device_memory
        return [
            (
                one.plan,
                str(one.n_devices),
                f"{one.nodes:,}",
                f"{one.edges:,}",
                in_bytes(one.holds),
                in_bytes(one.works),
                in_bytes(one.total),
                in_bytes(one.sends),
                f"{one.cost / fastest:.1f}",
                "" if memory is None else "yes" if one.total <= memory else "no",
            )
            for one in self.estimates
        ]

    @property
    def relation_rows(self) -> list[tuple[str, ...]]:
        """The rows about relations, as texts: see RELATION_COLUMNS; [] where there is no choice."""
        return relations.rows(self.choices) if self.choices else []

    def __repr__(self) -> str:
        return f"{self.sizes}\n{table_text(COLUMNS, self.rows)}"

    def _repr_html_(self) -> str:
        ways = table_html(RELATION_COLUMNS, self.relation_rows) if self.choices else ""
        return page(f"<p>{self.sizes}</p>{table_html(COLUMNS, self.rows)}{ways}")


def plan(*overrides: str, **values: Any) -> Plans:
    """Return what each device would hold and send by each way of splitting a graph; `heddle plan`.

        plans = heddle.plan(model="gat", **{"plan.nodes": 10**8, "plan.edges": 10**9, "sharding.devices": 64})
        plans.best.plan

    Args:
        overrides, values: as in `train`, and `plan.nodes`, `plan.edges` ... of a graph that isn't there; without them
            the graph of `data` is read, and partitioned by `sharding.partition`.

    Raises:
        HeddleError: the arguments, the data or the model don't fit; `Plans.best` says whether a plan does.
    """
    arguments = overrides_of(overrides, values)
    preferred = prefer_from(arguments)
    with preferring(preferred):
        return planned(arguments, load_plugins(preferred))


def planned(overrides: Sequence[str], registry: Registry) -> Plans:
    """Return what `heddle plan` prints with these overrides. Raises HeddleError: as `plan`."""
    config, sizes = _composed(overrides, registry)
    sharding = config.sharding
    devices = sharding.devices or DEVICES
    if sizes.nodes is None:
        dataset = registry.dataset(config.data.reader)(config.data)
        task = task_for(config.task, dataset)
        if task.level == "step":
            check_fit(dataset, task)
            return _of_forecast(config, registry, sharding, devices, dataset, task)
        work, plans, halo, choices = _of_data(config, registry, sharding, devices, dataset, task)
    else:
        work, plans, halo, choices = _of_sizes(config, sizes, sizes.nodes, registry), PLANS, None, []
    estimated = estimates(work, devices, plans, cut=sharding.cut, halo=halo)
    chooses = choices and isinstance(config.model, RelationalOptions)
    return Plans(
        f"{work.n_nodes:,} nodes, {work.n_edges:,} edges, {work.n_params:,} weights, {devices} devices",
        (estimate("none", work, 1), *estimated),
        sharding.device_memory,
        halo="" if halo is None else sharding.partition,
        relation_plan=config.model.plan if chooses and isinstance(config.model, RelationalOptions) else "",
        choices=tuple(choices) if chooses else (),
    )


def _composed(overrides: Sequence[str], registry: Registry) -> tuple[RunConfig, Plan]:
    """Return the configuration of a run, which may name no engine, and the `plan` node."""
    extra = {"plan": Plan}
    with isolated_composer("plan", registry, extra) as made:
        parsed = parse(overrides, made.loader)
        check_single(parsed)
        check_hydra_keys(parsed, HydraDoes.COMPOSE)
        tree = plain(made.compose(check(parsed, made, registry, usable=False, extra=extra)))
    sizes = build(Plan, tree.pop("plan"), "plan")
    return run_config(tree, registry, needs_engine=False), sizes


def _of_sizes(config: RunConfig, sizes: Plan, n_nodes: int, registry: Registry) -> Workload:
    model_spec = ModelSpec("node", sizes.features, sizes.edge_features, sizes.classes, {"": n_nodes})
    encoder = registry.model(config.model.name)(config.model, model_spec)
    edges = EDGES_PER_NODE * n_nodes if sizes.edges is None else sizes.edges
    return workload_of(encoder, model_spec, edges)


def _of_data(
    config: RunConfig,
    registry: Registry,
    sharding: Sharding,
    devices: int,
    dataset: Dataset,
    task: Task,
) -> tuple[Workload, Sequence[str], HaloSizes | None, list[tuple[Choice, ...]]]:
    """Return the sizes of a dataset's graph, the plans that can split it, the sizes of its partition, and the choices
    for the relations of each layer."""
    check_level(task.level)
    info = registry.info("model", config.model.name)
    graphs = without_inputs(dataset.graphs, {*config.model.ignore, *unreadable_inputs(info)})
    model_spec = model_spec_of(dataset._replace(graphs=graphs), task)
    build = partial(registry.model(config.model.name), config.model)
    encoder = build(model_spec) if info.backends else behind_codes(build, model_spec)
    plans = plans_for(graphs)
    halo = measured_halo(graphs, devices, sharding.partition, config.seed) if "halo" in plans else None
    choices = encoder.plans(graphs) if isinstance(encoder, PlannedEncoder) else []
    return workload_of(encoder, model_spec, count_edges(graphs)), plans, halo, choices


def _of_forecast(
    config: RunConfig,
    registry: Registry,
    sharding: Sharding,
    devices: int,
    dataset: Dataset,
    task: Task,
) -> Plans:
    """Return what sharing out windows, or cutting the graph, costs each process of a forecast."""
    model_spec = model_spec_of(dataset, task)
    name = config.model.name
    info = registry.info("model", name)
    if FORECASTS.name not in info.capabilities:
        raise ConfigError(
            f"model {name}: found a forecast, expected a model that {FORECASTS.summary}; "
            f"{registry.suggest('model', FORECASTS)}"
        )
    model = registry.model(name)(config.model, model_spec)
    engine = next((one for one in registry.able("backend", PLANS_FORECASTS) if one in info.backends), None)
    backend = None if engine is None else registry.backend(registry.options("backend", engine)(name=engine))
    if not isinstance(backend, PlansForecasts):
        raise ConfigError(
            f"model {name}: found backends {list(info.backends)}, expected one that {PLANS_FORECASTS.summary}; "
            f"{registry.suggest('backend', PLANS_FORECASTS)}, and a model that runs on it"
        )
    graph = dataset.graphs if isinstance(dataset.graphs, Graph) else dataset.graphs[0].graph
    assert dataset.series is not None
    times = len(dataset.series.values)
    sizes = {split: len(dataset.splits[split]) for split in SPLITS}
    n_windows = len(split_windows(sizes, task.length, task.horizon)["train"])
    batch = config.trainer.batch_size or usual_batch(n_windows)
    unsharded, *sharded = backend.forecast_plans(
        model, model_spec, graph, batch, devices, sharding.partition, times
    )
    sizes_text = (
        f"{model_spec.n_node['']:,} nodes, {len(graph.senders):,} edges, {batch} windows, {devices} processes"
    )
    return Plans(sizes_text, (unsharded, *sharded), sharding.device_memory, forecast=True)
