"""StateRules: States to arrays and back, to the bit, and errors for arrays that don't fit."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heddle.engines.optim import Optim, ParamGroup
from heddle.engines.program import Program
from heddle.errors import CheckpointError
from heddle.testing.cases.programs import ProgramCase, node_classification
from heddle.testing.compare import assert_same
from heddle.testing.suites.suite import Suite

ADAM = Optim(name="adam", lr=0.05, weight_decay=0.001, weight_decay_on="*", eps=1e-08)
OPTIMS: dict[str, Optim] = {
    "adam": ADAM,
    "adamw": replace(ADAM, name="adamw", clip_norm=0.5),
    "sgd": Optim(name="sgd", lr=0.1, momentum=0.9, weight_decay=0.001),
    "plain_sgd": Optim(name="sgd", lr=0.1, momentum=0.0, weight_decay=0.0),
    "groups": replace(
        ADAM,
        groups={
            "first": ParamGroup(on="encoder.layers.0.*", name="sgd", lr=0.1, momentum=0.9),
            "bias": ParamGroup(on="encoder.layers.1.bias", frozen=True),
        },
    ),
}


class StateRules(Suite):
    """Part of `ProgramSuite`: what `to_arrays`, `from_arrays` and `set_lr` do."""

    @pytest.mark.parametrize("optim", OPTIMS)
    @pytest.mark.parametrize("steps", [0, 2])
    def test_a_resumed_run_goes_on_to_the_bit(self, optim: str, steps: int) -> None:
        """Weights, moments, step count, learning rate and random state come back in a Program built anew."""
        case = node_classification(dropout=0.5)
        program, resumed = self.program(case, OPTIMS[optim]), self.program(case, OPTIMS[optim])
        state = program.set_lr(program.init(2), 0.03)
        state = self._advance(program, state, case, steps)
        arrays = program.to_arrays(state)
        kept = {name: np.array(value) for name, value in arrays.items()}
        through = self._advance(program, state, case, 3)
        assert_same_arrays(arrays, kept)
        back = resumed.from_arrays(arrays)
        assert_same_arrays(resumed.to_arrays(back), kept)
        for array in arrays.values():
            array[...] = 0
        again = self._advance(resumed, back, case, 3)
        assert_same_arrays(resumed.to_arrays(again), program.to_arrays(through))

    def test_arrays_are_named_numpy(self) -> None:
        case = node_classification()
        program = self.program(case)
        arrays = program.to_arrays(self._advance(program, program.init(0), case, 1))
        wanted = {f"params/{name}": spec.shape for name, spec in case.model.params().items()}
        results = {name: value.shape for name, value in arrays.items() if name.startswith("params/")}
        assert results == wanted
        assert set(arrays) > set(wanted), "to_arrays: found weights alone, expected the optimiser's state too"
        for name, value in arrays.items():
            assert isinstance(value, np.ndarray), f"{name}: found a {type(value).__name__}, not a numpy array"
            assert value.dtype.kind in "biuf", f"{name}: found dtype {value.dtype}, expected numbers"

    def test_weights_alone_can_predict_and_start_training(self) -> None:
        """And are what `from_arrays` was given, whatever the seed was."""
        case = node_classification()
        program = self.program(case)
        state, placed = self._advance(program, program.init(4), case, 2), program.place(case.batch)
        outputs, embedded = np.array(program.predict(state, placed)), np.array(program.embed(state, placed))
        weights = _weights_only(program.to_arrays(state))
        bare = self.program(case).from_arrays(weights)
        assert_same("predict", program.predict(bare, placed), outputs)
        assert_same("embed", program.embed(bare, placed), embedded)
        self._advance(program, bare, case, 1)

    def test_arrays_that_do_not_fit(self) -> None:
        """Missing, unknown, of another shape, or cut short: CheckpointError, which names the array."""
        program = self.program(node_classification())
        arrays = program.to_arrays(self._advance(program, program.init(0), node_classification(), 1))
        weights = _weights_only(arrays)
        first, *others = weights
        bare = first.removeprefix("params/")
        missing = {name: weights[name] for name in others}
        for wrong, named in (
            (missing, bare),
            ({}, "weight"),
            ({**weights, "params/stranger": np.zeros(2, np.float32)}, "stranger"),
            ({**weights, first: np.zeros((1, 5), np.float32)}, bare),
            ({**missing, f"{first}x": weights[first]}, bare),
            ({name: value for name, value in arrays.items() if name != first}, bare),
        ):
            with pytest.raises(CheckpointError, match=_escaped(named)):
                program.from_arrays(wrong)
        for name in arrays.keys() - weights.keys():
            if arrays[name].size:
                with pytest.raises(CheckpointError):
                    program.from_arrays({key: value for key, value in arrays.items() if key != name})

    def test_set_lr(self) -> None:
        """A step of plain SGD is in proportion to the learning rate, and nothing at 0."""
        case = node_classification()
        program = self.program(case, Optim(name="sgd", lr=0.1, momentum=0.0, weight_decay=0.0))
        placed, start = program.place(case.batch), _weights_only(program.to_arrays(program.init(0)))
        moves = {}
        for lr in (None, 0.0, 0.2):
            state = program.init(0) if lr is None else program.set_lr(program.init(0), lr)
            after = program.to_arrays(program.step(state, placed)[0])
            moves[lr] = {name: after[name] - value for name, value in start.items()}
        for name in start:
            assert (moves[0.0][name] == 0).all(), f"{name} moved at a learning rate of 0"
            np.testing.assert_allclose(moves[0.2][name], 2 * moves[None][name], rtol=1e-3, atol=1e-6)
        assert any((move != 0).any() for move in moves[None].values())

    def program(self, case: ProgramCase, optim: Optim = ADAM) -> Program:
        """Build a Program of a case."""
        return self.backend.program(case.model, case.task, optim)

    def _advance(self, program: Program, state: Any, case: ProgramCase, steps: int) -> Any:
        placed = program.place(case.batch)
        for _ in range(steps):
            state, _ = program.step(state, placed)
        return state


def assert_same_arrays(actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    """Check that arrays by name agree in names, shapes and every bit.

    Raises:
        AssertionError: they don't.
    """
    assert sorted(actual) == sorted(expected)
    for name, value in expected.items():
        assert_same(name, actual[name], value)


def _weights_only(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in arrays.items() if name.startswith("params/")}


def _escaped(text: str) -> str:
    import re

    return re.escape(text)
