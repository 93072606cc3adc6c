"""OptimiserRules: the first updates of every optimiser are those of `heddle.optimisers.update`."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.optim import Optim
from heddle.testing.program_cases import node_classification
from heddle.testing.program_state import ADAM, StateRules
from heddle.testing.reference_backend import ReferenceBackend

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
    "sgd/clip_norm_above": Optim(name="sgd", lr=0.1, clip_norm=1000.0, weight_decay=0.0),
}


class OptimiserRules(StateRules):
    """Part of `ProgramSuite`: what the `optim` config node means."""

    @pytest.mark.parametrize("name", OPTIMS)
    def test_first_updates(self, name: str):
        """Three updates move every weight as the reference in numpy does, to 1e-6."""
        case = node_classification()
        found, expected = (
            self._weights(OPTIMS[name], self.backend),
            self._weights(OPTIMS[name], ReferenceBackend()),
        )
        start = self._weights(OPTIMS[name], ReferenceBackend(), updates=0)
        for step in range(UPDATES):
            for key in case.model.params():
                moved, wanted = (w[step][f"params/{key}"] for w in (found, expected))
                error = float(np.abs(moved - wanted).max())
                assert error <= TOLERANCE, f"{name}: {key} is off by {error:.3g} after update {step + 1}"
        last = expected[-1]
        assert all((last[key] != start[0][key]).any() for key in last), "the reference itself moved nothing"

    def test_unknown_optimiser(self):
        case = node_classification()
        with pytest.raises(ConfigError, match=r"adma.*adam"):
            self.backend.program(case.model, case.task, replace(ADAM, name="adma"))

    def test_a_pattern_that_matches_no_parameter(self):
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
