"""What users of JAX do around an op, held by every op: ops x contracts, each right or refused in a sentence."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from contract_cases import CASES, RECEIVERS, Case, adjacency, values  # noqa: E402

import heddle_kernels.jax as kernels  # noqa: E402
from heddle.graphs.adjacency import Adjacency  # noqa: E402
from heddle_kernels.calls.tables import handlers_on  # noqa: E402

pytestmark = pytest.mark.usefixtures("few_optimizations")

FACE = SimpleNamespace(**{name: getattr(kernels, name) for name in kernels.__all__})
EVERY_TIME = ("spmm weighted", "segment_max", "gather")
"""Forms whose contracts are held by `make test`, as compiling takes long; `make test-all` holds all."""
MINE = {name: case for name, case in CASES.items() if case.face in kernels.__all__}


@pytest.fixture(
    params=[pytest.param(name, marks=() if name in EVERY_TIME else pytest.mark.slow) for name in MINE]
)
def case(request: pytest.FixtureRequest) -> Case:
    """Give every form of every op."""
    return MINE[request.param]


def edges(ids: type = np.int32) -> Adjacency:
    return Adjacency(*map(jnp.asarray, adjacency(ids)))


def function(case: Case, ids: type = np.int32) -> Any:
    """Return a case as a function of its values alone."""
    arrays, segments = edges(ids), jnp.asarray(RECEIVERS.astype(ids))
    return lambda *given: case.call(FACE, arrays, segments, *given)


def given_values(case: Case, dtype: Any = np.float32) -> list[Any]:
    return [jnp.asarray(x) for x in values(case, dtype)]


def same(actual: Any, expected: Any, rtol: float = 2e-5) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6), actual, expected)


def test_every_op_is_here():
    assert {case.face for case in MINE.values()} >= {*kernels.__all__}


def test_an_exported_function_gives_the_same(case: Case):
    """jax.export takes custom calls that are named as safe: heddle's have a version of their own."""
    run, given = jax.jit(function(case)), given_values(case)
    checks = [jax.export.DisabledSafetyCheck.custom_call(name) for name in handlers_on("cpu")]
    exported = jax.export.export(run, disabled_checks=checks)(*given)
    again = jax.export.deserialize(exported.serialize())
    same(again.call(*given), run(*given))


def test_donated_arguments(case: Case):
    run, given = function(case), given_values(case)
    expected = run(*given)
    donated = jax.jit(
        lambda *x: jax.tree.map(lambda v: v + 0, (run(*x), x)), donate_argnums=range(len(given))
    )
    actual, back = donated(*(x + 0 for x in given))
    same(actual, expected)
    same(list(back), given)


def test_values_on_several_devices(case: Case):
    """Arguments that are split over devices are brought together, as XLA does around what it can't split."""
    devices = jax.devices()[:2]
    mesh = jax.sharding.Mesh(np.array(devices), ("d",))
    run, given = function(case), given_values(case)
    expected = run(*given)
    placed = [
        jax.device_put(
            x,
            jax.sharding.NamedSharding(
                mesh, jax.sharding.PartitionSpec(*(("d",) if x.shape[0] % 2 == 0 else ()))
            ),
        )
        for x in given
    ]
    same(jax.jit(run)(*placed), expected)


@pytest.mark.parametrize("size", [0, 2])
def test_vmap(case: Case, size: int):
    run, given = function(case), given_values(case)
    batch = [jnp.stack([x * (i + 1) for i in range(size)]) if size else x[None][:0] for x in given]
    for axes in ((0,) * len(given), (0, *(None,) * (len(given) - 1))):
        mixed = [b if a == 0 else g for b, g, a in zip(batch, given, axes)]
        actual = jax.vmap(run, axes)(*mixed)
        assert actual.shape == (size, *run(*given).shape)
        for i in range(size):
            same(actual[i], run(*(m[i] if a == 0 else m for m, a in zip(mixed, axes))))


@pytest.mark.slow
def test_jacobians_hessians_and_checkpoints(case: Case):
    run, given = function(case), given_values(case)
    places = tuple(range(len(given)))
    same(jax.jit(jax.jacfwd(run, places))(*given), jax.jit(jax.jacrev(run, places))(*given))

    def loss(*x: Any) -> Any:
        return jnp.sum(run(*x) ** 3)

    actual = jax.jit(jax.hessian(loss, places))(*given)
    same(actual, jax.jit(jax.jacrev(jax.grad(loss, places), places))(*given), 1e-3)
    again = jax.jit(jax.grad(jax.checkpoint(loss), places))(*given)
    same(again, jax.jit(jax.grad(loss, places))(*given))


@pytest.mark.parametrize("ids", [np.int8, np.uint8, np.int16, np.uint16, np.uint32])
def test_ids_of_any_type_are_right_or_refused(case: Case, ids: type):
    given = given_values(case)
    try:
        out = jax.block_until_ready(function(case, ids)(*given))
    except (TypeError, ValueError, jax.errors.JaxRuntimeError) as error:
        assert re.search(r"found [^\n]+, expected [^\n]+", str(error))
    else:
        same(out, function(case)(*given))


def test_ids_out_of_range_raise_when_it_runs(case: Case):
    given, wrong, arrays = given_values(case), RECEIVERS.astype(np.int32), adjacency(np.int32)
    wrong[3] = arrays.senders[2] = arrays.t_receivers[2] = 77
    arrays = Adjacency(*map(jnp.asarray, arrays))
    try:
        out = jax.block_until_ready(case.call(FACE, arrays, jnp.asarray(wrong), *given))
    except (ValueError, jax.errors.JaxRuntimeError) as error:
        assert re.search(r"found 77, expected an id in \[0, \d\)", str(error))
    else:  # an op that reads no ids
        assert case.product
        same(out, function(case)(*given))


def test_complex_is_right_or_refused(case: Case):
    given = [x + 1j * x for x in given_values(case)]
    try:
        out = function(case)(*given)
    except TypeError as error:
        assert re.match(r"[^\n]+: found [^\n]+, expected [^\n]+; [^\n]+$", str(error))
    else:
        assert case.linear
        same(out.real, function(case)(*(x.real for x in given)))
        same(out.imag, function(case)(*(x.imag for x in given)))
