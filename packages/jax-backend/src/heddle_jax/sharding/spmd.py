"""spmd: one body for every device of a mesh, by shard_map or by pmap."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from heddle.errors import ConfigError

AXIS = "shards"
"""Name of the mesh axis that graphs are split over."""

Body = Callable[..., Any]
"""(shared, split) -> (shared, split) on one device; see `spmd`."""


def device_mesh(n_devices: int | None = None, devices: Sequence[Any] | None = None, axis: str = AXIS) -> Mesh:
    """Return the first `n_devices` devices (None: all of all processes) as a mesh of one axis.

    Raises:
        ConfigError: there are fewer.
    """
    there = jax.devices() if devices is None else devices
    wanted = len(there) if n_devices is None else n_devices
    if not 1 <= wanted <= len(there):
        platform = there[0].platform if there else "no"
        raise ConfigError(
            f"sharding.devices: found {wanted}, expected 1 to {len(there)}, the {platform} devices there are; lower "
            "it, or have more of them (on a CPU: jax_num_cpu_devices, before JAX's first use)"
        )
    return Mesh(np.array(there[:wanted]), (axis,), axis_types=(jax.sharding.AxisType.Auto,))


def spmd(body: Body, mesh: Mesh, how: Literal["shard_map", "pmap"] = "shard_map") -> Callable[..., Any]:
    """Return (shared, split) -> (shared, split), which runs `body` on every device of `mesh`.

    `shared` are pytrees that every device sees whole, and results that are the same on all. The arrays of `split` have
    a leading axis of one entry a device, which the body doesn't see. The same body does for both ways; what it needs
    of other devices it gets through collectives on the mesh's axis, as ShardedOps does. Take gradients of what this
    returns, not inside the body: there, the gradient through a sum over devices is wrong under pmap.

    Raises (when called):
        ConfigError: `split` was made for another number of devices.

    >>> total = spmd(lambda scale, x: (jax.lax.psum(scale * x, AXIS), x), device_mesh(1))
    >>> total(2.0, np.ones((1, 3)))[0].tolist()
    [2.0, 2.0, 2.0]
    """
    (axis,) = mesh.axis_names
    if how == "pmap":
        return _checked(_by_pmap(body, mesh, axis), mesh)
    return _checked(_by_shard_map(body, mesh, axis), mesh)


def put_on_mesh(mesh: Mesh, shared: Any, split: Any) -> tuple[Any, Any]:
    """Put (shared, split) pytrees of numpy arrays on the mesh's devices, each process its own part.

    Raises:
        ConfigError: as `spmd`.
    """
    check_split(split, mesh)
    (axis,) = mesh.axis_names
    return _put(mesh, P(), shared), _put(mesh, P(axis), split)


def check_split(split: Any, mesh: Mesh) -> None:
    """Check that every array of `split` has as many entries as the mesh has devices. Raises ConfigError."""
    for array in jax.tree.leaves(split):
        if np.ndim(array) == 0 or np.shape(array)[0] != mesh.size:
            count = np.shape(array)[0] if np.ndim(array) else "no"
            raise ConfigError(
                f"sharding: found a graph split into {count} shards, expected {mesh.size}, the devices of the mesh; "
                "shard it for this mesh, or make a mesh of that size"
            )


def _by_shard_map(body: Body, mesh: Mesh, axis: str) -> Callable[..., Any]:
    def on_block(shared: Any, split: Any) -> Any:
        same, rows = body(shared, jax.tree.map(lambda block: block[0], split))
        return same, jax.tree.map(lambda array: array[None], rows)

    return jax.shard_map(on_block, mesh=mesh, in_specs=(P(), P(axis)), out_specs=(P(), P(axis)))


def _by_pmap(body: Body, mesh: Mesh, axis: str) -> Callable[..., Any]:
    mapped = jax.pmap(body, axis, in_axes=(None, 0), out_axes=(None, 0), devices=list(mesh.devices.flat))
    return mapped


def _checked(run: Callable[..., Any], mesh: Mesh) -> Callable[..., Any]:
    def call(shared: Any, split: Any) -> Any:
        check_split(split, mesh)
        return run(shared, split)

    return call


def _put(mesh: Mesh, spec: P, pytree: Any) -> Any:
    sharding = NamedSharding(mesh, spec)

    def put(array: Any) -> jax.Array:
        array = np.asarray(array)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(put, pytree)
