"""ProgramSuite: an engine trains every kind of task to the reference's numbers, and repeats itself to the bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heddle.engines.optim import Optim
from heddle.errors import ConfigError
from heddle.graphs.pytree import tree_map
from heddle.nn.params import initialise
from heddle.ops.reference import NumpyOps
from heddle.testing.cases.programs import ProgramCase, linear_regression, node_classification, program_cases
from heddle.testing.compare import assert_close, assert_same
from heddle.testing.dtypes import in_dtype
from heddle.testing.gradients import WIDE
from heddle.testing.suites.program_optim import OptimiserRules
from heddle.testing.suites.program_state import ADAM, StateRules, assert_same_arrays

CASES = program_cases()
each_case = pytest.mark.parametrize("name", CASES)


class ProgramSuite(OptimiserRules, StateRules):
    """Programs of `program_cases`; `OptimiserRules` and `StateRules` hold the rest of the rules."""

    @pytest.mark.parametrize("seed", [0, 7])
    def test_init_draws_what_every_engine_draws(self, seed: int) -> None:
        case = CASES["hetero_node_classification"]
        program = self.program(case)
        arrays = _weights(program.to_arrays(program.init(seed)))
        expected = initialise(case.model.params(), seed, next(iter(arrays.values())).dtype.type)
        assert sorted(arrays) == sorted(expected)
        for name, value in expected.items():
            assert_same(f"init: {name}", arrays[name], value)

    @each_case
    def test_predict_and_embed(self, name: str) -> None:
        """Outputs, [m, ...] as the index has entries, and embeddings are the reference's of the same weights."""
        case, program = CASES[name], self.program(CASES[name])
        state, placed = program.init(1), program.place(case.batch)
        weights = _weights(program.to_arrays(state))
        actual = program.predict(state, placed), program.embed(state, placed)
        assert len(actual[0]) == len(case.batch.index)
        dtype = str(
            next(iter(weights.values())).dtype
        )  # float64 propagations don't widen a float32 engine's outputs
        naive, expected = (_reference(case, weights, wanted_dtype) for wanted_dtype in (dtype, WIDE))
        assert_outputs_close(f"{name}: predict", actual[0], expected[0], naive[0], dtype)
        assert_outputs_close(f"{name}: embed", actual[1], expected[1], naive[1], dtype)

    @each_case
    def test_step_reports_the_loss_and_lowers_it(self, name: str) -> None:
        """The first loss is the reference's; after a few steps it is lower."""
        case, program = CASES[name], self.program(CASES[name])
        state, placed = program.init(1), program.place(case.batch)
        weights, losses = _weights(program.to_arrays(state)), []
        for _ in range(4):
            state, metrics = program.step(state, placed)
            losses.append(metrics["loss"])
        assert all(isinstance(loss, float) and np.isfinite(loss) for loss in losses), (
            f"{name}: losses {losses}"
        )
        dtype = str(next(iter(weights.values())).dtype)
        naive, expected = (
            np.asarray(_reference(case, weights, wanted_dtype)[2]) for wanted_dtype in (dtype, WIDE)
        )
        assert_close(f"{name}: loss", np.asarray(losses[0], dtype), expected, naive, dtype)
        assert min(losses[1:]) < losses[0], f"{name}: losses {losses} never fell"

    @pytest.mark.parametrize("name", ["graph_classification/sum", "node_classification"])
    def test_a_divisor_takes_the_place_of_the_known_targets(self, name: str) -> None:
        """The loss of a batch that says what its sum is divided by, and the step on it."""
        case, program = CASES[name], self.program(CASES[name], Optim(name="sgd", lr=0.01, weight_decay=0.0))
        known = float(np.asarray(case.batch.mask).sum())
        start = program.to_arrays(program.init(2))
        steps = {}
        for times in (None, 1.0, 4.0):
            divisor = None if times is None else np.array(times * known, np.float32)
            state, metrics = program.step(
                program.init(2), program.place(case.batch._replace(divisor=divisor))
            )
            after = _weights(program.to_arrays(state))
            moved = {name: after[name] - start[f"params/{name}"] for name in after}
            steps[times] = metrics["loss"], np.concatenate([value.ravel() for value in moved.values()])
        for times, scale in ((1.0, 1.0), (4.0, 0.25)):
            assert abs(steps[times][0] - scale * steps[None][0]) < 1e-5 * abs(steps[None][0])
            error = np.abs(steps[times][1] - scale * steps[None][1]).max()
            assert error < 1e-3 * np.abs(steps[None][1]).max(), (
                f"divisor={times} x known: steps off by {error}"
            )

    def test_hidden_targets_do_not_matter(self) -> None:
        case = CASES["node_classification"]
        mask, targets = np.asarray(case.batch.mask), np.asarray(case.batch.targets)
        other = np.where(mask, targets, (targets + 1) % 3)
        assert self.run(case, case.batch) == self.run(case, case.batch._replace(targets=other))

    def test_the_same_seed_gives_the_same_bits(self) -> None:
        """Dropout included; and another seed gives other weights and another dropout."""
        case = node_classification(dropout=0.5)
        assert self.run(case, case.batch, seed=3) == self.run(case, case.batch, seed=3)
        assert self.run(case, case.batch, seed=3) != self.run(case, case.batch, seed=4)

    def test_dropout_is_for_training_alone(self) -> None:
        """With a learning rate of 0 each step sees another dropout, and predictions stay the same."""
        case = node_classification(dropout=0.5)
        program = self.program(case, replace(ADAM, weight_decay=0.0))
        state, placed = program.set_lr(program.init(0), 0.0), program.place(case.batch)
        weights = _weights(program.to_arrays(state))
        before, losses = np.array(program.predict(state, placed)), []
        for _ in range(4):
            state, metrics = program.step(state, placed)
            losses.append(metrics["loss"])
        assert len(set(losses)) > 1, f"losses {losses}: training has no dropout, or the same each step"
        assert_same("predict", program.predict(state, placed), before)
        dtype = str(before.dtype)
        naive, expected = (_reference(case, weights, wanted_dtype)[0] for wanted_dtype in (dtype, WIDE))
        assert_outputs_close("predict, without dropout", before, expected, naive, dtype)

    def test_dropout_keeps_the_mean(self) -> None:
        """What dropout keeps is scaled by 1 / (1 - rate): a loss linear in the features stays the same on average."""
        case = linear_regression(dropout=0.5)
        program = self.program(case, replace(ADAM, weight_decay=0.0))
        shapes = {f"params/{name}": spec.shape for name, spec in case.model.params().items()}
        state = program.from_arrays({name: np.ones(shape, np.float32) for name, shape in shapes.items()})
        state, placed, losses = program.set_lr(state, 0.0), program.place(case.batch), []
        for _ in range(60):
            state, metrics = program.step(state, placed)
            losses.append(metrics["loss"])
        actual, expected = (
            np.mean(losses),
            float(case.task.loss(NumpyOps(), np.full((17, 1), 4.0), case.batch)),
        )
        assert abs(actual - expected) < 0.4, f"mean loss {actual} with dropout, {expected} without"

    def test_a_model_it_cannot_train(self) -> None:
        with pytest.raises(ConfigError):
            self.backend.program(object(), CASES["node_classification"].task, ADAM)

    def test_place_copies(self) -> None:
        """A batch written over after it was placed changes nothing."""
        case, program = CASES["graph_classification/sum"], self.program(CASES["graph_classification/sum"])
        batch, state = tree_map(np.array, case.batch), program.init(0)
        placed = program.place(batch)
        before = np.array(program.predict(state, placed))
        tree_map(lambda array: array.fill(0), batch)
        assert_same("predict", program.predict(state, placed), before)
        _, metrics = program.step(state, placed)
        assert metrics["loss"] == self.run(case, case.batch, seed=0, steps=1)[0]

    def test_losses_and_weights_after_a_run(self) -> None:
        """Two Programs built alike give States alike."""
        case = CASES["link_prediction"]
        states = []
        for _ in range(2):
            program = self.program(case)
            state = program.init(5)
            placed = program.place(case.batch)
            for _ in range(3):
                state, _ = program.step(state, placed)
            states.append(program.to_arrays(state))
        assert_same_arrays(*states)

    def run(self, case: ProgramCase, batch: Any, seed: int = 0, steps: int = 4) -> list[float]:
        """Return the losses of a fresh run."""
        program = self.program(case)
        state, placed, losses = program.init(seed), program.place(batch), []
        for _ in range(steps):
            state, metrics = program.step(state, placed)
            losses.append(metrics["loss"])
        return losses


def assert_outputs_close(what: str, actual: Any, expected: Any, naive: Any, dtype: str) -> None:
    """Check an array, or arrays by node type."""
    if not isinstance(expected, dict):
        assert isinstance(actual, np.ndarray), (
            f"{what}: found a {type(actual).__name__}, expected a numpy array"
        )
        assert_close(what, actual, expected, naive, dtype)
        return
    assert sorted(actual) == sorted(expected), f"{what}: found {sorted(actual)}, expected {sorted(expected)}"
    for node_type, value in expected.items():
        assert_outputs_close(f"{what}[{node_type!r}]", actual[node_type], value, naive[node_type], dtype)


def _weights(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix("params/"): a for name, a in arrays.items() if name.startswith("params/")}


def _reference(case: ProgramCase, weights: dict[str, np.ndarray], dtype: Any) -> tuple[Any, Any, Any]:
    """Return NumpyOps' outputs, embeddings and loss in `dtype`."""
    ops, batch, params = NumpyOps(), in_dtype(case.batch, dtype), in_dtype(weights, dtype)
    outputs = case.model.apply(ops, params, batch)
    return outputs, case.model.embed(ops, params, batch), case.task.loss(ops, outputs, batch)
