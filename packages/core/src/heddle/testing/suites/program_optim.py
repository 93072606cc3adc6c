"""OptimiserRules: the first updates of every optimiser are those of `heddle.engines.optimisers.update`."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heddle.engines.capabilities import TakesSparseGradients
from heddle.engines.optim import Optim, ParamGroup
from heddle.errors import ConfigError
from heddle.testing.cases.programs import CODED, coded_nodes, node_classification
from heddle.testing.compare import assert_same
from heddle.testing.reference_backend import ReferenceBackend
from heddle.testing.suites.program_state import ADAM, StateRules, assert_same_arrays

UPDATES = 3
TOLERANCE = 1e-6
WELL_CONDITIONED = replace(
    ADAM, eps=0.001, weight_decay=0.0
)  # gradients near 0 aren't blown up to a full step
OPTIMS: dict[str, Optim] = {
    "adam": WELL_CONDITIONED,
    "adam/betas": replace(WELL_CONDITIONED, betas=(0.5, 0.9)),
    "adam/weight_decay": replace(WELL_CONDITIONED, weight_decay=0.1),
    "adam/weight_decay_on": replace(WELL_CONDITIONED, weight_decay=0.1, weight_decay_on="encoder.layers.0.*"),
    "adam/weight_decay_on_weights": replace(WELL_CONDITIONED, weight_decay=0.1, weight_decay_on="*.weight"),
    "adam/clip_norm": replace(WELL_CONDITIONED, clip_norm=0.05),
    "adamw": replace(WELL_CONDITIONED, name="adamw", weight_decay=0.1),
    "adamw/weight_decay_on": replace(
        WELL_CONDITIONED, name="adamw", weight_decay=0.1, weight_decay_on="encoder.layers.1.*"
    ),
    "sgd": Optim(name="sgd", lr=0.1, weight_decay=0.0),
    "sgd/momentum": Optim(name="sgd", lr=0.1, momentum=0.9, weight_decay=0.0),
    "sgd/weight_decay": Optim(name="sgd", lr=0.1, momentum=0.5, weight_decay=0.1),
    "sgd/clip_norm": Optim(name="sgd", lr=0.1, weight_decay=0.1, clip_norm=0.05),
    "groups": replace(
        WELL_CONDITIONED,
        weight_decay=0.1,
        weight_decay_on="*.weight",
        clip_norm=0.05,
        groups={
            "first": ParamGroup(on="encoder.layers.0.*", lr=0.02, weight_decay=0.0, betas=(0.5, 0.9)),
            "last": ParamGroup(on="encoder.layers.1.*", name="sgd", lr=0.1, momentum=0.9),
        },
    ),
    "groups/rest": replace(
        WELL_CONDITIONED, groups={"bias": ParamGroup(on="*.bias", name="adamw", lr=0.1, weight_decay=0.2)}
    ),
    "sgd/clip_norm_above": Optim(name="sgd", lr=0.1, clip_norm=1000.0, weight_decay=0.0),
}


class OptimiserRules(StateRules):
    """Part of `ProgramSuite`: what the `optim` config node means."""

    @pytest.mark.parametrize("name", OPTIMS)
    def test_first_updates(self, name: str) -> None:
        """Three updates move every weight as the reference in numpy does, to 1e-6."""
        case = node_classification()
        actual, expected = (
            self._weights(OPTIMS[name], self.backend),
            self._weights(OPTIMS[name], ReferenceBackend()),
        )
        start = self._weights(OPTIMS[name], ReferenceBackend(), updates=0)
        for step in range(UPDATES):
            for key in case.model.params():
                moved, wanted = (w[step][f"params/{key}"] for w in (actual, expected))
                error = float(np.abs(moved - wanted).max())
                assert error <= TOLERANCE, f"{name}: {key} is off by {error:.3g} after update {step + 1}"
        last = expected[-1]
        assert all((last[key] != start[0][key]).any() for key in last), "the reference itself moved nothing"

    def test_frozen_parameters_stay(self) -> None:
        """And the others move as they do without their gradients in the norm."""
        optim = replace(
            WELL_CONDITIONED, clip_norm=0.05, groups={"a": ParamGroup(on="encoder.layers.0.*", frozen=True)}
        )
        first = self._weights(optim, self.backend, 0)[0]
        actual, wanted = (self._weights(optim, engine)[-1] for engine in (self.backend, ReferenceBackend()))
        for name, value in actual.items():
            if ".layers.0." in name:
                assert_same(name, value, first[name])
            else:
                assert (value != first[name]).any(), f"{name} didn't move, expected only layer 0 frozen"
                np.testing.assert_allclose(value, wanted[name], atol=TOLERANCE, err_msg=name)

    def test_the_schedule_scales_the_rates_of_groups(self) -> None:
        """Twice the learning rate moves every group twice as far, by plain SGD."""
        optim = Optim(name="sgd", lr=0.1, weight_decay=0.0, groups={"a": ParamGroup(on="*.bias", lr=0.3)})
        case, moves = node_classification(), []
        for lr in (0.1, 0.2):
            program = self.backend.program(case.model, case.task, optim)
            state = program.set_lr(program.init(1), lr)
            before = program.to_arrays(state)
            after = program.to_arrays(program.step(state, program.place(case.batch))[0])
            moves.append({key: after[key] - before[key] for key in after if key.startswith("params/")})
        for name in moves[0]:
            np.testing.assert_allclose(moves[1][name], 2 * moves[0][name], rtol=1e-3, atol=1e-6, err_msg=name)

    def test_groups_that_do_not_fit(self) -> None:
        """A pattern that names nothing, a parameter in two groups, and all of them frozen."""
        case = node_classification()
        every = ParamGroup(on="*")
        for groups, message in (
            ({"a": ParamGroup(on="decoder.*")}, "decoder"),
            ({"a": every, "b": ParamGroup(on="*.bias")}, "bias"),
            ({"a": replace(every, frozen=True)}, "frozen"),
            ({"a": replace(every, sparse=True)}, "sparse"),
        ):
            with pytest.raises(ConfigError, match=message):
                self.backend.program(case.model, case.task, replace(WELL_CONDITIONED, groups=groups))

    @pytest.mark.parametrize("name", ["adam", "sgd"])
    def test_sparse_tables(self, name: str) -> None:
        """A step moves the rows that it reads, no others; plain SGD moves them as it does by dense gradients."""
        case, optim = coded_nodes(5), Optim(name=name, lr=0.1, weight_decay=0.0)
        sparse = replace(optim, groups={"codes": ParamGroup(on="encoder.codes.*", sparse=True)})
        if not isinstance(self.backend, TakesSparseGradients):
            with pytest.raises(ConfigError, match="sparse"):
                self.backend.program(case.model, case.task, sparse)
            return
        program = self.backend.program(case.model, case.task, sparse)
        dense = ReferenceBackend().program(case.model, case.task, optim)
        state, wanted = program.init(1), dense.init(1)
        table = program.to_arrays(state)[CODED]
        for codes in (5, 2, 5):
            batch = coded_nodes(codes).batch
            state, wanted = (p.step(s, p.place(batch))[0] for p, s in ((program, state), (dense, wanted)))
            now = program.to_arrays(state)[CODED]
            moved = np.flatnonzero((now != table).any(axis=1))
            assert moved.tolist() == list(range(codes)), f"rows {moved} moved, expected the first {codes}"
            table = now
        actual = program.to_arrays(state)
        for key, value in dense.to_arrays(wanted).items() if name == "sgd" else ():
            if key.startswith("params/"):
                np.testing.assert_allclose(actual[key], value, atol=TOLERANCE, err_msg=key)
        resumed = program.from_arrays(actual)
        through, again = (
            program.to_arrays(program.step(s, program.place(batch))[0]) for s in (state, resumed)
        )
        assert_same_arrays(again, through)

    def test_unknown_optimiser(self) -> None:
        case = node_classification()
        with pytest.raises(ConfigError, match=r"adma.*adam"):
            self.backend.program(case.model, case.task, replace(ADAM, name="adma"))

    def test_a_pattern_that_matches_no_parameter(self) -> None:
        """It would turn weight decay off in silence."""
        case = node_classification()
        with pytest.raises(ConfigError, match="weight_decay_on"):
            self.backend.program(case.model, case.task, replace(ADAM, weight_decay_on="decoder.*"))

    def _weights(self, optim: Optim, backend: Any, updates: int = UPDATES) -> list[dict[str, np.ndarray]]:
        """Return the weights after each update, or those at the start if there is none."""
        case = node_classification()
        program = backend.program(case.model, case.task, optim)
        state, placed, weights = program.init(1), program.place(case.batch), []
        for _ in range(updates):
            state, _ = program.step(state, placed)
            weights.append(program.to_arrays(state))
        return [
            {name: value for name, value in arrays.items() if name.startswith("params/")}
            for arrays in weights or [program.to_arrays(state)]
        ]
