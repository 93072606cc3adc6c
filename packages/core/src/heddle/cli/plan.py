"""`heddle plan`: what each device would hold and send, by each way of splitting a graph."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from heddle.capabilities import FORECASTS, PLANS_FORECASTS, PlansForecasts
from heddle.cli.options import Plan
from heddle.cli.screen import print_table
from heddle.data.dataset import SPLITS, Dataset
from heddle.errors import ConfigError
from heddle.forecast import split_windows, usual_batch
from heddle.model import PlannedEncoder, Signature
from heddle.models.options import RelationalOptions
from heddle.options import build
from heddle.plugins import Registry, load_plugins
from heddle.relational.plan import Choice
from heddle.relational.table import COLUMNS, rows
from heddle.sharding.memory import in_bytes
from heddle.sharding.plan import PLANS, Estimate, choose, estimate, estimates, plans_for
from heddle.sharding.settings import Sharding
from heddle.sharding.sizes import HaloSizes, Workload
from heddle.task import Task

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

HELP = """\
Usage: heddle plan [model=OPTION] [sharding.devices=8] [sharding.device_memory=16GB] [data=OPTION | plan.nodes=... ...]

Prints what each device holds, makes and sends in a training step on a whole graph, split by each of the plans that
`heddle train` knows, and which of them sharding=auto takes. From sizes alone, also of a graph that isn't there:

  heddle plan plan.nodes=100000000 plan.edges=1000000000 plan.features=128 model=gat sharding.devices=64

or of the graph of `data`, partitioned by sharding.partition to see its true halo:

  heddle plan data=rmat data.scale=14 model=gcn sharding.devices=4 sharding.device_memory=50MB

  none     one device, for comparison
  edges    every device holds all nodes and a run of the edges; sums are added up across devices
  scatter  every device holds a range of the nodes and a run of the edges
  halo     nodes are partitioned, and the senders that a part misses are sent to it (sharding.cut: share of edges cut)

Of a forecast, with a model that forecasts, of each process:

  windows  every process has the whole graph and a share of the windows
  halo     nodes are partitioned

"holds" lasts between steps; "works" is what a step makes on top, at most; "time" is relative to the fastest.
Without sharding.devices: 8. Exit status 1 if nothing fits into sharding.device_memory.

Of a relational model on the graph of `data` (data=mag model=rgcn) it prints how model.plan takes the sum over each
relation: transform first, aggregate first or by edge, with the estimated microseconds of each way.
"""

DEVICES = 8
EDGES_PER_NODE = 16


def run(arguments: Sequence[str]) -> int:
    """Print the table of plans and which one is taken; return 0.

    Raises:
        BudgetError: nothing fits.
    """
    from heddle.task import task_for
    from heddle.workflow.check import check_fit

    registry = load_plugins()
    config, sizes = _composed(arguments, registry)
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
    found = estimates(work, devices, plans, cut=sharding.cut, halo=halo)
    print(f"{work.n_nodes:,} nodes, {work.n_edges:,} edges, {work.n_params:,} weights, {devices} devices")
    _print([estimate("none", work, 1), *found], sharding.device_memory)
    if halo is not None:
        print(f"halo: measured on {sharding.partition} parts")
    best = choose(found, sharding.device_memory)
    limit = "" if sharding.device_memory is None else f" that fits into {in_bytes(sharding.device_memory)}"
    print(f"sharding=auto takes {best.plan}, the cheapest{limit}")
    if choices and isinstance(config.model, RelationalOptions):
        print(
            f"model.plan={config.model.plan}: how sums over relations are taken, and microseconds of each way"
        )
        print_table(COLUMNS, rows(choices))
    return 0


def _composed(words: Sequence[str], registry: Registry) -> "tuple[RunConfig, Plan]":
    """Return the configuration of a run, which may name no engine, and the `plan` node."""
    from heddle.config.check import check
    from heddle.config.compose import composer, plain, show_hydra
    from heddle.config.overrides import check_single, parse
    from heddle.config.run import run_config

    extra = {"plan": Plan}
    show_hydra(registry, extra=extra)
    with composer("plan") as made:
        parsed = parse(words, made.loader)
        check_single(parsed)
        tree = plain(made.compose(check(parsed, made, registry, usable=False, extra=extra)))
    sizes = build(Plan, tree.pop("plan"), "plan")
    return run_config(tree, registry, needs_engine=False), sizes


def _of_sizes(config: "RunConfig", sizes: Plan, n_nodes: int, registry: Registry) -> Workload:
    from heddle.sharding.workload import workload_of

    signature = Signature("node", sizes.features, sizes.edge_features, sizes.classes, {"": n_nodes})
    encoder = registry.model(config.model.name)(config.model, signature)
    edges = EDGES_PER_NODE * n_nodes if sizes.edges is None else sizes.edges
    return workload_of(encoder, signature, edges)


def _of_data(
    config: "RunConfig",
    registry: Registry,
    sharding: Sharding,
    devices: int,
    dataset: Dataset,
    task: Task,
) -> tuple[Workload, Sequence[str], HaloSizes | None, list[tuple[Choice, ...]]]:
    """Return the sizes of a dataset's graph, the plans that can split it, the sizes of its partition, and the choices
    for the relations of each layer."""
    from heddle.inputs import unreadable_inputs, without_inputs
    from heddle.models.codes import behind_codes
    from heddle.sharding.workload import check_level, count_edges, measured_halo, workload_of
    from heddle.task import signature_of

    check_level(task.level)
    info = registry.info("model", config.model.name)
    graphs = without_inputs(dataset.graphs, {*config.model.ignore, *unreadable_inputs(info)})
    signature = signature_of(dataset._replace(graphs=graphs), task)
    build = partial(registry.model(config.model.name), config.model)
    encoder = build(signature) if info.backends else behind_codes(build, signature)
    plans = plans_for(graphs)
    halo = measured_halo(graphs, devices, sharding.partition, config.seed) if "halo" in plans else None
    choices = encoder.plans(graphs) if isinstance(encoder, PlannedEncoder) else []
    return workload_of(encoder, signature, count_edges(graphs)), plans, halo, choices


def _of_forecast(
    config: "RunConfig",
    registry: Registry,
    sharding: Sharding,
    devices: int,
    dataset: Dataset,
    task: Task,
) -> int:
    """Print what sharing out windows, or cutting the graph, costs each process of a forecast; return 0."""
    from heddle.graph import Graph
    from heddle.task import signature_of

    signature = signature_of(dataset, task)
    name = config.model.name
    info = registry.info("model", name)
    if FORECASTS.name not in info.capabilities:
        raise ConfigError(
            f"model {name}: found a forecast, expected a model that {FORECASTS.summary}; "
            f"{registry.suggest('model', FORECASTS)}"
        )
    model = registry.model(name)(config.model, signature)
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
    alone, *found = backend.forecast_plans(model, signature, graph, batch, devices, sharding.partition, times)
    print(
        f"{signature.n_node['']:,} nodes, {len(graph.senders):,} edges, {batch} windows, {devices} processes"
    )
    _print([alone, *found], sharding.device_memory)
    best = choose(found, sharding.device_memory)
    print(f"sharding={best.plan} is the cheapest; set launch.processes={devices}")
    return 0


def _print(found: Sequence[Estimate], device_memory: int | None) -> None:
    fastest = min(one.cost for one in found)
    print_table(
        ("plan", "devices", "nodes", "edges", "holds", "works", "both", "sends a step", "time", "fits"),
        [
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
                "" if device_memory is None else "yes" if one.total <= device_memory else "no",
            )
            for one in found
        ],
    )
