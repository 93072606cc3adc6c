"""InputsSuite: what a model says that it reads is what its answers depend on; a probe is named as unused."""

from typing import Any

import numpy as np
import pytest

from heddle.data.task import Task, model_spec_of
from heddle.engines.hookspecs import ModelInfo
from heddle.engines.inputs import inputs_of, unreadable_inputs, unused_inputs, without_inputs
from heddle.engines.optim import Optim
from heddle.engines.plugins import load_plugins
from heddle.nn.capabilities import HOMOGENEOUS, RELATIONS
from heddle.nn.model import Batch, uses_of
from heddle.testing.cases.inputs import PROBE, dataset_of, model_of, with_every_input, with_other
from heddle.testing.suites.suite import Suite

TASK = Task("node_classification", "cross_entropy", ("accuracy",))
OPTIM = Optim(name="adam", lr=0.01)


class InputsSuite(Suite):
    """Every portable model that is installed, and the engine's own, on graphs with every kind of input and a probe.

    Attributes:
        native: (model, what its `model` node needs besides the name, whether graphs have types) of the engine's own.
    """

    native: tuple[tuple[str, dict[str, Any], bool], ...] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run what takes a `case` for each model and each kind of graph that it reads."""
        super().pytest_generate_tests(metafunc)
        if "case" in metafunc.fixturenames:
            cases: list[tuple[str, dict[str, Any], bool]] = [
                (name, {}, hetero) for name, hetero in _portable()
            ]
            cases += metafunc.cls.native
            metafunc.parametrize("case", cases, ids=list(map(_named, cases)))

    def test_every_input_is_used_or_named(self, case: tuple[str, dict[str, Any], bool]) -> None:
        """Other values of a kind change the outputs if the model says it uses the kind, and only then.

        A probe, which no model can know, is among what isn't used.
        """
        name, keys, hetero = case
        info = load_plugins().info("model", name)
        graph = with_every_input(hetero)
        readable = without_inputs(graph, unreadable_inputs(info))
        model = self.model(name, keys, dataset_of(readable))
        program = self.backend.program(model, TASK, OPTIM)
        state = program.init(3)

        def outputs(seen: Any) -> np.ndarray:
            seen = without_inputs(seen, unreadable_inputs(info))
            batch = Batch(seen, model.prepare(seen), np.arange(6))
            return np.asarray(program.predict(state, program.place(batch)))

        uses, expected = uses_of(model), outputs(graph)
        kinds = {each.name for each in inputs_of(graph)}
        assert {f"node {PROBE}", f"edge {PROBE}"} <= kinds - uses
        for input_kind in sorted(kinds):
            changed = not np.array_equal(outputs(with_other(graph, input_kind)), expected)
            assert changed == (input_kind in uses), (
                f"{name}: other {input_kind} {'changed' if changed else 'left'} the outputs, uses: {sorted(uses)}"
            )
        unused = unused_inputs(graph, uses)
        left = [each for each in inputs_of(graph) if each.name not in uses]
        assert unused == [str(each) for each in left] and any(PROBE in name for name in unused)

    def model(self, name: str, keys: dict[str, Any], dataset: Any) -> Any:
        """Return a model of the registry for a dataset, with its default options but for `keys`."""
        from heddle.options import build

        registry = load_plugins()
        options: Any = build(registry.options("model", name), {"name": name, **keys}, "model")
        builder, info = registry.model(name), registry.info("model", name)
        if info.backends:
            return builder(options, model_spec_of(dataset, TASK))
        return model_of(builder, options, dataset, TASK)


def _named(case: tuple[str, dict[str, Any], bool]) -> str:
    name, keys, hetero = case
    return "-".join([name, *map(str, keys.values()), "types" if hetero else "one type"])


def _portable() -> list[tuple[str, bool]]:
    infos = [offer.info for offer in load_plugins().offers("model") if isinstance(offer.info, ModelInfo)]
    return [(info.name, hetero) for info in infos if not info.backends for hetero in _graphs_of(info.name)]


def _graphs_of(name: str) -> list[bool]:
    """Return whether graphs have types, for each kind that a model states that it reads."""
    stated = load_plugins().info("model", name).capabilities
    return [hetero for hetero, of in ((False, HOMOGENEOUS), (True, RELATIONS)) if of.name in stated]
