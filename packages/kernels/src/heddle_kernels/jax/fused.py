"""An op fused both ways: a native forward and a native gradient, and all further derivatives from a plain form of it.

Three primitives: the op; its derivative in a direction, which is linear in it; and that one's transpose, the gradient.
The op's jvp is the second, the second's transpose the third, the third's transpose the second; whatever else is asked
for, a derivative of the second or of the third, is taken of the plain form.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching

from heddle_kernels.jax.compat import OPERATIONS, Operation, alike, check_varying, use

Outputs = Sequence[Any]
Mask = tuple[bool, ...]


def fused(
    name: str,
    *,
    fixed: int,
    values: int,
    plain: Callable[..., Outputs],
    on_cpu: Callable[..., Outputs],
    gradient_on_cpu: Callable[..., Outputs],
) -> Callable[..., list[jax.Array]]:
    """Make the primitives and return the function that binds the op: (*fixed operands, *values, **params) -> outputs.

    Args:
        fixed, values: numbers of leading operands without a derivative, and of those with one.
        plain: the op in traceable functions that have derivatives of any order.
        on_cpu: the op as the library computes it.
        gradient_on_cpu: (*fixed operands, *values, *cotangents, want, have, **params) -> cotangents of the values that
            `want` marks, from those of the outputs that `have` marks.
    """

    def halves(operands: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        return operands[:fixed], operands[fixed : fixed + values], operands[fixed + values :]

    def in_marked(operands: Sequence[Any], given: Mask, params: dict[str, Any]) -> Callable[..., Outputs]:
        """Return the plain op as a function of its marked values alone."""
        csr, known, _ = halves(operands)

        def function(*marked: Any) -> Outputs:
            return tuple(plain(*csr, *_merged(known, given, marked), **params))

        return function

    def tangent(*operands: Any, given: Mask, **params: Any) -> Outputs:
        _, known, tangents = halves(operands)
        tangents_out: Outputs = jax.jvp(
            in_marked(operands, given, params), _marked(known, given), tuple(tangents)
        )[1]
        return tangents_out

    def gradient(*operands: Any, want: Mask, have: Mask, **params: Any) -> Outputs:
        _, known, cotangents = halves(operands)
        outputs, pull = jax.vjp(in_marked(operands, want, params), *_marked(known, want))
        grads: Outputs = pull(tuple(_merged(list(map(jnp.zeros_like, outputs)), have, cotangents)))
        return grads

    op = _primitive(name, plain, on_cpu)
    derivative = _primitive(f"{name}_tangent", tangent, tangent)
    transposed = _primitive(f"{name}_gradient", gradient, gradient_on_cpu)

    def op_jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Outputs, Outputs]:
        outputs = op(*primals, **params)
        given = _given(tangents[fixed:])
        if not any(given):
            return outputs, _zeros(outputs)
        return outputs, derivative(*primals, *_marked(tangents[fixed:], given), given=given, **params)

    def derivative_transpose(cotangents: Any, *operands: Any, given: Mask, **params: Any) -> list[Any]:
        csr, known, tangents = halves(operands)
        have = _given(cotangents)
        if not any(have):
            return [None] * (fixed + values) + [ad.Zero(each.aval) for each in tangents]
        cotangents_in = transposed(*csr, *known, *_marked(cotangents, have), want=given, have=have, **params)
        return [None] * (fixed + values) + list(cotangents_in)

    def gradient_transpose(
        cotangents: Any, *operands: Any, want: Mask, have: Mask, **params: Any
    ) -> list[Any]:
        csr, known, linear = halves(operands)
        moved = _given(cotangents)
        if not any(moved):
            return [None] * (fixed + values) + [ad.Zero(each.aval) for each in linear]
        given = tuple(_merged([False] * values, want, moved))
        tangents = derivative(*csr, *known, *_marked(cotangents, moved), given=given, **params)
        return [None] * (fixed + values) + list(_marked(tangents, have))

    ad.primitive_jvps[op.primitive] = op_jvp
    ad.primitive_jvps[derivative.primitive] = functools.partial(_plain_jvp, derivative, tangent, fixed)
    ad.primitive_jvps[transposed.primitive] = functools.partial(_plain_jvp, transposed, gradient, fixed)
    ad.primitive_transposes[derivative.primitive] = derivative_transpose
    ad.primitive_transposes[transposed.primitive] = gradient_transpose
    return op


class _primitive:
    """A primitive of many results, as the function that binds it."""

    def __init__(self, name: str, elsewhere: Callable[..., Outputs], on_cpu: Callable[..., Outputs]):
        self.primitive = primitive = Primitive(f"heddle_{name}")
        primitive.multiple_results = True
        primitive.def_impl(lambda *operands, **params: self._compiled(tuple(params.items()))(*operands))
        primitive.def_abstract_eval(functools.partial(_abstract, name, elsewhere))
        batching.primitive_batchers[primitive] = functools.partial(_batched, self)
        OPERATIONS[name] = Operation(primitive, on_cpu, elsewhere, self)
        use(OPERATIONS[name], elsewhere)
        use(OPERATIONS[name], on_cpu, platform="cpu")

    def __call__(self, *operands: Any, **params: Any) -> list[jax.Array]:
        return self.primitive.bind(*alike(operands), **params)

    @functools.cache  # noqa: B019
    def _compiled(self, params: tuple[tuple[str, Any], ...]) -> Callable[..., Outputs]:
        return jax.jit(lambda *operands: self.primitive.bind(*operands, **dict(params)))


def _abstract(name: str, function: Callable[..., Outputs], *avals: Any, **params: Any) -> list[Any]:
    check_varying(name, *avals)
    shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in avals]
    outputs = jax.eval_shape(lambda *operands: tuple(function(*operands, **params)), *shapes)
    return [avals[-1].update(shape=out.shape, dtype=out.dtype, weak_type=False) for out in outputs]


def _batched(bind: _primitive, operands: Any, axes: Any, **params: Any) -> tuple[Outputs, list[int]]:
    """Go through a batch one by one."""
    batched = tuple(axis is not None for axis in axes)
    rows = tuple(jnp.moveaxis(x, axis, 0) for x, axis in zip(operands, axes) if axis is not None)
    results = jax.lax.map(lambda row: tuple(bind(*_merged(operands, batched, row), **params)), rows)
    return results, [0] * len(results)


def _plain_jvp(
    bind: _primitive, function: Callable[..., Outputs], fixed: int, primals: Any, tangents: Any, **params: Any
) -> tuple[Outputs, Outputs]:
    given = (False,) * fixed + _given(tangents[fixed:])
    outputs = bind(*primals, **params)
    if not any(given):
        return outputs, _zeros(outputs)

    def of_given(*marked: Any) -> Outputs:
        return tuple(function(*_merged(alike(primals), given, marked), **params))

    moved = jax.jvp(of_given, _marked(primals, given), _marked(tangents, given))[1]
    return outputs, list(moved)


def _zeros(outputs: Sequence[Any]) -> list[Any]:
    return [ad.Zero(jax.typeof(out).to_tangent_aval()) for out in outputs]


def _given(tangents: Sequence[Any]) -> Mask:
    return tuple(type(each) is not ad.Zero for each in tangents)


def _marked(items: Sequence[Any], mask: Mask) -> tuple[Any, ...]:
    return tuple(item for item, marked in zip(items, mask, strict=True) if marked)


def _merged(items: Sequence[Any], mask: Mask, marked: Sequence[Any]) -> list[Any]:
    """Return items with those that are marked replaced, in order."""
    rest = iter(marked)
    return [next(rest) if at else item for item, at in zip(items, mask, strict=True)]
