"""The kit catches what it is for: each fault fails the test named for it, which a sound engine passes."""

from typing import Any

import pytest

from heddle.testing.cases.layers import layer_cases
from heddle.testing.cases.ops import large_cases, op_cases
from heddle.testing.reference_backend import ReferenceBackend
from heddle.testing.suites.ops import OpsSuite

from .container_faults import CONTAINER_FAULTS
from .ops_faults import OPS_FAULTS
from .program_faults import PROGRAM_FAULTS

FAULTS = OPS_FAULTS | CONTAINER_FAULTS | PROGRAM_FAULTS
OPS = {case.name: case for case in (*op_cases(), *large_cases())}
LAYERS = {case.name: case for case in layer_cases()}


def run(backend: Any, suite: type, test: str, arguments: dict[str, Any]) -> None:
    """Run one test of a suite, found in its class by name, on `backend`."""
    cases = OPS if issubclass(suite, OpsSuite) else LAYERS
    resolved = {key: cases[value] if key == "case" else value for key, value in arguments.items()}
    instance = type(f"Test{suite.__name__}", (suite,), {"backend": backend})()
    getattr(instance, test)(**resolved)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught(fault):
    make, suite, test, arguments = FAULTS[fault]
    run(ReferenceBackend(), suite, test, arguments)
    with pytest.raises((AssertionError, Exception, pytest.fail.Exception)) as caught:
        run(make(), suite, test, arguments)
    assert str(caught.value), "the failure says nothing"


def test_a_sound_engine_of_each_kind_passes():
    """The wrappers that faults are made with break nothing by themselves."""
    from .faulty import with_members, with_ops, with_optim, with_program

    for sound in (with_ops(), with_members(), with_program(lambda p: p), with_optim(lambda o: o)):
        for _, suite, test, arguments in list(FAULTS.values())[::7]:
            run(sound, suite, test, arguments)
