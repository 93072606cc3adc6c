"""Assembly: from a config to a program that can train: dataset, task, model, engine and loader, each built once."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from heddle.backend import Backend
from heddle.capabilities import (
    ANY_SHAPES,
    FORECASTS,
    SHARDS_FORECASTS,
    SHARDS_GRAPHS,
    TRAINS_IN_PARALLEL,
    Capability,
    ShardsForecasts,
    ShardsGraphs,
    TrainsInParallel,
)
from heddle.data.dataset import Dataset
from heddle.errors import ConfigError
from heddle.heads import head_for
from heddle.model import Model, Signature
from heddle.program import Program
from heddle.sharding.settings import Sharding, sharding_from
from heddle.task import Task, signature_of, task_for
from heddle.workflow.check import check_fit
from heddle.workflow.loader import Loader, loader_for
from heddle.workflow.peers import Peers, peers_of
from heddle.workflow.questions import LinkQuestion, NodeQuestion, Question
from heddle.workflow.sampled import SampledLoader, sampled_graph
from heddle.workflow.sampler import Sampling, sampling_from
from heddle.workflow.splits import with_splits


class Assembly(NamedTuple):
    """What a config describes, built."""

    dataset: Dataset
    task: Task
    signature: Signature
    backend: Backend
    program: Program
    loader: Loader
    model: Any


def assemble(config: Mapping[str, Any], registry: Any) -> Assembly:
    """Build the parts that `config` names through `registry`; the cheap checks come before any framework is imported.

    Raises:
        HeddleError: whatever is wrong with the names, the data or their fit.
    """
    peers = peers_of(config)
    sharding, sampling = sharding_from(config.get("sharding")), sampling_from(config.get("sampler"))
    name, engine, seed = config["model"]["name"], config["backend"]["name"], int(config["seed"])
    info = registry.info("model", name)
    registry.info("backend", engine)
    if info.backends and engine not in info.backends:
        raise ConfigError(
            f"model {name}: found backend {engine!r}, expected one of {list(info.backends)}; "
            f"set backend={info.backends[0]} or choose a portable model"
        )
    dataset = registry.dataset(config["data"]["reader"])(config["data"])
    task = task_for(config["task"], dataset)
    dataset = with_splits(check_fit(dataset, task), task, seed)
    if task.level == "step" and FORECASTS.name not in info.capabilities:
        raise ConfigError(
            f"model {name}: found a forecast task, expected a task of nodes, graphs or links; "
            f"{registry.suggest('model', FORECASTS)}"
        )
    signature = signature_of(dataset, task)
    model = registry.model(name)(config["model"], signature)
    if not info.backends:
        head = head_for(
            signature,
            model.out_dim,
            readout=config["model"].get("readout") or "sum",
            dropout=float(config["model"].get("dropout") or 0.0),
        )
        model = Model(model, head)
    backend = registry.backend(engine, config["backend"])
    if backend.static_shapes and task.level == "graph" and isinstance(model, Model):  # batches, padded
        model = model.with_static_shapes()
    program = _program(backend, model, task, config["optim"], sharding, peers, registry)
    options = {
        "batch_size": config.get("trainer", {}).get("batch_size"),
        "batching": config.get("trainer", {}).get("batching"),
        "epochs": config.get("trainer", {}).get("epochs"),
        "negatives": config["task"].get("negatives"),
        "chunk": config["task"].get("chunk"),
    }
    if sampling.is_sampled:
        loader = _sampled(dataset, task, model, options, sampling, seed, registry, backend, peers)
    else:
        loader = loader_for(dataset, task, model, options, seed, backend.static_shapes)
    return Assembly(dataset, task, signature, backend, program, loader, model)


def _sampled(
    dataset: Dataset,
    task: Task,
    model: Any,
    options: Mapping[str, Any],
    sampling: Sampling,
    seed: int,
    registry: Any,
    backend: Backend,
    peers: Peers,
) -> Loader:
    """Return the Loader of sampled mini-batches."""
    if backend.static_shapes:
        raise ConfigError(
            f"sampler={sampling.name}: found backend {backend.name!r}, which compiles for every shape of a batch, "
            f"expected one that takes any; {registry.suggest('backend', ANY_SHAPES)}, or set sampler=full"
        )
    if task.level not in ("node", "link"):
        raise ConfigError(
            f"sampler={sampling.name}: found a task of {task.level}s, expected one of nodes or links; set sampler=full"
        )
    negatives = int(options.get("negatives") or 1)
    question: Question = (
        NodeQuestion(dataset) if task.level == "node" else LinkQuestion(dataset, negatives, seed)
    )
    graph = sampled_graph(dataset, model, seed, registry)
    return SampledLoader(question, graph, sampling.specs(), seed, peers)


def _program(
    backend: Backend,
    model: Any,
    task: Task,
    optim: Mapping[str, Any],
    sharding: Sharding,
    peers: Peers,
    registry: Any,
) -> Program:
    """Return the Program of one device, or of several if the engine has one."""
    if peers.size > 1:
        if not isinstance(backend, TrainsInParallel):
            do = registry.suggest("backend", TRAINS_IN_PARALLEL)
            raise ConfigError(
                f"trainer.devices={peers.size}: found backend {backend.name!r}, which trains on one device, expected "
                f"one whose devices share their gradients; {do}, or set trainer.devices=1"
            )
        if peers.rank is None:
            raise ConfigError(
                f"trainer.devices={peers.size}: found a single process, expected one for each device; start it by "
                "heddle train, or by torchrun -m heddle train"
            )
        return backend.parallel_program(model, task, optim, peers)
    if not sharding.is_sharded:
        return backend.program(model, task, optim)
    if task.level == "step":
        if not isinstance(backend, ShardsForecasts):
            raise _unsharded(backend, sharding, SHARDS_FORECASTS, registry)
        return backend.sharded_forecast(model, task, optim, sharding)
    if not isinstance(backend, ShardsGraphs):
        raise _unsharded(backend, sharding, SHARDS_GRAPHS, registry)
    return backend.sharded_program(model, task, optim, sharding)


def _unsharded(backend: Backend, sharding: Sharding, wanted: Capability, registry: Any) -> ConfigError:
    return ConfigError(
        f"sharding={sharding.name}: found backend {backend.name!r}, expected one that {wanted.summary}; "
        f"{registry.suggest('backend', wanted)}, or set sharding=none"
    )
