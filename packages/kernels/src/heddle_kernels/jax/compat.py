"""Everything we use of JAX that it doesn't promise to keep: primitives, their rules, and how shard_map types values."""

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from heddle.errors import problem
from heddle_kernels.calls.tables import HANDLERS
from heddle_kernels.cuda import library as cuda
from heddle_kernels.library import native

Shape = tuple[int, ...]
Rule = Callable[..., Any]


def _cuda_library() -> Any:
    try:
        return None if cuda.unavailable() else cuda.native()
    except ImportError as error:  # of another version: the CPU needn't care
        warnings.warn(str(error), stacklevel=2)
        return None


CUDA = _cuda_library()
"""The library that computes operations on devices that run CUDA, or None."""

_PRECISIONS = {
    2: ("None", "default", "fastest", "bfloat16", "tensorfloat32", "TF32_TF32_F32", "BF16_BF16_F32"),
    1: ("high", "bfloat16_3x", "TF32_TF32_F32_X3", "BF16_BF16_F32_X3"),
}


@functools.cache
def _registered(target: str) -> str:
    for platform, library in (("cpu", native.library), ("CUDA", CUDA)):
        if library is not None and hasattr(library, target):
            capsule = jax.ffi.pycapsule(getattr(library, target))
            jax.ffi.register_ffi_target(target, capsule, platform=platform)
    return target


def precision() -> int:
    """Return the code in heddle_cuda.h of JAX's own setting of how float32 products are computed on devices."""
    setting = str(jax.config.jax_default_matmul_precision)  # type: ignore[attr-defined]
    return next((code for code, names in _PRECISIONS.items() if setting in names), 0)


class Operation(NamedTuple):
    """A primitive, the functions that compute it on a CPU and elsewhere, and `bind`, which applies it to operands."""

    primitive: Primitive
    on_cpu: Callable[..., Any]
    elsewhere: Callable[..., Any]
    bind: Callable[..., Any]


OPERATIONS: dict[str, Operation] = {}
"""Every operation by name: for one that another's derivative binds, whichever is made first, and for tests of one
computation against the other."""


def use(operation: Operation, computation: Callable[..., Any], platform: str | None = None) -> None:
    """Compute an operation on a platform (None: on all that have none of their own) by a traceable function."""
    rule = mlir.lower_fun(computation, multiple_results=operation.primitive.multiple_results)
    mlir.register_lowering(operation.primitive, rule, platform=platform)


def native_call(name: str, shape: Shape, dtype: Any, **given: Any) -> jax.Array:
    """Call the handler heddle_xla_NAME of one result, of this shape and dtype, and return it.

    Args:
        given: operands by name, arrays or None for one that is absent, and attributes, 64-bit integers.
    """
    return native_calls(name, {"out": (shape, dtype)}, **given)["out"]


def native_calls(
    name: str,
    results: Mapping[str, tuple[Shape, Any] | None],
    *,
    aliases: Mapping[str, str] | None = None,
    **given: Any,
) -> dict[str, jax.Array]:
    """Call the handler heddle_xla_NAME by the names that heddle_kernels.calls gives its operands and attributes.

    Args:
        results: shape and dtype of each, None for one that isn't wanted.
        aliases: operand -> the result that may lie where it lay.
        given: operands, None for one that is absent, and attributes, 64-bit integers.

    Returns: the results by name, those that weren't wanted without elements.

    Raises:
        TypeError: names that the handler doesn't have, or has besides.
    """
    handler = HANDLERS[name][1]
    attributes = handler.attributes.split()
    expected = {*handler.given, *handler.wanted, *attributes}
    if {*results, *given} != expected:
        odd = " and ".join(sorted({*results, *given} ^ expected))
        raise TypeError(
            problem(f"heddle_xla_{name}", f"{odd} missing or unknown", f"{sorted(expected)}", "name them")
        )
    nothing = jnp.zeros((0,), jnp.int32)
    operands = [nothing if given[each] is None else given[each] for each in handler.given]
    numbers = {each: np.int64(given[each]) for each in attributes}
    numbers |= {flag: np.int64(given[each] is not None) for each, flag in handler.given.items() if flag}
    numbers |= {flag: np.int64(results[each] is not None) for each, flag in handler.wanted.items() if flag}
    shapes = [results[each] or ((0,), jnp.int32) for each in handler.wanted]
    positions = {
        list(handler.given).index(a): list(handler.wanted).index(b) for a, b in (aliases or {}).items()
    }
    outs = [jax.ShapeDtypeStruct(*shape) for shape in shapes]
    call = jax.ffi.ffi_call(_registered(f"heddle_xla_{name}"), outs, input_output_aliases=positions)
    return dict(zip(handler.wanted, call(*operands, **numbers)))


def operation(
    name: str,
    *,
    fixed: int,
    shape: Callable[..., Shape],
    on_cpu: Callable[..., Any],
    elsewhere: Callable[..., Any],
    batch: Callable[..., Any],
    on_cuda: Callable[..., Any] | None = None,
    n_indices: int | None = None,
    adjoints: Sequence[Rule] = (),
    jvps: dict[int, Rule] | None = None,
) -> Callable[..., jax.Array]:
    """Make a primitive and return the function that binds it.

    Args:
        fixed: number of leading operands without a derivative.
        shape: (*avals, **params) -> shape of the result, whose dtype is the last operand's.
        on_cpu, elsewhere, on_cuda: the computation, as traceable functions of (*operands, **params); elsewhere is on
            CUDA, too, for None or without the library.
        batch: (function, size, operands, axes, params) -> (result, axis), where none of those is batched.
        n_indices: number of leading operands that say where values go; `fixed` if None.
        adjoints: for each further operand, in which the operation is linear: (cotangent, *operands, **params) ->
            cotangent of that operand. None at all makes an operation to be wrapped in jax.custom_jvp.
        jvps: for operands in which it isn't linear: position -> (tangent, *operands, **params) -> tangent.
    """
    primitive = Primitive(f"heddle_{name}")
    n_indices = fixed if n_indices is None else n_indices

    def bind(*operands: Any, **params: Any) -> jax.Array:
        return primitive.bind(*alike(operands), **params)

    @functools.cache
    def compiled(params: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
        return jax.jit(lambda *operands: primitive.bind(*operands, **dict(params)))

    primitive.def_impl(lambda *operands, **params: compiled(tuple(sorted(params.items())))(*operands))

    def abstract(*avals: Any, **params: Any) -> Any:
        check_varying(name, *avals)
        return avals[-1].update(shape=shape(*avals, **params), weak_type=False)

    primitive.def_abstract_eval(abstract)
    OPERATIONS[name] = Operation(primitive, on_cpu, elsewhere, bind)
    use(OPERATIONS[name], elsewhere)
    use(OPERATIONS[name], on_cpu, platform="cpu")
    if CUDA is not None and on_cuda is not None:
        use(OPERATIONS[name], on_cuda, platform="cuda")

    def linear_jvp(position: int) -> Rule:
        def rule(tangent: Any, *operands: Any, **params: Any) -> Any:
            return bind(*operands[:position], tangent, *operands[position + 1 :], **params)

        return rule

    if adjoints:
        positions = range(fixed, fixed + len(adjoints))
        rules = [(jvps or {}).get(position) or linear_jvp(position) for position in positions]
        ad.defjvp(primitive, *(None,) * fixed, *rules)

        def transpose(cotangent: Any, *operands: Any, **params: Any) -> list[Any]:
            cotangents: list[Any] = [None] * len(operands)
            for position, adjoint in zip(positions, adjoints):
                if ad.is_undefined_primal(operands[position]):
                    zero = type(cotangent) is ad.Zero
                    aval = operands[position].aval
                    cotangents[position] = ad.Zero(aval) if zero else adjoint(cotangent, *operands, **params)
            return cotangents

        ad.primitive_transposes[primitive] = transpose

    def batched(operands: Any, axes: Any, **params: Any) -> Any:
        size = next(x.shape[axis] for x, axis in zip(operands, axes) if axis is not None)
        if all(axis is None for axis in axes[:n_indices]):
            return batch(functools.partial(bind, **params), size, operands, axes, params)
        full = [_first(x, axis, size) for x, axis in zip(operands, axes)]  # one graph after another
        return jax.lax.map(lambda each: bind(*each, **params), tuple(full)), 0

    batching.primitive_batchers[primitive] = batched
    return bind


def _first(x: jax.Array, axis: int | None, size: int) -> jax.Array:
    return jnp.broadcast_to(x, (size, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)


def second(x: jax.Array, axis: int | None, size: int) -> jax.Array:
    """Return x with its batch as second axis, [n, size, ...], for batching rules.

    Args:
        axis: where the batch is; None for an x [n, ...] without one, which is repeated.
    """
    if axis is None:
        return jnp.broadcast_to(x[:, None], (x.shape[0], size, *x.shape[1:]))
    return jnp.moveaxis(x, axis, 1)


def in_second(function: Rule, size: int, operands: Any, axes: Any, n_indices: int) -> tuple[Any, int]:
    """Batch an operation that treats all further axes alike: every value's batch becomes its second axis.

    Args:
        function: the operation, of `operands`.
        size: of the batch.
        axes: of the batch in each operand, None for one without.
        n_indices: number of leading operands that say where values go, which have no batch.

    Returns: the result and the axis of its batch.
    """
    values = [second(x, axis, size) for x, axis in zip(operands[n_indices:], axes[n_indices:])]
    return function(*operands[:n_indices], *values), 1


def _varying(x: Any) -> frozenset[Any]:
    """Return the mesh axes over which a value varies inside shard_map."""
    aval = jax.typeof(x)
    axes = getattr(aval, "vma", None)
    return axes if axes is not None else getattr(getattr(aval, "mat", None), "varying", frozenset())


def alike(operands: Sequence[Any]) -> Sequence[Any]:
    """Let all operands vary over the same mesh axes, as a primitive under shard_map must have them."""
    varying = [_varying(x) for x in operands]
    union = frozenset().union(*varying)
    if not union:
        return operands
    return [
        jax.lax.pcast(x, tuple(union - axes), to="varying") if union - axes else x
        for x, axes in zip(operands, varying)
    ]


def _find_vma_rule() -> Callable[..., Any] | None:
    from jax._src import core

    return getattr(core, "standard_vma_rule", None)


_vma_rule = _find_vma_rule()


def check_varying(name: str, *avals: Any) -> None:
    """Raise unless all operands of a primitive vary over the same mesh axes."""
    if _vma_rule:
        _vma_rule(name, *avals)


def same_dtype(*arrays: jax.Array) -> list[jax.Array]:
    """Return float arrays, of any shapes, promoted to their common dtype, in order.

    Raises:
        TypeError: their common dtype isn't a float.
    """
    with jax.numpy_dtype_promotion("standard"):
        dtype = functools.reduce(jnp.promote_types, (x.dtype for x in arrays))
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(
            problem("heddle_kernels.jax", f"dtype {dtype}", "a float of 16, 32 or 64 bits", "cast it")
        )
    return [x.astype(dtype) for x in arrays]


def widened(x: jax.Array) -> jax.Array:
    """Return x, of any shape, in the dtype that its sums are kept in: float64 as it is, all else float32."""
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)
