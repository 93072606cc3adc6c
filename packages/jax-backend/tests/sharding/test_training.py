"""Programs on several devices train to the weights of one device, and say what they can't do."""

from typing import Any

import jax
import numpy as np
import pytest

from heddle.data.task import Task
from heddle.engines.launch import ALONE, Launch
from heddle.engines.optim import Optim
from heddle.engines.program import Program
from heddle.engines.sharding.plan import estimate
from heddle.engines.sharding.settings import Sharding
from heddle.engines.sharding.workload import workload_of_graph
from heddle.errors import BudgetError, ConfigError
from heddle.nn.heads import NodeHead
from heddle.nn.layers.gcn import GCN
from heddle.nn.model import Model
from heddle.nn.models.stack import Stack
from heddle.options.byte_sizes import in_bytes
from heddle.testing.cases.programs import ProgramCase, program_cases
from heddle_jax.backend import JaxBackend
from heddle_jax.options import JaxOptions

from .cases import PLANS, batch_of, graph_named

pytestmark = pytest.mark.codegen

ADAM = Optim(name="adam", lr=0.05, clip_norm=1.0, weight_decay=0.0)
CASES = program_cases()

each_plan = pytest.mark.parametrize("plan", PLANS)


@pytest.fixture
def backend() -> JaxBackend:
    return JaxBackend(JaxOptions(precision="float64"))


def without_features() -> ProgramCase:
    """Return a model that trains a row for each node, on a graph without features."""
    model = Model(Stack((GCN(4, 3),), embedding=(17, 4)), NodeHead())
    graph = graph_named("odd")._replace(nodes=None)
    batch = batch_of(model, graph)
    task = Task("node_classification", "cross_entropy", ("accuracy",))
    return ProgramCase("without_features", model, task, batch._replace(targets=batch.index % 3))


def trained(program: Program, batch: Any) -> list[Any]:
    """Return losses, predictions and embeddings, and the state after four steps, a break and another rate."""
    state, placed = program.init(0), program.place(batch)
    actual: list[Any] = [program.predict(state, placed), program.embed(state, placed)]
    for _ in range(2):
        state, metrics = program.step(state, placed)
        actual.append(metrics["loss"])
    state = program.set_lr(program.from_arrays(program.to_arrays(state)), 0.01)
    state, losses = program.steps(state, [placed, placed])
    return [*actual, losses, program.to_arrays(state)]


@each_plan
@pytest.mark.parametrize("name", ["node_classification", "focal_labels", "without_features"])
def test_training_equals_one_device(backend, name, plan):
    case = without_features() if name == "without_features" else CASES[name]
    alone = trained(backend.program(case.model, case.task, ADAM), case.batch)
    many = trained(backend.sharded_program(case.model, case.task, ADAM, Sharding(plan, 4), ALONE), case.batch)
    for one, wanted in zip(jax.tree.leaves(many), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-10, atol=1e-10)


def test_relations_are_split_by_edges(backend):
    case = CASES["hetero_node_classification"]
    alone = trained(backend.program(case.model, case.task, ADAM), case.batch)
    many = trained(
        backend.sharded_program(case.model, case.task, ADAM, Sharding("auto", 3), ALONE), case.batch
    )
    for one, wanted in zip(jax.tree.leaves(many), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-10, atol=1e-10)


def test_auto_takes_what_fits(backend, capsys):
    """With a little less than what a plan needs, another is taken; with less than any needs, none."""
    case = CASES["node_classification"]
    work = workload_of_graph(case.model, case.batch.graph)
    needs = {plan: estimate(plan, work, 4).total for plan in ("edges", "scatter")}

    def printed(memory: int) -> str:
        sharding = Sharding("auto", 4, device_memory=memory)
        backend.sharded_program(case.model, case.task, ADAM, sharding, ALONE).place(case.batch)
        return capsys.readouterr().out

    assert "sharding=auto takes" in printed(max(needs.values()))
    assert "sharding=auto takes edges" not in printed(needs["edges"] - 1)
    with pytest.raises(BudgetError, match=f"sharding.device_memory allows {in_bytes(100)}"):
        printed(100)


@each_plan
def test_a_graph_over_budget(backend, plan):
    case = CASES["node_classification"]
    program = backend.sharded_program(
        case.model, case.task, ADAM, Sharding(plan, 4, device_memory=500), ALONE
    )
    with pytest.raises(BudgetError, match=f"sharding={plan}: found a need of .*; take about .* times"):
        program.place(case.batch)


@pytest.mark.parametrize("name", ["graph_classification/sum", "link_prediction"])
def test_tasks_about_something_else(backend, name):
    with pytest.raises(ConfigError, match="expected one about the nodes of one graph; use sharding=none"):
        backend.sharded_program(CASES[name].model, CASES[name].task, ADAM, Sharding("edges", 2), ALONE)


def test_what_cannot_be_split(backend):
    case = CASES["hetero_node_classification"]
    for plan in ("scatter", "halo"):
        program = backend.sharded_program(case.model, case.task, ADAM, Sharding(plan, 2), ALONE)
        with pytest.raises(ConfigError, match="found a graph with types of nodes"):
            program.place(case.batch)
    with pytest.raises(ConfigError, match="expected a portable model"):
        backend.sharded_program(object(), case.task, ADAM, Sharding("edges", 2), ALONE)
    with pytest.raises(ConfigError, match="found 16 in 1 process"):
        backend.sharded_program(case.model, case.task, ADAM, Sharding("edges", 16), ALONE)
    with pytest.raises(ConfigError, match="found 2 and no rank"):
        backend.sharded_program(case.model, case.task, ADAM, Sharding("edges", 2), Launch(processes=2))
    other = CASES["node_classification"]
    batch = other.batch._replace(prepared={**other.batch.prepared, "more": np.ones(17)})
    with pytest.raises(ConfigError, match="found 'more' among what the model prepares"):
        backend.sharded_program(other.model, other.task, ADAM, Sharding("halo", 2), ALONE).place(batch)


def test_dropout_differs_from_step_to_step_and_not_between_runs(backend):
    case = CASES["node_classification"]
    model = Model(Stack(case.model.encoder.layers, dropout=0.5), NodeHead())

    def losses() -> list[float]:
        program = backend.sharded_program(
            model, case.task, Optim(name="sgd", lr=0.0, weight_decay=0.0), Sharding("halo", 4), ALONE
        )
        state, placed, results = program.init(0), program.place(case.batch), []
        for _ in range(3):
            state, metrics = program.step(state, placed)
            results.append(metrics["loss"])
        return results

    first = losses()
    assert len(set(first)) == 3 and first == losses()
