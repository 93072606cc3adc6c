"""functional_program: what the kit doesn't ask of an engine that trains by it."""

import numpy as np
import pytest

from heddle.engines.functional import functional_program
from heddle.engines.optim import Optim
from heddle.errors import ConfigError, HeddleError
from heddle.testing.cases.programs import node_classification
from heddle.testing.reference_backend import ReferenceBackend

SGD = Optim(name="sgd", lr=0.1, weight_decay=0.0)


def test_gradients_are_looked_at_before_each_update():
    case, seen = node_classification(), []

    def check(grads, update):
        assert list(grads) == list(case.model.params())
        seen.append(update)
        if update == 3:
            raise HeddleError("stop")

    program = functional_program(ReferenceBackend(), case.model, case.task, SGD, check=check)
    state, placed = program.init(0), program.place(case.batch)
    for _ in range(2):
        state, _ = program.step(state, placed)
    with pytest.raises(HeddleError, match="stop"):
        program.step(state, placed)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_is_in_its_dtype(dtype):
    case = node_classification()
    program = functional_program(ReferenceBackend(), case.model, case.task, SGD, dtype)
    state, _ = program.step(program.init(0), program.place(case.batch))
    arrays = program.to_arrays(state)
    assert {value.dtype for name, value in arrays.items() if value.ndim} == {np.dtype(dtype)}
    assert program.predict(state, program.place(case.batch)).dtype == dtype


def test_a_model_of_another_kind_is_refused():
    case = node_classification()
    with pytest.raises(ConfigError, match="found a str, expected a portable Model"):
        functional_program(ReferenceBackend(), "gcn", case.task, SGD)
